"""The client's side of Socket.IO 5 over Engine.IO 4: packets that came go in, what they are and what to send comes out.

Knows the order of packets in one session, and in one namespace of it. Must not know sockets or clocks, which transport
carries the packets, nor what an event means.

A packet is a text here, with Engine.IO's type at its beginning: a text frame of a WebSocket, or a part of a polling
payload. Only servers speak first, so a client begins with what it receives::

    client = SocketIOClient()
    client.receive('0{"sid":"x9","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10000}')
    client.join(b'{"role":"client"}')
    client.packets_to_send()                       # ['40{"role":"client"}']
    client.receive('40{"sid":"y7"}')               # client.state is now State.JOINED
    number = client.ask("post", b'{"channel":"news"}')
    client.packets_to_send()                       # ['421["post",{"channel":"news"}]']
    client.receive("2")                            # a ping: "3" is what to send next
    answer = client.receive('431[{"status":"success","id":5}]').packet
    answer.ack_id == number and bytes(answer.args[0])    # b'{"status":"success","id":5}'
"""

import json
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.wire import engineio, socketio
from oyez.wire.engineio import OpenPacket
from oyez.wire.socketio import Packet, PacketType

_TYPES = (
    engineio.OPEN,
    engineio.CLOSE,
    engineio.PING,
    engineio.PONG,
    engineio.MESSAGE,
    engineio.UPGRADE,
    engineio.NOOP,
)


class State(Enum):
    """How far a client is."""

    OUTSIDE = auto()  # it has not joined its namespace
    JOINED = auto()
    REFUSED = auto()
    ENDED = auto()  # by the server, which closed the session or put the client out of its namespace


# Socket.IO 5, "Connection to a namespace" and "Disconnection from a namespace"
_STATE_AFTER = {
    PacketType.CONNECT: State.JOINED,
    PacketType.CONNECT_ERROR: State.REFUSED,
    PacketType.DISCONNECT: State.ENDED,
}


class Received(NamedTuple):
    """One packet that came.

    Attributes:
        text: all of it.
        type: the byte of Engine.IO that it begins with, such as `engineio.PING`; empty where there is no such type.
        packet: what a message holds; None for all other types.
        error: why a message is no packet of Socket.IO, or an open packet no handshake; empty if all is well.
    """

    text: str
    type: bytes
    packet: Packet | None = None
    error: str = ""

    @property
    def payload(self) -> str:
        """The JSON of a CONNECT or CONNECT_ERROR, of which `packet` keeps nothing; empty if there is none."""
        behind_type = self.text[2:]
        return behind_type.partition(",")[2] if behind_type.startswith("/") else behind_type


class SocketIOClient:
    """One Engine.IO session, and one namespace that is joined in it.

    Attributes:
        namespace: the one that is to be joined.
        state: how far it is there.
        handshake: what the server told at the beginning of the session; None before it did, or if it cannot be read.
        refusal: why the namespace could not be joined, in the server's words.
    """

    def __init__(self, namespace: str = "/") -> None:
        self.namespace = namespace
        self.state = State.OUTSIDE
        self.handshake: OpenPacket | None = None
        self.refusal = ""
        self._last_ack_id = 0
        self._to_send: list[str] = []

    def receive(self, text: str) -> Received:
        """Take one packet. A ping leaves its pong to be sent; all else is the caller's to answer."""
        received = read_packet(text)
        if received.type == engineio.OPEN and not received.error:
            self.handshake = read_handshake(text)
        elif received.type == engineio.PING:
            self._to_send.append(engineio.PONG.decode() + text[1:])
        elif received.type == engineio.CLOSE:
            self.state = State.ENDED
        elif received.packet is not None and received.packet.namespace == self.namespace:
            self.state = _STATE_AFTER.get(received.packet.type, self.state)
            if self.state is State.REFUSED:
                self.refusal = _message_of(received.payload)
        return received

    def packets_to_send(self) -> list[str]:
        """Return what has to be sent now, in order, each in a frame or a request of its own; once only."""
        due, self._to_send = self._to_send, []
        return due

    def join(self, auth: bytes = b"", *, namespace: str = "") -> None:
        """Ask to be let into the client's namespace, or to another one of the same session.

        Args:
            auth: a JSON object, or empty for none.
            namespace: only to see what comes of it; `state` stays that of the client's own.
        """
        name = namespace or self.namespace
        self._to_send.append(f"40{'' if name == '/' else f'{name},'}{auth.decode()}")

    def emit(self, name: str, *args: bytes) -> None:
        """Send an event, whose arguments are JSON texts: ``42["name",arg,…]``."""
        self._to_send.append(socketio.encode_event(name, *args, namespace=self.namespace).decode())

    def ask(self, name: str, *args: bytes) -> int:
        """Send an event that asks for an acknowledgement: ``421["name",arg,…]``. Returns the number of that."""
        self._last_ack_id += 1
        packet = socketio.encode_event(name, *args, namespace=self.namespace, ack_id=self._last_ack_id)
        self._to_send.append(packet.decode())
        return self._last_ack_id

    def acknowledge(self, ack_id: int, args: Sequence[bytes]) -> None:
        """Answer an event of the server that asks for it: ``437[arg,…]``."""
        self._to_send.append(socketio.encode_ack(ack_id, args, self.namespace).decode())


def read_packet(text: str) -> Received:
    """Read one packet, of a server or of a client. It never raises: what is wrong is told by `Received.error`.

    Attachments (Socket.IO 5, "Binary events") are frames of their own, and not for here: the arguments keep the
    placeholders that stand for them.
    """
    kind = text[:1].encode(errors="replace")
    if kind not in _TYPES:
        return Received(text, b"", error="unknown Engine.IO packet type")
    try:
        if kind == engineio.MESSAGE:
            return Received(text, kind, socketio.decode(text[1:].encode()))
        if kind == engineio.OPEN:
            read_handshake(text)
    except (ProtocolError, UnicodeError) as error:
        return Received(text, kind, error=str(error))
    return Received(text, kind)


def read_handshake(text: str) -> OpenPacket:
    """Read what a session begins with, ``0{"sid":…,"upgrades":[…],"pingInterval":…,"pingTimeout":…,"maxPayload":…}``.

    Raises:
        ProtocolError: it is something else.
    """
    if text[:1].encode(errors="replace") != engineio.OPEN:
        raise ProtocolError("no open packet")
    try:
        return msgspec.json.decode(text[1:], type=OpenPacket)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ProtocolError(str(error)) from error


def split_payload(body: str) -> list[str]:
    """Split a polling answer into its packets (Engine.IO 4, "Packet encoding"): at least one, which may be empty."""
    return body.split(engineio.SEPARATOR.decode())


def _message_of(payload: str) -> str:
    """Return what a refusal says for people: the message of its object, or else all of it."""
    try:
        parsed = json.loads(payload)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict) and isinstance(parsed.get("message"), str):
        return str(parsed["message"])
    return payload
