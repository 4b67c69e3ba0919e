"""Socket.IO, over each of its transports: what every server keeps that sites of the LQDOJ kind can work with.

It must not know Engine.IO, but for how a session ends.

Checks whose sentence begins with "Extension" are about what Oyez adds: a server that does not offer it keeps the
contract as well. Only what no server suffers from is sent: some daemons of old end at a set-filter without an argument.
"""

import re
from contextlib import suppress

from oyez.contract import expect
from oyez.contract.checks import (
    ALWAYS,
    POSTS,
    TEN_LONG,
    A,
    B,
    Check,
    Step,
    Trial,
    asks,
    event_of,
    follows,
    hears,
    hears_only,
    last_is_newest,
    needs,
    nth,
    posts,
    posts_few,
    says,
)
from oyez.contract.expect import Mismatch, NotOffered, Part
from oyez.contract.links import ENDS, JOINED, REFUSED, SocketIOLink
from oyez.contract.run import absent
from oyez.errors import OyezError
from oyez.probe.failures import NotOpened

_MESSAGES: tuple[object, ...] = (
    None, False, 0, -1.5, 2**53 - 1, "", 'é 😀 "\\ \n\u2028</script>', [], {}, {"a": [1, {"b": None}], "ü": "x" * 500},
)  # fmt: skip
_BAD_CHANNELS: tuple[object, ...] = ("", 5, None, ["news"], "x" * 2000)
_NO_FILTERS: tuple[object, ...] = ([], "news", None)
_BURST = 10  # twice that has to fit into the memory of a server of old


def _error(code: str, message: str) -> dict[str, object]:
    return {"status": "error", "code": code, "message": message}


_BAD_CHANNEL = _error("invalid-channel", "Invalid channel")

# --- who is let in, and as what ---------------------------------------------------------------------------------------


def open_session(trial: Trial) -> None:
    """Open a session. Raises NotOffered if there is no Socket.IO at all."""
    try:
        trial.client("stranger")
    except NotOpened as error:
        reason = absent(error)
        if isinstance(reason, NotOffered) and trial.run.has_socketio:  # thus over the other transport
            raise Mismatch("a session over this transport too", str(reason)) from error
        raise reason from error


def _join(link: SocketIOLink, auth: object = None) -> None:
    payload = expect.an_object(link.join(auth), JOINED)
    expect.that(isinstance(payload.get("sid"), str) and payload["sid"] != "", JOINED, payload)


def _join_as_listener(trial: Trial) -> None:
    for auth in (None, {}, {"role": "client"}, {"role": "guest", "token": trial.run.wrong_key}):
        with trial.connect(trial.run, "stranger") as link:
            assert isinstance(link, SocketIOLink)
            _join(link, auth)
            link.say("last-msg")
            link.hear("last-response")


def _refuse_wrong_key(trial: Trial) -> None:
    link: SocketIOLink = trial.client("stranger")
    try:
        answer = link.join({"role": "sender", "token": trial.run.wrong_key}, REFUSED)
    except Mismatch as error:
        if isinstance(error.__cause__, ENDS):
            raise NotOffered("words of a refusal: the session ended, as after too many wrong keys") from error
        raise
    expect.equal(answer, {"message": "Authentication failed"})
    with suppress(Mismatch, OyezError):
        if trial.run.key:  # nothing is checked: Oyez takes a wrong key back when the right one follows
            link.join({"role": "sender", "token": trial.run.key})


def _refuse_namespace(trial: Trial) -> None:
    link: SocketIOLink = trial.client("stranger")
    answer = link.join(answer=f"{REFUSED} in /oyez-selftest", namespace="/oyez-selftest")
    expect.equal(answer, {"message": "Invalid namespace"})
    _join(link)  # a refusal ends nothing


# fmt: off
_JOINING = (
    Check("opens", "A session opens, and tells its id and its timers.", ALWAYS, open_session),
    Check("listener-joins", "Whoever claims no role, or another than sender, joins as a listener.", ALWAYS,
          _join_as_listener),
    Check("sender-joins", "A sender with the key joins.", POSTS,
          lambda trial: _join(trial.client("stranger"), {"role": "sender", "token": trial.run.key})),
    Check("refuses-wrong-key", "A sender with a wrong key is refused, in the contract's words.", ALWAYS,
          _refuse_wrong_key),
    Check("refuses-other-namespaces", "No other namespace can be joined.", ALWAYS, _refuse_namespace),
)
# fmt: on

# --- what a listener asks, and how it is answered ---------------------------------------------------------------------

