"""Engine.IO as its clients speak it: over a WebSocket, over polling, and first over the one and then over the other.

Knows packets and sessions. Must not know Socket.IO.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

import msgspec

from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask
from oyez.cli.probe.place import Place
from oyez.cli.probe.sockets import silent
from oyez.cli.selftest.expectations import Mismatch
from oyez.cli.selftest.frames import Closed, Frames, opened
from oyez.errors import OyezError
from oyez.wire import engineio
from oyez.wire.engineio import OpenPacket

PATH = "/socket.io/"

_SEPARATOR = engineio.SEPARATOR.decode()
_CLOSE, _PING, _PONG, _NOOP = (each.decode() for each in (engineio.CLOSE, engineio.PING, engineio.PONG, engineio.NOOP))


class Transport(Protocol):
    """A session, and how its packets travel."""

    handshake: OpenPacket

    def send(self, packet: str) -> None:
        """Send a packet."""

    def receive(self, until: float) -> str:
        """Wait for the next packet. Raises Closed, Trouble."""


Dial = Callable[[Place], AbstractContextManager[Transport]]


class Refused(OyezError):  # noqa: N818
    """A poll, or the opening of a session, was answered by an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP status {answer.status}: {answer.body or 'nothing'}")
        self.answer = answer


def target(place: Place, transport: str, *, version: str = engineio.PROTOCOL, **query: str) -> str:
    """Give the path and query of a session."""
    fields = {"EIO": version, "transport": transport, **query}
    return f"{place.path.rstrip('/')}{PATH}?" + "&".join(f"{name}={value}" for name, value in fields.items())


class WebSocketTransport:
    """A session on a WebSocket."""

    def __init__(self, frames: Frames, handshake: OpenPacket) -> None:
        self.frames = frames
        self.handshake = handshake

    def send(self, packet: str) -> None:
        """Send a packet."""
        self.frames.send(packet)

    def receive(self, until: float) -> str:
        """Wait for the next packet; pings are answered."""
        while (packet := self.frames.receive(until)) in (_PING, _NOOP):
            if packet == _PING:
                self.frames.send(_PONG)
        return packet


class PollingTransport:
    """A session over polling."""

    def __init__(self, place: Place) -> None:
        self.place = place
        answer = ask(place, target(place, "polling"))
        if answer.status != 200:
            raise Refused(answer)
        self.opening = answer
        self.handshake = _read_handshake(answer.body)
        self.target = target(place, "polling", sid=self.handshake.sid)
        self._packets: deque[str] = deque()

    def send(self, packet: str) -> None:
        """Send a packet in a request of its own."""
        answer = self.post(packet)
        if answer.status != 200:
            raise Refused(answer)

    def post(self, body: str) -> Answer:
        """Send a body, whatever the answer."""
        return ask(
            self.place, self.target, method="POST", body=body, headers={"Content-Type": "text/plain;charset=UTF-8"}
        )

    def receive(self, until: float) -> str:
        """Poll until there is a packet; pings are answered."""
        while True:
            while not self._packets:
                self._poll(until)
            packet = self._packets.popleft()
            if packet == _CLOSE:
                raise Closed(1005)
            if packet == _PING:
                self.send(_PONG)
            elif packet != _NOOP:
                return packet

    def _poll(self, until: float) -> None:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise silent(self.place)
        answer = ask(self.place, self.target, limit_s=left_s)
        if answer.status != 200:
            raise Refused(answer)
        self._packets.extend(answer.body.split(_SEPARATOR))


@contextmanager
def by_websocket(place: Place) -> Iterator[WebSocketTransport]:
    """Lend a session that begins on a WebSocket."""
    with opened(place, target(place, "websocket")) as frames:
        yield WebSocketTransport(frames, _read_handshake(frames.receive()))


@contextmanager
def by_polling(place: Place) -> Iterator[PollingTransport]:
    """Lend a session over polling; it is ended afterwards, or it would count as open for a while."""
    transport = PollingTransport(place)
    try:
        yield transport
    finally:
        with suppress(OyezError):  # it may have ended before
            transport.post(_CLOSE)


@contextmanager
def probed(polling: PollingTransport) -> Iterator[WebSocketTransport]:
    """Lend the WebSocket that a polling session may move to: it has answered the probe (Engine.IO 4, "Upgrade")."""
    with opened(polling.place, target(polling.place, "websocket", sid=polling.handshake.sid)) as frames:
        frames.send(engineio.PROBE_PING.decode())
        answer = frames.receive()
        if answer != engineio.PROBE_PONG.decode():
            raise Mismatch(engineio.PROBE_PONG.decode(), answer)
        yield WebSocketTransport(frames, polling.handshake)


@contextmanager
def by_upgrade(place: Place) -> Iterator[WebSocketTransport]:
    """Lend a session that has moved from polling to a WebSocket before anything was said on it."""
    with probed(PollingTransport(place)) as moved:
        moved.send(engineio.UPGRADE.decode())
        yield moved


def _read_handshake(packets: str) -> OpenPacket:
    first = packets.partition(_SEPARATOR)[0]
    try:
        if first[:1] == engineio.OPEN.decode():
            return msgspec.json.decode(first[1:], type=OpenPacket)
    except (msgspec.MsgspecError, UnicodeError):
        pass
    raise Mismatch('0{"sid":…,"upgrades":[…],"pingInterval":…,"pingTimeout":…,"maxPayload":…}', first)
