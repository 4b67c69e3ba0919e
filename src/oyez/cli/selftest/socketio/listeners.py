"""What a listener asks, and how it is answered: by events, and refused in the contract's words.

Knows the commands of a listener. Must not know how events reach it; nothing here is posted.

Only what no server suffers from is sent: some daemons of old end at a set-filter without an argument.
"""

import re
from collections.abc import Sequence

from oyez.cli.selftest.expectations import NotOffered, as_object, read_success, require, require_equal
from oyez.cli.selftest.links import Link
from oyez.cli.selftest.socketio.guest import SocketIOGuest, collect, expect_success, follow
from oyez.cli.selftest.tables import Table

LISTENERS: Table[SocketIOGuest] = Table()

_JOINED = ("listener-joins",)
_FOLLOWS = ("listener-joins", "set-filter-answered")
_MANY = 200  # their names have to go into one packet
_LEAST_CHANNELS = 10  # what pages may rely on
_LEAST_LENGTH = 100
_TOO_MANY = re.compile(r"Maximum ([0-9]+) subscriptions per connection")
_BAD_CHANNEL = re.compile(r"Channel must be a non-empty string \(max ([0-9]+) chars\)")


@LISTENERS.check("listener-asks-last-msg", "last-msg of a listener is answered by last-response.", needs=_JOINED)
def _answer_last(guest: SocketIOGuest) -> None:
    with guest.listener() as link:
        link.emit("last-msg")
        read_success(link.hear("last-response"))


@LISTENERS.check("start-msg-answered", "start-msg is answered by the event status.", needs=_JOINED)
def _answer_start(guest: SocketIOGuest) -> None:
    with guest.listener() as link:
        for start in (1, "1", 0, None):
            link.emit("start-msg", {"start": start})
            expect_success(link.hear("status"))


@LISTENERS.check("set-filter-answered", "set-filter is answered by the event status.", needs=_JOINED)
def _answer_filter(guest: SocketIOGuest) -> None:
    with guest.listener() as link:
        follow(link, [guest.visit.new_channel()])


@LISTENERS.check(
    "answers-are-events", "A listener that asks for an acknowledgement is answered by an event even so.", needs=_FOLLOWS
)
def _answer_by_event(guest: SocketIOGuest) -> None:
    with guest.listener() as link:
        link.ask("set-filter", {"filter": [guest.visit.new_channel()]})
        expect_success(link.hear("status", acks=True))


@LISTENERS.check("refuses-no-filter", "A filter that is empty or no array is refused.", needs=_JOINED)
def _refuse_no_filter(guest: SocketIOGuest) -> None:
    arguments: Sequence[object] = ({"filter": []}, {"filter": "news"}, {"filter": None}, {})
    with guest.listener() as link:
        for argument in arguments:
            _expect_error(link, argument, "invalid-filter", "Invalid filter")


@LISTENERS.check(
    "refuses-many-channels",
    "A filter with more entries than are allowed is refused before they are looked at.",
    needs=_FOLLOWS,
)
def _refuse_many(guest: SocketIOGuest) -> None:
    name = guest.visit.new_channel()
    with guest.listener() as link:
        link.emit("set-filter", {"filter": [name] * _MANY})
        packet = link.next_event()
        if packet.event == "status":
            raise NotOffered(f"{_MANY} channels may be followed at once")
        most = _read_limit(packet.argument, "too-many-subscriptions", _TOO_MANY, _LEAST_CHANNELS)
        message = f"Maximum {most} subscriptions per connection"
        for entry in (name, ""):
            _expect_error(link, {"filter": [entry] * (most + 1)}, "too-many-subscriptions", message)
        follow(link, [name] * most)


@LISTENERS.check("refuses-bad-channels", "A filter with an entry that is no channel's name is refused.", needs=_JOINED)
def _refuse_bad_channels(guest: SocketIOGuest) -> None:
    entries: Sequence[object] = ("", 5, None, ["news"], "x" * 2000)
    with guest.listener() as link:
        for entry in entries:
            link.emit("set-filter", {"filter": [guest.visit.new_channel(), entry]})
            _read_limit(link.hear("error"), "invalid-channel", _BAD_CHANNEL, _LEAST_LENGTH)


@LISTENERS.check("ten-channels", "Ten channels with names of a hundred characters can be followed.", needs=_FOLLOWS)
def _follow_ten(guest: SocketIOGuest) -> None:
    with guest.listener() as link:
        follow(link, [guest.visit.new_channel(_LEAST_LENGTH) for _ in range(_LEAST_CHANNELS)])


@LISTENERS.check("refuses-listeners-posts", "A listener that posts is refused.", needs=_JOINED)
def _refuse_post(guest: SocketIOGuest) -> None:
    with guest.listener() as link:
        link.emit("post", {"channel": guest.visit.new_channel(), "message": 1})
        error = {"status": "error", "code": "unauthorized", "message": "Unauthorized operation"}
        require_equal(link.hear("error"), error)


@LISTENERS.check("ignores-unknown-events", "Events that there are not are ignored.", needs=_JOINED)
def _ignore_unknown(guest: SocketIOGuest) -> None:
    with guest.listener() as link:
        link.emit("no-such-event", {"a": 1})
        require_equal(collect(link), [])


def _expect_error(link: Link, argument: object, code: str, message: str) -> None:
    link.emit("set-filter", argument)
    require_equal(link.hear("error"), {"status": "error", "code": code, "message": message})


def _read_limit(error: object, code: str, form: re.Pattern[str], least: int) -> int:
    """Take the limit out of an error's text, which is a setting's value."""
    text = as_object(error).get("message")
    found = form.fullmatch(text) if isinstance(text, str) else None
    wanted = form.pattern.replace("\\", "").replace("([0-9]+)", f"{least}")
    require(found is not None, {"status": "error", "code": code, "message": wanted}, error)
    assert found is not None
    require_equal(error, {"status": "error", "code": code, "message": found[0]})
    require(int(found[1]) >= least, f"a limit of {least} or more", error)
    return int(found[1])