_JOINED = needs("listener-joins")
_FOLLOWS = needs("listener-joins", "set-filter-answered")
_MANY = 200  # their names have to go into one packet
_TOO_MANY = re.compile(r"Maximum ([0-9]+) subscriptions per connection")
_NO_CHANNEL = re.compile(r"Channel must be a non-empty string \(max ([0-9]+) chars\)")


def _filters(entries: object, wanted: object) -> Step:
    return asks("listener", "set-filter", "error", wanted, filter=entries)


def _read_limit(error: object, code: str, form: re.Pattern[str], least: int) -> int:
    """Take the limit, a setting's value, out of an error's text; it is at least what pages may rely on."""
    text = expect.an_object(error).get("message")
    found = form.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Mismatch(_error(code, form.pattern.replace("\\", "").replace("([0-9]+)", f"{least}")), error)
    expect.equal(error, _error(code, found[0]))
    expect.that(int(found[1]) >= least, f"a limit of {least} or more", error)
    return int(found[1])


def _no_channel(error: object) -> None:
    _read_limit(error, "invalid-channel", _NO_CHANNEL, 100)


def _refuse_many(trial: Trial) -> None:
    listener: SocketIOLink = trial.client()
    name = trial.fill(A)
    listener.say("set-filter", filter=[name] * _MANY)
    answer = listener.take("an event")
    if answer.name == "the event 'status'":
        raise NotOffered(f"{_MANY} channels may be followed at once")
    most = _read_limit(answer.value(answer.name), "too-many-subscriptions", _TOO_MANY, 10)
    for entry in (name, ""):
        listener.say("set-filter", filter=[entry] * (most + 1))
        error = _error("too-many-subscriptions", f"Maximum {most} subscriptions per connection")
        expect.equal(listener.hear("error"), error)
    listener.follow([name] * most)


def _answer_by_event(trial: Trial) -> None:
    """The contract lets a listener have acknowledgements as well, though none needs any."""
    listener: SocketIOLink = trial.client()
    number = listener.session.ask("set-filter", {"filter": [trial.fill(A)]})
    answer = listener.take_known("the event 'status'")
    if answer.name == f"the acknowledgement {number}":
        answer = listener.take_known("the event 'status'")
    expect.success(answer.value("the event 'status'"))


# fmt: off
_LISTENERS = (
    Check("listener-asks-last-msg", "last-msg of a listener is answered by last-response.", _JOINED,
          asks("listener", "last-msg", "last-response", expect.success_id)),
    Check("start-msg-answered", "start-msg is answered by the event status.", _JOINED,
          *(asks("listener", "start-msg", "status", expect.success, start=start) for start in (1, "1", 0, None))),
    Check("set-filter-answered", "set-filter is answered by the event status.", _JOINED, follows(A)),
    Check("answers-are-events",
          "A listener that asks for an acknowledgement is answered by an event even so.", _FOLLOWS,
          _answer_by_event),
    Check("refuses-no-filter", "A filter that is empty or no array is refused.", _JOINED,
          *(_filters(entries, _error("invalid-filter", "Invalid filter")) for entries in _NO_FILTERS),
          asks("listener", "set-filter", "error", _error("invalid-filter", "Invalid filter"))),
    Check("refuses-many-channels",
          "A filter with more entries than are allowed is refused before they are looked at.", _FOLLOWS,
          _refuse_many),
    Check("refuses-bad-channels", "A filter with an entry that is no channel's name is refused.", _JOINED,
          *(_filters([A, entry], _no_channel) for entry in _BAD_CHANNELS)),
    Check("ten-channels", "Ten channels with names of a hundred characters can be followed.", _FOLLOWS,
          follows(*TEN_LONG)),
    Check("refuses-listeners-posts", "A listener that posts is refused.", _JOINED,
          asks("listener", "post", "error", _error("unauthorized", "Unauthorized operation"), **event_of(A, 1))),
    Check("ignores-unknown-events", "Events that there are not are ignored.", _JOINED,
          says("listener", "no-such-event", a=1), hears_only()),
)
# fmt: on

# --- what a sender asks, and how it is answered -----------------------------------------------------------------------

_SENDS = needs("sender-joins", posts=True)
_POSTS = needs("sender-joins", "post-acknowledged", posts=True)


def calls(who: str, command: str, wanted: object = expect.success_id, **members: object) -> Step:
    """Ask for something that is acknowledged."""
    return lambda trial: expect.fits(trial.client(who).call(command, **trial.fill(members)), wanted)


def _raise_ids(trial: Trial) -> None:
    sender: SocketIOLink = trial.client("sender")
    asked = [sender.session.ask("post", event_of(trial.fill(A), number)) for number in range(2 * _BURST)]
    expect.rising([expect.success_id(sender.hear_ack(number)) for number in asked])


