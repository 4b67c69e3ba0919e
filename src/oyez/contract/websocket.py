"""The raw WebSocket: success of a listener is silent, and a poster gets one reply for each request, in order.

It must not know the other doors.

Only what no daemon suffers from is sent: some of old end at a frame that is no object.
"""

from contextlib import suppress

from oyez.contract import expect
from oyez.contract.checks import (
    ALWAYS,
    POSTS,
    A,
    B,
    Check,
    Step,
    Trial,
    asks,
    follows,
    hears_only,
    ids_rise,
    last_is_newest,
    needs,
    nth,
    posts,
    posts_few,
    says,
)
from oyez.contract.expect import Mismatch, NotOffered, Part
from oyez.contract.links import RawLink
from oyez.contract.run import absent
from oyez.errors import OyezError
from oyez.probe.failures import NotOpened, Trouble

_FOLLOWS = needs("refuses-unknown-command")
_FOLLOWS_POSTS = needs("refuses-unknown-command", posts=True)
_POSTS = needs("takes-posts", posts=True)
_BURST = 20
_NO_FILTERS: tuple[object, ...] = ([], "news", [5], None)
_NO_CHANNELS: tuple[object, ...] = (5, None, ["news"])


def _is_bad(who: str, name: str, **members: object) -> Step:
    message = f"bad command: {name.replace('-', '_')}"
    return asks(who, name, name, {"status": "error", "code": "bad-command", "message": message}, **members)


def _invalid_filter(frame: object) -> None:
    message = expect.error(frame, "invalid-filter")
    expect.that(message.startswith("invalid filter"), "invalid filter…", message)


def _give_notices(trial: Trial) -> None:
    frames = trial.link("listener").rest()
    if not frames:
        raise NotOffered("notices")
    expect.equal(frames[0], {"status": "success", "recovered": False})
    gap = trial.fill(Part({"status": "gap", "channel": A, "from": 1}))
    expect.that(len(frames) == 2 and gap.is_in(frames[1]), gap, frames)


# fmt: off
WEBSOCKET = (
    Check("opens",
          "A WebSocket opens at /event/, / or /socket.io/event/, and a frame that is not JSON is a syntax-error.",
          ALWAYS, lambda trial: trial.run.raw_path),
    Check("refuses-unknown-command", "A command that there is not is a bad-command, in the dialect's words.", ALWAYS,
          _is_bad("listener", "no-such-command")),
    Check("refuses-posters-commands", "The commands of posters are none here.", ALWAYS,
          *(asks("listener", name, name, expect.code("bad-command"), channel=A, key="")
            for name in ("auth", "post", "last-msg"))),
    Check("refuses-bad-filter", "A filter that is empty, no array or not of texts is an invalid-filter.", ALWAYS,
          *(asks("listener", "set-filter", "", _invalid_filter, filter=entries) for entries in _NO_FILTERS)),
    Check("succeeds-silently", "start-msg and set-filter are not answered if all is well.", _FOLLOWS,
          follows(A, start=0), hears_only()),
    Check("underscores", "In a command's name - and _ are the same.", _FOLLOWS,
          says("listener", "set_filter", filter=[A]), hears_only()),
    Check("delivered", "What is posted reaches who follows the channel, and nothing else does.", _FOLLOWS_POSTS,
          follows(A, A), posts(B, 1), posts(A, {"a": ["é", None]}), posts(A), hears_only(1, 2)),
    Check("catch-up-in-order", "Behind the id it names, a listener gets all, oldest first and once.", _FOLLOWS_POSTS,
          posts_few(5, A, B), follows(A, B, start=nth(1)), hears_only(2, 3, 4, wait=False)),
    Check("new-filter-replaces", "A new filter takes the place of the one before.", _FOLLOWS_POSTS,
          follows(A), follows(B), posts(A, 1), posts(B, 2), hears_only(1)),
    Check("notices", "Extension: who asks for notices is told of success and of gaps.", _FOLLOWS,
          says("listener", "start-msg", start=1), says("listener", "set-filter", filter=[A], notify=True),
          _give_notices),
)
# fmt: on


def _open(trial: Trial) -> None:
    try:
        link: RawLink = trial.client("stranger")
        link.transport.send("{")
        answer = link.hear()
    except (NotOpened, Trouble) as error:
        raise absent(error, named=trial.run.post_is_named) from error
    expect.equal([answer.get("status"), answer.get("code")], ["error", "syntax-error"])


def _demand_key(trial: Trial) -> None:
    answer = trial.client("stranger").ask("last-msg")
    if answer.get("status") == "success":
        raise NotOffered("a key: at this address none is needed")
    expect.equal(answer.get("code"), "unauthorized")


def _refuse_key(trial: Trial) -> None:
    link: RawLink = trial.client("stranger")
    answer = link.ask("auth", key=trial.run.wrong_key)
    if answer.get("code") == "bad-command" or answer.get("status") == "success":
        raise NotOffered("keys: any is taken at this address, or none is known")
    expect.equal(answer, {"status": "error", "code": "auth-failed", "message": "Authentication failed"})
    with suppress(Mismatch, OyezError):
        if trial.run.key:  # nothing is checked: Oyez takes a wrong key back when the right one follows
            link.ask("auth", key=trial.run.key)


def _reply_in_order(trial: Trial) -> None:
    link: RawLink = trial.client("poster")
    for number in range(_BURST):
        link.say("post", channel=trial.fill(A), message=number)
    link.say("no-such-command")
    expect.rising([expect.an_id(link.hear()) for _ in range(_BURST)])
    expect.equal(link.hear().get("code"), "bad-command")


# fmt: off
POST = (
    Check("opens", "A WebSocket opens, and a frame that is not JSON is a syntax-error.", ALWAYS, _open),
    Check("refuses-unknown-command", "A command that there is not, or is for listeners, is a bad-command.", ALWAYS,
          *(_is_bad("stranger", name, filter=[A]) for name in ("no-such-command", "set-filter"))),
    Check("key-needed", "Without the key nothing can be posted.", ALWAYS,
          _demand_key, asks("stranger", "post", "post", expect.code("unauthorized"), channel=A)),
    Check("refuses-wrong-key", "A wrong key is an auth-failed.", ALWAYS, _refuse_key),
    Check("takes-posts", "Whoever may post gets an id for each post.", POSTS, posts(A, {"a": 1}), posts(B), ids_rise),
    Check("last-msg", "last-msg is answered with the newest id.", _POSTS, posts(A), last_is_newest),
    Check("refuses-bad-channel", "A channel that is no text is an invalid-channel, without a message.", _POSTS,
          *(asks("poster", "post", "post", {"status": "error", "code": "invalid-channel"}, channel=channel, message=1)
            for channel in _NO_CHANNELS)),
    Check("one-reply-each", "Requests that do not wait are answered one by one, in their order.", _POSTS,
          _reply_in_order),
    Check("large-posts", "A post of 100 KB is taken.", _POSTS,
          asks("poster", "post", "post", expect.success_id, channel=A, message="x" * 100_000)),
)
# fmt: on
