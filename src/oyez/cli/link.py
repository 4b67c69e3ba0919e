"""A listener's end of Socket.IO over WebSocket: what arrives on one link, and how a new link carries on.

It must not know how arrivals are shown.
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect, unix_connect

from oyez.cli.exits import ListenError
from oyez.client import parse_target
from oyez.errors import OyezError, ProtocolError
from oyez.wire import engineio, json_text, socketio
from oyez.wire.json_text import Json
from oyez.wire.socketio import PacketType

_OPEN_TIMEOUT_S = 10.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_MAX_FRAME_BYTES = 2**26  # far above what senders may post
_MOST_DIGITS = 16  # of an id, which is below 2^53
_PATH = "/socket.io/?EIO=4&transport=websocket"


class LinkError(OyezError):
    """A link could not be made, or broke."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a channel; `message` is JSON in one line, or None when the post had none."""

    id: int
    channel: str
    message: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of a channel that are gone for good: those after the id `start` and before `oldest`; None if unknown."""

    channel: str
    start: int | None
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Ready:
    """The link is up and the channels are subscribed."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The link is gone; tries to make a new one follow."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Position:
    """The newest id at the time when the link came up."""

    id: int


Arrival = Event | Gap | Ready | Lost


def follow(url: str, channels: Sequence[str], since: int | None) -> Iterator[Arrival]:
    """Yield what arrives, for ever: after each loss of the link a new one takes over behind the newest id so far.

    Raises ConfigError for a bad URL, LinkError when the very first link cannot be made, ListenError.
    """
    position, was_ready, pause_s = since or None, False, _FIRST_PAUSE_S
    while True:
        try:
            for arrival in _listen_once(url, channels, position):
                if isinstance(arrival, _Position):
                    position = arrival.id
                    continue
                if isinstance(arrival, Event):
                    position = arrival.id
                elif isinstance(arrival, Ready):
                    was_ready, pause_s = True, _FIRST_PAUSE_S
                yield arrival
        except LinkError as error:
            if not was_ready:
                raise
            yield Lost(str(error))
        time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - spreads a herd of listeners, hides no secret
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def _listen_once(url: str, channels: Sequence[str], start: int | None) -> Iterator[Event | Gap | Ready | _Position]:
    reached = False
    try:
        with _connect(url) as connection:
            reached = True
            yield from _Conversation(connection, channels, start).run()
    except TimeoutError as error:
        raise LinkError(f"{url} is silent") from error
    except (OSError, EOFError, WebSocketException, ProtocolError, msgspec.MsgspecError) as error:
        raise LinkError(f"{url}: {error}" if reached else f"cannot connect to {url}: {error}") from error


def _connect(url: str) -> AbstractContextManager[ClientConnection]:
    target, socket_path = parse_target(url)
    path = (target.path or "").rstrip("/") + _PATH
    if socket_path:
        return unix_connect(
            socket_path,
            f"ws://localhost{path}",
            open_timeout=_OPEN_TIMEOUT_S,
            compression=None,
            ping_interval=None,
            close_timeout=1,
            max_size=_MAX_FRAME_BYTES,
        )
    scheme = "wss" if target.scheme == "https" else "ws"
    return connect(
        f"{scheme}://{target.netloc}{path}",
        open_timeout=_OPEN_TIMEOUT_S,
        compression=None,
        proxy=None,  # the posting commands use none either
        ping_interval=None,  # Engine.IO has its own
        close_timeout=1,
        max_size=_MAX_FRAME_BYTES,
    )


class _Conversation:
    """Speaks the listener's part on one link."""

    def __init__(self, connection: ClientConnection, channels: Sequence[str], start: int | None) -> None:
        self._connection = connection
        self._channels = channels
        self._start = start
        self._statuses_due = 0

    def run(self) -> Iterator[Event | Gap | Ready | _Position]:
        """Yield what arrives until the link ends, which is an error always."""
        patience_s = _OPEN_TIMEOUT_S
        while True:
            frame = self._connection.recv(patience_s)
            if isinstance(frame, bytes):
                continue  # the attachment of an event that holds binary parts: its place in the JSON stays marked
            kind, data = frame[:1].encode(), frame[1:]
            if kind == engineio.OPEN:
                handshake = msgspec.json.decode(data, type=engineio.OpenPacket)
                patience_s = (handshake.pingInterval + handshake.pingTimeout) / 1000
                self._connection.send('40{"role":"client"}')
            elif kind == engineio.PING:
                self._connection.send(engineio.PONG.decode() + data)
            elif kind == engineio.CLOSE:
                raise LinkError("the daemon closed the link")
            elif kind == engineio.MESSAGE:
                yield from self._take(data.encode())

    def _take(self, data: bytes) -> Iterator[Event | Gap | Ready | _Position]:
        packet = socketio.decode(data)
        if packet.type is PacketType.CONNECT:
            self._subscribe()
        elif packet.type is PacketType.CONNECT_ERROR:
            raise ListenError(data[1:].decode())
        elif packet.type is PacketType.DISCONNECT:
            raise LinkError("the daemon ended the session")
        elif packet.args:
            yield from self._take_event(packet.event, json_text.split_object(packet.args[0]))

    def _subscribe(self) -> None:
        if self._start is None:
            self._emit("last-msg")  # before the filter: whatever comes later, comes on this link
        else:
            self._emit("start-msg", {"start": self._start})
        self._emit("set-filter", {"filter": self._channels})
        self._statuses_due = 1 if self._start is None else 2

    def _emit(self, name: str, *args: object) -> None:
        self._connection.send(socketio.encode_event(name, *(json.dumps(arg).encode() for arg in args)).decode())

    def _take_event(self, name: str | None, body: dict[str, Json]) -> Iterator[Event | Gap | Ready | _Position]:
        if name == "message":
            message = _one_line(body["message"]) if "message" in body else None
            yield Event(_number(body, "id") or 0, _text(body, "channel"), message)
        elif name == "gap":
            yield Gap(_text(body, "channel"), _number(body, "from"), _number(body, "oldest"))
        elif name == "last-response":
            yield _Position(_number(body, "id") or 0)
        elif name == "error":
            raise ListenError(f"{_text(body, 'message')} ({_text(body, 'code')})")
        elif name == "status":
            self._statuses_due -= 1
            if self._statuses_due == 0:
                yield Ready()


def _one_line(text: Json) -> str:
    """Return JSON without line breaks; outside of strings they are white space, and inside they are escaped anyway."""
    return bytes(text).decode().translate({ord("\n"): " ", ord("\r"): " ", ord("\t"): " "})


def _text(body: dict[str, Json], name: str) -> str:
    return (json_text.decode_string(body[name]) if name in body else None) or ""


def _number(body: dict[str, Json], name: str) -> int | None:
    text = bytes(body[name]) if name in body else b""
    return int(text) if len(text) <= _MOST_DIGITS and text.isdigit() else None
