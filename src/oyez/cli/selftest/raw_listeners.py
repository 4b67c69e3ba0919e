"""The raw WebSocket door of listeners: silence on success, and answers to what is wrong.

It must not know who posts.

Only what no daemon suffers from is sent: some of old end at a frame that is no object.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from oyez.cli.probe.failures import NotOpened, Trouble
from oyez.cli.selftest.expectations import NotOffered, parse_object, require, require_equal
from oyez.cli.selftest.frames import Frames, opened
from oyez.cli.selftest.posters import command
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.visit import Visit, absent

LISTENERS: Table["RawGuest"] = Table()

_PATHS = ("/event/", "/", "/socket.io/event/")
_FOLLOWS = ("refuses-unknown-command",)
_FEW = 5


class RawGuest:
    """A listener of this door."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    @property
    def silenced(self) -> str:
        """Why nothing can be posted."""
        return self.visit.silenced

    @cached_property
    def path(self) -> str:
        """Where the door is. Raises NotOffered."""
        reason: Exception = NotOffered()
        for path in _PATHS:
            target = f"{self.visit.main.path.rstrip('/')}{path}"
            try:
                with opened(self.visit.main, target) as link:
                    link.send("{")  # a WebSocket of something else has no such answer
                    _expect_error(link, "syntax-error")
                    return target
            except (NotOpened, Trouble) as error:
                reason = absent(error)
        raise reason

    @contextmanager
    def listener(self, channels: Sequence[str] = (), start: int | None = None) -> Iterator[Frames]:
        """Lend a listener that follows channels, if any are named."""
        with opened(self.visit.main, self.path) as link:
            if start is not None:
                link.send(json.dumps({"command": "start-msg", "start": start}))
            if channels:
                link.send(json.dumps({"command": "set-filter", "filter": channels}))
            yield link


def collect(link: Frames, at_least: int = 0) -> list[object]:
    """Take all frames that are under way: what is asked now is answered behind them.

    Live events may still be on their way through the daemon: wait for as many as have to come (`at_least`) first.
    """
    frames: list[object] = [parse_object(link.receive()) for _ in range(at_least)]
    link.send('{"command":"no-such-command"}')
    while (frame := parse_object(link.receive())).get("code") != "bad-command":
        frames.append(frame)
    return frames


def _expect_error(link: Frames, code: str) -> dict[str, object]:
    frame = parse_object(link.receive())
    wanted = {"status": "error", "code": code}
    require({name: frame.get(name) for name in wanted} == wanted, wanted, frame)
    require(isinstance(frame.get("message"), str), "a message with the error", frame)
    return frame


@LISTENERS.check(
    "opens", "A WebSocket opens at /event/, / or /socket.io/event/, and a frame that is not JSON is a syntax-error."
)
def _open(guest: RawGuest) -> None:
    assert guest.path


@LISTENERS.check("refuses-unknown-command", "A command that there is not is a bad-command, in the dialect's words.")
def _refuse_unknown(guest: RawGuest) -> None:
    with guest.listener() as link:
        link.send('{"command":"no-such-command"}')
        message = "bad command: no_such_command"
        require_equal(parse_object(link.receive()), {"status": "error", "code": "bad-command", "message": message})


@LISTENERS.check("refuses-posters-commands", "The commands of posters are none here.")
def _refuse_posting(guest: RawGuest) -> None:
    with guest.listener() as link:
        for name in ("auth", "post", "last-msg"):
            answer = command(link, name, channel=guest.visit.new_channel(), key="")
            require_equal(answer.get("code"), "bad-command")


@LISTENERS.check("refuses-bad-filter", "A filter that is empty, no array or not of texts is an invalid-filter.")
def _refuse_filter(guest: RawGuest) -> None:
    filters: tuple[object, ...] = ([], "news", [5], None)
    with guest.listener() as link:
        for channels in filters:
            link.send(json.dumps({"command": "set-filter", "filter": channels}))
            message = _expect_error(link, "invalid-filter")["message"]
            require(str(message).startswith("invalid filter"), "invalid filter…", message)


@LISTENERS.check("succeeds-silently", "start-msg and set-filter are not answered if all is well.", needs=_FOLLOWS)
def _stay_silent(guest: RawGuest) -> None:
    with guest.listener([guest.visit.new_channel()], start=0) as link:
        require_equal(collect(link), [])


@LISTENERS.check("underscores", "In a command's name - and _ are the same.", needs=_FOLLOWS)
def _take_underscores(guest: RawGuest) -> None:
    with guest.listener() as link:
        link.send(json.dumps({"command": "set_filter", "filter": [guest.visit.new_channel()]}))
        require_equal(collect(link), [])


@LISTENERS.check(
    "delivered", "What is posted reaches who follows the channel, and nothing else does.", posts=True, needs=_FOLLOWS
)
def _deliver(guest: RawGuest) -> None:
    ours, others = guest.visit.new_channel(), guest.visit.new_channel()
    events: list[dict[str, object]] = [{"channel": ours, "message": {"a": ["é", None]}}, {"channel": ours}]
    with guest.visit.poster() as poster, guest.listener([ours, ours]) as link:
        require_equal(collect(link), [])
        poster.post({"channel": others, "message": 1})
        posted = [{"id": poster.post(event), **event} for event in events]
        require_equal(collect(link, len(events)), posted)


@LISTENERS.check(
    "catch-up-in-order",
    "Behind the id it names, a listener gets all, oldest first and once.",
    posts=True,
    needs=_FOLLOWS,
)
def _catch_up(guest: RawGuest) -> None:
    channels = [guest.visit.new_channel(), guest.visit.new_channel()]
    with guest.visit.poster() as poster:
        ids = [poster.post({"channel": channels[n % 2], "message": n}) for n in range(_FEW)]
    with guest.listener(channels, start=ids[1]) as link:
        require_equal([frame.get("id") for frame in collect(link) if isinstance(frame, dict)], ids[2:])


@LISTENERS.check("new-filter-replaces", "A new filter takes the place of the one before.", posts=True, needs=_FOLLOWS)
def _replace(guest: RawGuest) -> None:
    old, new = guest.visit.new_channel(), guest.visit.new_channel()
    with guest.visit.poster() as poster, guest.listener([old]) as link:
        link.send(json.dumps({"command": "set-filter", "filter": [new]}))
        require_equal(collect(link), [])
        poster.post({"channel": old, "message": 1})
        event = {"channel": new, "message": 2}
        posted = {"id": poster.post(event), **event}
        require_equal(collect(link, 1), [posted])


@LISTENERS.check("notices", "Extension: who asks for notices is told of success and of gaps.", needs=_FOLLOWS)
def _give_notices(guest: RawGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.listener() as link:
        link.send('{"command":"start-msg","start":1}')
        link.send(json.dumps({"command": "set-filter", "filter": [channel], "notify": True}))
        frames = collect(link)
        if not frames:
            raise NotOffered("notices")
        require_equal(frames[0], {"status": "success", "recovered": False})
        gap = frames[1] if len(frames) == 2 else None
        wanted = {"status": "gap", "channel": channel, "from": 1}
        require(isinstance(gap, dict) and {name: gap.get(name) for name in wanted} == wanted, wanted, frames)
