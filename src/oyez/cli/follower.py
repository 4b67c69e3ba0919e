"""Channels that are followed by Socket.IO over one WebSocket after the other, for `oyez listen`.

Knows what a listener says, and what it is told. Must not know how that is shown.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from oyez.backoff import Backoff
from oyez.cli.exits import LinkError, ListenError
from oyez.errors import ProtocolError
from oyez.probe.failures import Closed, Kind, NotConnected, NotOpened, Trouble
from oyez.probe.place import parse_place
from oyez.probe.socketio import Session, target
from oyez.probe.websocket import WebSocket, opened
from oyez.wire import json_text
from oyez.wire.json_text import Json

_OPEN_TIMEOUT_S = 10.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_MAX_FRAME_BYTES = 2**26  # far above what senders may post
_MOST_DIGITS = 16  # of an id, which is below 2^53


class Heard(NamedTuple):
    """An event of a channel; `message` is JSON in one line, or None when the post had none."""

    id: int
    channel: str
    message: str | None


class Missed(NamedTuple):
    """Events of a channel that are gone for good: those after the id `start` and before `oldest`; None if unknown."""

    channel: str
    start: int | None
    oldest: int | None


class Follower:
    """Follows channels for ever: after each loss of the link a new one takes over behind the newest id so far.

    Args:
        url: of the daemon.
        channels: to follow.
        since: the id to begin behind; None or 0 has the newest few come first.
        note: is told that the link is lost, and that it is back.
    """

    def __init__(self, url: str, channels: Sequence[str], since: int | None, note: Callable[[str], None]) -> None:
        self._url = url
        self._channels = channels
        self._position = since or None
        self._note = note
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, spread=(0.5, 1.5))
        self._was_ready = self._is_away = False
        self._statuses_due = 0

    def arrivals(self) -> Iterator[Heard | Missed]:
        """Yield what arrives.

        Raises ConfigError for a bad URL, LinkError when the very first link cannot be made, ListenError.
        """
        while True:
            try:
                yield from self._hear()
            except LinkError as error:
                if not self._was_ready:
                    raise
                if not self._is_away:
                    self._note(f"link lost ({error}); trying to get it back")
                self._is_away = True
            time.sleep(self._backoff.take())

    def _hear(self) -> Iterator[Heard | Missed]:
        """Yield what arrives on one link, whose end is an error always."""
        place = parse_place(self._url)
        path = target(place, "websocket")
        doing = "cannot connect to "
        try:
            with opened(place, path, limit_s=_OPEN_TIMEOUT_S, max_frame_bytes=_MAX_FRAME_BYTES) as link:
                doing = ""
                yield from self._hear_on(link)
        except ProtocolError as error:
            raise LinkError(f"{self._url}: {error}") from error
        except NotConnected as error:
            raise LinkError(str(error)) if error.payload is None else ListenError(error.payload) from error
        except (Trouble, NotOpened) as error:
            is_silent = isinstance(error, Trouble) and error.kind is Kind.SILENT
            words = f"{self._url} is silent" if is_silent else f"{doing}{self._url}: {error.__cause__ or error}"
            raise LinkError(words) from error

    def _hear_on(self, link: WebSocket) -> Iterator[Heard | Missed]:
        link.allow(_OPEN_TIMEOUT_S)
        session = Session(link)
        timers = session.handshake
        session.patience_s = (timers.pingInterval + timers.pingTimeout) / 1000 if timers else _OPEN_TIMEOUT_S
        session.enter({"role": "client"})
        self._subscribe(session)
        while True:
            packet = session.event_packet()
            if packet.args:
                yield from self._take_event(packet.event, json_text.split_object(packet.args[0]))

    def _subscribe(self, session: Session) -> None:
        self._statuses_due = 1 if self._position is None else 2
        with suppress(Closed):  # what came before the end is read first: it may be the error that the link ended with
            if self._position is None:
                session.emit("last-msg")  # before the filter: whatever comes later, comes on this link
            session.subscribe(self._channels, self._position)

    def _take_event(self, name: str | None, body: dict[str, Json]) -> Iterator[Heard | Missed]:
        if name == "message":
            event = Heard(_number(body, "id") or 0, _text(body, "channel"), _one_line(body.get("message")))
            self._position = event.id
            yield event
        elif name == "gap":
            yield Missed(_text(body, "channel"), _number(body, "from"), _number(body, "oldest"))
        elif name == "last-response":
            self._position = _number(body, "id") or 0
        elif name == "error":
            raise ListenError(f"{_text(body, 'message')} ({_text(body, 'code')})")
        elif name == "status":
            self._statuses_due -= 1
            if self._statuses_due == 0:
                self._note_ready()

    def _note_ready(self) -> None:
        if self._is_away:
            self._note("link is back")
        self._was_ready, self._is_away = True, False
        self._backoff.restart()


def _one_line(text: Json | None) -> str | None:
    """Return JSON without line breaks; outside of strings they are white space, and inside they are escaped anyway."""
    if text is None:
        return None
    return bytes(text).decode().translate({ord("\n"): " ", ord("\r"): " ", ord("\t"): " "})


def _text(body: dict[str, Json], name: str) -> str:
    return (json_text.decode_string(body[name]) if name in body else None) or ""


def _number(body: dict[str, Json], name: str) -> int | None:
    text = bytes(body[name]) if name in body else b""
    return int(text) if len(text) <= _MOST_DIGITS and text.isdigit() else None
