"""What a link speaks: plain frames, or Socket.IO as a client or as a server.

Knows frames and typed lines. Must not know sockets, screens or clocks.
"""

from collections.abc import Callable, Mapping
from itertools import count
from typing import NamedTuple, Protocol

from oyez.cli.connect import packets
from oyez.cli.connect.packets import BadLine
from oyez.wire import engineio, socketio

Content = str | bytes
Command = Callable[[str], list[Content]]

_FOREVER_MS = 10**9  # a server that never pings; browsers add the two times, and their timers end at 2^31
_MAX_PAYLOAD_BYTES = 2**20
_FORMS = {
    "NAME JSON …": 'send an event, as in: post {"channel": "news", "message": 1}',
    "+NAME JSON …": "the same, and ask for an acknowledgement",
    "/ack NUMBER JSON …": "acknowledge a packet that asks for it",
    "/raw TEXT": "send a text as it is, as in: /raw 2",
}


class Taken(NamedTuple):
    """What a frame leads to: what is shown of it, what is answered by itself, and the server's reason to refuse us."""

    shown: Content | None
    answers: tuple[str, ...] = ()
    refused: str = ""


class Dialect(Protocol):
    """One link's language. `ready` tells whether what is typed would be understood by now.

    `opening` is sent first of all; `commands` are understood besides those of every link, and `forms` says what they
    and other lines are good for.
    """

    ready: bool
    opening: tuple[str, ...]
    commands: Mapping[str, Command]
    forms: Mapping[str, str]

    def take(self, frame: Content) -> Taken:
        """Read a frame that came."""

    def say(self, line: str) -> list[Content]:
        """Write the frames for a typed line. Raises BadLine."""


class Plain:
    """Lines go out as they are, and come in so."""

    ready = True
    opening: tuple[str, ...] = ()
    commands: Mapping[str, Command] = {}
    forms: Mapping[str, str] = {"TEXT": "send it as it is"}

    def take(self, frame: Content) -> Taken:
        """Show all."""
        return Taken(frame)

    def say(self, line: str) -> list[Content]:
        """Send it as it is."""
        return [line]


class SocketIO:
    """The client's side: connects to one namespace with `auth`, a JSON object or empty, and answers pings."""

    def __init__(self, namespace: str, auth: bytes, *, show_ping: bool) -> None:
        self.ready = False
        self.opening: tuple[str, ...] = ()
        self.commands: Mapping[str, Command] = {"ack": self._acknowledge}
        self.forms: Mapping[str, str] = _FORMS
        self._namespace = namespace
        self._connect = f"40{'' if namespace == '/' else f'{namespace},'}{auth.decode()}"
        self._show_ping = show_ping
        self._ack_ids = count(1)

    def take(self, frame: Content) -> Taken:
        """Show packets by name."""
        if isinstance(frame, bytes):
            return Taken(frame)
        name = packets.name_packet(frame)
        kind = frame[:1].encode()
        if kind == engineio.OPEN:
            return Taken(name, (self._connect,))
        if kind == engineio.PING:
            return Taken(name if self._show_ping else None, (f"3{frame[1:]}",))
        if kind == engineio.PONG and not self._show_ping:
            return Taken(None)
        if frame.startswith(("40", "44")):
            return Taken(name, refused=self._settle(frame[1:]))
        return Taken(name)

    def _settle(self, data: str) -> str:
        """Read the answer to our CONNECT; returns why it was refused, if it was."""
        namespace, payload = packets.split_head(data)
        if namespace != self._namespace:
            return ""
        self.ready = self.ready or data.startswith("0")
        return payload or "no reason given" if data.startswith("4") else ""

    def say(self, line: str) -> list[Content]:
        """Make an event out of ``name JSON …``; a plus sign before it asks for an acknowledgement."""
        if not line.strip():
            return []
        asks = line.startswith("+")
        name, args = packets.read_event(line[asks:].strip())
        ack_id = next(self._ack_ids) if asks else None
        return [socketio.encode_event(name, *args, namespace=self._namespace, ack_id=ack_id).decode()]

    def _acknowledge(self, rest: str) -> list[Content]:
        number, _, values = rest.partition(" ")
        if not number.isdecimal():
            raise BadLine('the number of the packet comes first, as in: /ack 3 {"status":"success"}')
        return [socketio.encode_ack(int(number), packets.read_values(values), self._namespace).decode()]


class SocketIOServer(SocketIO):
    """The server's side: lets every client in to any namespace and never pings."""

    def __init__(self, session_id: str, namespace: str, *, show_ping: bool) -> None:
        super().__init__(namespace, b"", show_ping=show_ping)
        handshake = engineio.OpenPacket(session_id, [], _FOREVER_MS, _FOREVER_MS, _MAX_PAYLOAD_BYTES)
        self.opening = (handshake.encode().decode(),)
        self._session_id = session_id

    def take(self, frame: Content) -> Taken:
        """Answer a CONNECT; all else is as with a client."""
        if isinstance(frame, str) and frame.startswith("40"):
            namespace, _ = packets.split_head(frame[1:])
            self.ready = self.ready or namespace == self._namespace
            return Taken(
                packets.name_connect(frame[1:]), (socketio.encode_connect(self._session_id, namespace).decode(),)
            )
        return super().take(frame)
