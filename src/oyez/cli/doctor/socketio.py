"""Socket.IO as the site's poster and as a browser speaks it, over polling or a WebSocket.

Knows packets in their order. Must not know what is wrong when they do not come.
"""

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol

import msgspec

from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask
from oyez.cli.probe.failures import NotConnected, Unexpected
from oyez.cli.probe.place import Place
from oyez.cli.probe.sockets import STEP_S, silent
from oyez.cli.probe.web_socket import opened
from oyez.errors import OyezError
from oyez.wire import engineio

PATH = "/socket.io/"
POLLING = f"{PATH}?EIO={engineio.PROTOCOL}&transport=polling"
WEBSOCKET = f"{PATH}?EIO={engineio.PROTOCOL}&transport=websocket"

_ENDS = (engineio.CLOSE.decode(), "41")

_ENDED = "the daemon ended the session"

_SEPARATOR = engineio.SEPARATOR.decode()


class Transport(Protocol):
    """What carries packets."""

    def send(self, text: str) -> None:
        """Send one packet."""

    def receive(self) -> str:
        """Wait for the next packet. Raises Trouble."""


def read_handshake(answer: Answer) -> engineio.OpenPacket | None:
    """Read what a polling session begins with; None if the answer is something else."""
    try:
        return msgspec.json.decode(answer.body.partition(_SEPARATOR)[0][1:], type=engineio.OpenPacket)
    except (msgspec.MsgspecError, UnicodeError):
        return None


class Polling:
    """A polling session, each request on a connection of its own."""

    def __init__(self, place: Place, *, limit_s: float = STEP_S) -> None:
        self._place = place
        self._until = time.monotonic() + limit_s
        self._packets: deque[str] = deque()
        answer = ask(place, POLLING)
        handshake = read_handshake(answer) if answer.status == 200 else None
        if handshake is None:
            raise Unexpected(answer)
        self._target = f"{POLLING}&sid={handshake.sid}"

    def send(self, text: str) -> None:
        """Send one packet in a request."""
        self._ask("POST", text)

    def receive(self) -> str:
        """Poll until there is a packet."""
        while not self._packets:
            self._packets.extend(self._ask("GET", None).split(_SEPARATOR))
        return self._packets.popleft()

    def _ask(self, method: str, body: str | None) -> str:
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            raise silent(self._place)
        headers = {} if body is None else {"Content-Type": "text/plain;charset=UTF-8"}
        answer = ask(self._place, self._target, method=method, body=body, headers=headers, limit_s=left_s)
        if answer.status == 400:  # Engine.IO 4: of a session that there is no more
            raise NotConnected(_ENDED)
        if answer.status != 200:
            raise Unexpected(answer)
        return answer.body


class Session:
    """A session in the default namespace; what comes is answered and read as it is needed."""

    def __init__(self, transport: Transport, auth: Mapping[str, object]) -> None:
        self._transport = transport
        transport.send(f"40{json.dumps(auth)}")
        while True:
            packet = self._next()
            if packet.startswith("40"):
                return
            if packet.startswith("44"):
                raise NotConnected(_reason(packet[2:]))

    def call(self, event: str, *args: object) -> Mapping[str, object]:
        """Emit an event and wait for its acknowledgement."""
        self._transport.send(f"421{json.dumps([event, *args])}")
        while True:
            packet = self._next()
            if packet.startswith("431["):
                return _object(json.loads(packet[3:])[0])

    def emit(self, event: str, *args: object) -> None:
        """Emit an event."""
        self._transport.send(f"42{json.dumps([event, *args])}")

    def event(self) -> tuple[str, Mapping[str, object]]:
        """Wait for the next event: its name and its argument."""
        while True:
            packet = self._next()
            if packet.startswith("42["):
                name, *args = json.loads(packet[2:])
                return str(name), _object(args[0] if args else None)

    def close(self) -> None:
        """Leave."""
        self._transport.send("41")

    def _next(self) -> str:
        while (packet := self._transport.receive()) == engineio.PING.decode():
            self._transport.send(engineio.PONG.decode())
        if packet in _ENDS:
            raise NotConnected(_ENDED)
        return packet


@contextmanager
def by_polling(place: Place, auth: Mapping[str, object]) -> Iterator[Session]:
    """Lend a session over polling. Raises Trouble, Unexpected, NotConnected."""
    session = Session(Polling(place), auth)
    yield session
    with suppress(OyezError):  # nothing depends on it
        session.close()


@contextmanager
def by_websocket(place: Place, auth: Mapping[str, object]) -> Iterator[Session]:
    """Lend a session over a WebSocket. Raises Trouble, NotOpened, NotConnected."""
    with opened(place, WEBSOCKET) as link:
        link.receive()  # Engine.IO's handshake
        yield Session(link, auth)


def _reason(payload: str) -> str:
    try:
        return str(_object(json.loads(payload)).get("message", payload))
    except ValueError:
        return payload


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