# fmt: off
_SENDERS = (
    Check("post-acknowledged", "A post that asks for an acknowledgement gets it, with the id.", _SENDS,
          calls("sender", "post", **event_of(A, {"a": 1}))),
    Check("post-answered", "A post that asks for no acknowledgement is answered by post-response.", _SENDS,
          asks("sender", "post", "post-response", expect.success_id, **event_of(A, 1))),
    Check("posts-without-message", "A post without a message is taken.", _POSTS,
          calls("sender", "post", **event_of(A))),
    Check("ids-rise", "Ids of posts rise, in the order of the posts.", _POSTS, _raise_ids),
    Check("last-msg-acknowledged", "last-msg is acknowledged with the newest id.", _POSTS, posts(A), last_is_newest),
    Check("last-msg-answered", "Without an acknowledgement last-msg is answered by last-response.", _SENDS,
          asks("sender", "last-msg", "last-response", expect.success_id)),
    Check("bad-channel-acknowledged", "A post to no proper channel is refused by its acknowledgement.", _POSTS,
          *(calls("sender", "post", _BAD_CHANNEL, **event_of(channel, 1)) for channel in _BAD_CHANNELS),
          calls("sender", "post", _BAD_CHANNEL, message=1)),
    Check("bad-channel-answered", "Without an acknowledgement it is refused by the event error.", _SENDS,
          *(asks("sender", "post", "error", _BAD_CHANNEL, **event_of(channel, 1)) for channel in _BAD_CHANNELS)),
    Check("sender-hears-nothing", "A sender can follow no channel, and asking for it is ignored.", _POSTS,
          says("sender", "start-msg", start=0), says("sender", "set-filter", filter=[A]),
          says("sender", "no-such-event"), calls("sender", "post", **event_of(A, 1)), calls("sender", "last-msg")),
)
# fmt: on

# --- what reaches a listener as it is posted --------------------------------------------------------------------------

_DELIVERS = needs("sender-joins", "post-acknowledged", "set-filter-answered", posts=True)
_DELIVERED = needs(*_DELIVERS.names, "delivered", posts=True)
_DELIVERED_ALONE = needs(*_DELIVERED.names, "only-followed-channels", posts=True)
_MOST_BYTES = 500_000


def _has_recovery(trial: Trial) -> bool:
    """Tell whether the server says how complete a catch-up is: Oyez does, daemons of old do not."""

    def ask() -> bool:
        with trial.connect(trial.run, "listener") as listener:
            assert isinstance(listener, SocketIOLink)
            return "recovered" in listener.follow([trial.run.new_channel()], 1)

    return trial.run.once(("recovery", trial.connect), ask)


def _post_large(trial: Trial) -> None:
    handshake = trial.client("sender").session.handshake
    try:
        trial.post(event_of(A, "x" * min(2 * handshake.maxPayload, _MOST_BYTES)))
    except (Mismatch, *ENDS) as error:
        if _has_recovery(trial) or (isinstance(error, Mismatch) and not isinstance(error.__cause__, ENDS)):
            raise
        raise NotOffered(f"posts of more than {handshake.maxPayload} bytes") from error


# fmt: off
_DELIVERY = (
    Check("delivered", "What is posted reaches who follows the channel, with the id that the post was told.", _DELIVERS,
          follows(A), posts(A, {"a": 1}), hears_only(0)),
    Check("message-unchanged", "A message arrives as the JSON value that was posted.", _DELIVERED,
          follows(A), *(step for n, message in enumerate(_MESSAGES) for step in (posts(A, message), hears(n)))),
    Check("message-absent", "An event that was posted without a message has no such key.", _DELIVERED,
          follows(A), posts(A), hears(0)),
    Check("long-channel", "A channel's name may have a hundred characters.", _DELIVERED,
          follows(TEN_LONG[0]), posts(TEN_LONG[0], 1), hears(0)),
    Check("only-followed-channels", "Events of other channels do not arrive.", _DELIVERED,
          follows(A), posts(B, 1), posts(A, 2), hears_only(1)),
    Check("delivered-once", "An event comes once, also to who names its channel twice.", _DELIVERED,
          follows(A, A), posts_few(3, A), hears_only(0, 1, 2)),
    Check("new-filter-replaces",
          "A new filter takes the place of the one before.", _DELIVERED_ALONE,
          follows(A), follows(B), posts(A, 1), posts(B, 2), hears_only(1)),
    Check("errors-change-nothing", "After an error a listener goes on with the channels it had.", _DELIVERED,
          follows(A), _filters("news", lambda _: None), _filters([""], lambda _: None), posts(A, 1), hears(0)),
    Check("large-posts", "A sender may post more at once than a listener may say.", _DELIVERED,
          follows(A), _post_large, hears(0)),
)
# fmt: on

