"""From every door that takes posts to every door that gives events: one event, with one id.

It must not know what else the doors promise.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property

from oyez.cli.selftest.event_stream import StreamGuest
from oyez.cli.selftest.expectations import Mismatch, NotOffered, parse_object
from oyez.cli.selftest.findings import Door
from oyez.cli.selftest.http_api import ApiGuest
from oyez.cli.selftest.long_poll import PollGuest
from oyez.cli.selftest.raw_listeners import RawGuest, collect
from oyez.cli.selftest.socketio.guest import SocketIOGuest
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.transports import by_polling, by_websocket
from oyez.cli.selftest.visit import NO_KEY, Visit
from oyez.errors import OyezError

ACROSS: Table["AcrossGuest"] = Table()

Take = Callable[[], object]
"""Waits for the next event."""

Listen = Callable[[str, int], AbstractContextManager[Take]]
"""Follows a channel from behind an id."""


class AcrossGuest:
    """Posts at every door, and listens at every door."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._socketio = SocketIOGuest(visit, by_websocket)
        self._polling = SocketIOGuest(visit, by_polling)

    @property
    def silenced(self) -> str:
        """Why nothing can be posted."""
        return self.visit.silenced

    @cached_property
    def listeners(self) -> dict[Door, Listen]:
        """The doors at which this run can listen."""
        every: dict[Door, Listen] = {
            Door.SOCKETIO: lambda channel, start: self._by_socketio(self._socketio, channel, start),
            Door.POLLING: lambda channel, start: self._by_socketio(self._polling, channel, start),
            Door.WEBSOCKET: self._by_raw_websocket,
            Door.LONG_POLL: self._by_long_poll,
            Door.SSE: self._by_stream,
            Door.API: self._by_history,
        }
        with self.visit.poster() as poster:
            channel = self.visit.new_channel()
            start = poster.last()
            poster.post({"channel": channel})
        return {door: listen for door, listen in every.items() if _works(listen, channel, start)}

    @contextmanager
    def _by_socketio(self, guest: SocketIOGuest, channel: str, start: int) -> Iterator[Take]:
        with guest.listener([channel], start) as link:
            yield lambda: link.hear("message")

    @contextmanager
    def _by_raw_websocket(self, channel: str, start: int) -> Iterator[Take]:
        with RawGuest(self.visit).listener([channel], start) as link:
            events = collect(link)
            yield lambda: events.pop(0) if events else parse_object(link.receive())

    @contextmanager
    def _by_long_poll(self, channel: str, start: int) -> Iterator[Take]:
        with PollGuest(self.visit).waiting(channel, f"last={start}") as pending:
            yield lambda: parse_object(pending.answer().body)

    @contextmanager
    def _by_stream(self, channel: str, start: int) -> Iterator[Take]:
        with StreamGuest(self.visit).records([channel], start) as records:
            yield lambda: parse_object(next(records).get("data", ""))

    @contextmanager
    def _by_history(self, channel: str, start: int) -> Iterator[Take]:
        if not self.visit.key:
            raise NotOffered(NO_KEY)
        yield lambda: _only(ApiGuest(self.visit).history(channel, since=start).get("events"))

    def post_from(self, door: Door) -> None:
        """Post at one door, and see that the event arrives at all of them."""
        if door not in self.visit.posters:
            raise NotOffered(f"posts at the door {door}")
        channel = self.visit.new_channel()
        with self.visit.posters[door]() as poster, ExitStack() as stack:
            start = poster.last()
            taking = {at: stack.enter_context(listen(channel, start)) for at, listen in self.listeners.items()}
            event: dict[str, object] = {"channel": channel, "message": {"from": door}}
            event = {"id": poster.post(event), **event}
            came = {at: _take(take) for at, take in taking.items()}
        missing = {at: what for at, what in came.items() if what != event}
        if missing:
            raise Mismatch(dict.fromkeys(missing, event), missing)


def _take(take: Take) -> object:
    try:
        return take()
    except (OyezError, Mismatch) as error:
        return str(error)


def _only(events: object) -> object:
    return events[0] if isinstance(events, list) and len(events) == 1 else events


def _works(listen: Listen, channel: str, start: int) -> bool:
    try:
        with listen(channel, start) as take:
            return isinstance(take(), dict)
    except (OyezError, Mismatch, NotOffered):
        return False


@ACROSS.check("opens", "Events can be posted, and heard at more than one door.", posts=True)
def _open(guest: AcrossGuest) -> None:
    if len(guest.listeners) < 2:
        raise NotOffered("more than one door")


@ACROSS.check("from-api", "What is posted by HTTP arrives everywhere, with one id.", posts=True)
def _post_by_http(guest: AcrossGuest) -> None:
    guest.post_from(Door.API)


@ACROSS.check("from-socketio", "What a Socket.IO sender posts arrives everywhere, with one id.", posts=True)
def _post_by_socketio(guest: AcrossGuest) -> None:
    guest.post_from(Door.SOCKETIO)


@ACROSS.check("from-polling", "What a Socket.IO sender posts over polling arrives everywhere, with one id.", posts=True)
def _post_by_polling(guest: AcrossGuest) -> None:
    guest.post_from(Door.POLLING)


@ACROSS.check("from-post", "What a raw poster posts arrives everywhere, with one id.", posts=True)
def _post_by_raw_websocket(guest: AcrossGuest) -> None:
    guest.post_from(Door.POST)
