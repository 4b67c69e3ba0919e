"""What a link speaks: plain frames, or Socket.IO as a client or as a server.

Knows frames and typed lines. Must not know sockets, screens or clocks.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from oyez.cli.connect import packets
from oyez.cli.connect.packets import BadLine
from oyez.wire import engineio, socketio
from oyez.wire.socketio_client import SocketIOClient, State

Content = str | bytes
Command = Callable[[str], Sequence[Content]]

_FOREVER_MS = 10**9  # a server that never pings; browsers add the two times, and their timers end at 2^31
_MAX_PAYLOAD_BYTES = 2**20
_HEARTBEAT = (engineio.PING, engineio.PONG)
_FORMS = {
    "NAME JSON …": 'send an event, as in: post {"channel": "news", "message": 1}',
    "+NAME JSON …": "the same, and ask for an acknowledgement",
    "/ack NUMBER JSON …": "acknowledge a packet that asks for it",
    "/raw TEXT": "send a text as it is, as in: /raw 2",
}


class Taken(NamedTuple):
    """What a frame leads to: what is shown of it, what is answered by itself, and the server's reason to refuse us."""

    shown: Content | None
    answers: Sequence[str] = ()
    refused: str = ""


class Plain:
    """Plain frames: lines go out as they are, and come in so.

    Attributes:
        ready: whether what is typed would be understood by now.
        opening: what is sent first of all.
        commands: those that are understood besides the ones of every link.
        forms: what these and other lines are good for.
    """

    ready = True
    opening: Sequence[str] = ()
    commands: Mapping[str, Command] = {}
    forms: Mapping[str, str] = {"TEXT": "send it as it is"}

    def take(self, frame: Content) -> Taken:
        """Read a frame that came."""
        return Taken(frame)

    def say(self, line: str) -> Sequence[Content]:
        """Write the frames for a typed line. Raises BadLine."""
        return [line]


class SocketIO(Plain):
    """The client's side of Socket.IO: it connects to one namespace, and answers pings.

    Args:
        namespace: to connect to.
        auth: a JSON object to connect with, or empty.
        show_ping: whether pings and pongs are shown.
    """

    forms = _FORMS

    def __init__(self, namespace: str, auth: bytes, *, show_ping: bool) -> None:
        self.ready = False
        self.commands = {"ack": self._acknowledge}
        self._client = SocketIOClient(namespace)
        self._auth = auth
        self._show_ping = show_ping

    def take(self, frame: Content) -> Taken:
        """Read a packet, which is shown by its name."""
        if isinstance(frame, bytes):
            return Taken(frame)
        received = self._client.receive(frame)
        if received.type == engineio.OPEN:
            self._client.join(self._auth)
        self.ready = self.ready or self._client.state is State.JOINED
        is_hidden = received.type in _HEARTBEAT and not self._show_ping
        refused = (self._client.refusal or "no reason given") if self._client.state is State.REFUSED else ""
        shown = None if is_hidden else packets.name_packet(received)
        return Taken(shown, tuple(self._client.packets_to_send()), refused)

    def say(self, line: str) -> Sequence[Content]:
        """Make an event out of ``name JSON …``; a plus sign before it asks for an acknowledgement."""
        if not line.strip():
            return []
        asks = line.startswith("+")
        name, args = packets.read_event(line[asks:].strip())
        if asks:
            self._client.ask(name, *args)
        else:
            self._client.emit(name, *args)
        return self._client.packets_to_send()

    def _acknowledge(self, rest: str) -> Sequence[Content]:
        number, _, values = rest.partition(" ")
        if not number.isdecimal():
            raise BadLine('the number of the packet comes first, as in: /ack 3 {"status":"success"}')
        self._client.acknowledge(int(number), packets.read_values(values))
        return self._client.packets_to_send()


class SocketIOServer(SocketIO):
    """The server's side: lets every client in to any namespace and never pings."""

    def __init__(self, session_id: str, namespace: str, *, show_ping: bool) -> None:
        super().__init__(namespace, b"", show_ping=show_ping)
        handshake = engineio.OpenPacket(session_id, [], _FOREVER_MS, _FOREVER_MS, _MAX_PAYLOAD_BYTES)
        self.opening = (handshake.encode().decode(),)
        self._namespace = namespace
        self._session_id = session_id

    def take(self, frame: Content) -> Taken:
        """Answer a CONNECT; all else is as with a client."""
        if isinstance(frame, bytes) or not frame.startswith("40"):
            return super().take(frame)._replace(refused="")
        head, _, behind_comma = frame[2:].partition(",")
        namespace, payload = (head, behind_comma) if head.startswith("/") else ("/", frame[2:])
        self.ready = self.ready or namespace == self._namespace
        answer = socketio.encode_connect(self._session_id, namespace).decode()
        return Taken(packets.name_connect(namespace, payload), (answer,))