# --- what a listener gets that comes later, or comes back -------------------------------------------------------------

_COMES_BACK = needs("sender-joins", "post-acknowledged", "start-msg-answered", "set-filter-answered", posts=True)
_REPLAYS = needs(*_COMES_BACK.names, "catch-up-in-order", "catch-up-no-doubles", posts=True)
_CAN_COME_BACK = needs("start-msg-answered", "set-filter-answered")


def _demand_recovery(trial: Trial) -> None:
    if not _has_recovery(trial):
        raise NotOffered("word of what a catch-up lacks")


def _came_in_order(trial: Trial) -> None:
    came = trial.link("listener").rest()
    expect.equal([event for place, event in enumerate(came) if event not in came[:place]], trial.events[2:])


def _came_once(trial: Trial) -> None:
    came = [expect.an_id(event) for event in trial.link("listener").rest()]
    expect.that(len(came) == len(set(came)), "each id once", came)


def _meet_live_events(trial: Trial) -> None:
    def ask() -> list[int]:
        return [sender.session.ask("post", event_of(trial.fill(A), number)) for number in range(_BURST)]

    listener: SocketIOLink = trial.client()
    sender: SocketIOLink = trial.client("sender")
    listener.say("start-msg", start=expect.success_id(sender.call("last-msg")))
    expect.success(listener.hear("status"))
    asked = ask()
    listener.follow([trial.fill(A)])
    ids = [expect.success_id(sender.hear_ack(number)) for number in asked + ask()]
    came = [listener.take_event() for _ in ids] + listener.rest()
    expect.equal([expect.an_id(event) for event in came], ids)


def _replay_without_start(trial: Trial) -> None:
    came = trial.link("listener").rest()
    if not came and _has_recovery(trial):
        raise NotOffered("replay without a start (history.replay_without_start = 0)")
    expect.equal(came, trial.events)


def _is_told_recovered(start: object, wanted: bool) -> Step:
    return lambda trial: expect.equal(
        trial.client().follow([trial.fill(A)], trial.fill(start)).get("recovered"), wanted
    )


def _hear_gap(trial: Trial) -> None:
    gap = expect.an_object(trial.client().take("an event").value("the event 'gap'"))
    expect.fits(gap, Part({"channel": trial.fill(A), "from": 1}))
    expect.that(type(gap.get("oldest")) is int, "a number as 'oldest'", gap)


# fmt: off
_RECOVERY = (
    Check("catch-up-in-order", "Behind the id it names, a listener gets all of its channels, oldest first.",
          _COMES_BACK, posts_few(6, A, B), follows(A, B, start=nth(1)), _came_in_order),
    Check("catch-up-no-doubles", "A catch-up brings nothing twice.", _COMES_BACK,
          posts_few(6, A), follows(A, start=nth(0)), _came_once),
    Check("catch-up-meets-live", "What is posted while a listener catches up is neither lost nor doubled.", _REPLAYS,
          _meet_live_events),
    Check("start-as-text", "The id may be named as a text.", _REPLAYS,
          posts_few(6, A), follows(A, start=nth(3, as_text=True)), hears_only(4, 5, wait=False)),
    Check("newest-start", "Behind the newest id there is nothing to catch up on.", _COMES_BACK,
          posts_few(6, A), follows(A, start=nth(5)), hears_only()),
    Check("start-alone-sends-nothing", "start-msg alone brings no events; they wait for set-filter.", _COMES_BACK,
          posts_few(6, A), follows(A, start=nth(5)),
          asks("listener", "start-msg", "status", expect.success, start=nth(0)), hears_only()),
    Check("replays-without-start", "Who names no id gets the newest events, oldest first.", _REPLAYS,
          posts_few(6, A), follows(A), _replay_without_start),
    Check("recovered", "Extension: status says that nothing is missing.", _REPLAYS,
          _demand_recovery, posts_few(6, A), _is_told_recovered(nth(0), True)),
    Check("gap",
          "Extension: a listener whose id is from before all memory is told of a gap.", _CAN_COME_BACK,
          _demand_recovery, _is_told_recovered(1, False), _hear_gap),
    Check("filter-again-no-doubles", "Extension: a repeated filter replays nothing that was delivered.", _REPLAYS,
          _demand_recovery, follows(A), posts(A, 1), hears(0), follows(A), hears_only()),
)
# fmt: on


def socketio_checks(of_transport: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return the checks of one transport, with those that it alone has."""
    return (*_JOINING, *of_transport, *_LISTENERS, *_SENDERS, *_DELIVERY, *_RECOVERY)
