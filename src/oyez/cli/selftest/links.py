"""Socket.IO as its clients speak it, on whatever carries its packets.

Knows the packets of the default namespace, and which events answer what. Must not know what should be answered.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from oyez.cli.probe.failures import Trouble
from oyez.cli.probe.sockets import STEP_S
from oyez.cli.selftest.expectations import Mismatch, require
from oyez.cli.selftest.frames import Closed
from oyez.cli.selftest.transports import Refused, Transport
from oyez.errors import ProtocolError
from oyez.wire import socketio
from oyez.wire.socketio import PacketType

_MESSAGE = "4"  # Engine.IO's

# A server may say more than that (Oyez has `gap`); clients have to ignore what they do not know.
_EVENTS = frozenset(("message", "status", "last-response", "post-response", "error"))


class Packet(NamedTuple):
    """A Socket.IO packet; `payload` is that of CONNECT and CONNECT_ERROR, `args` of events and acknowledgements."""

    kind: PacketType
    namespace: str
    ack_id: int | None
    event: str | None
    args: Sequence[object]
    payload: object
    text: str

    @property
    def argument(self) -> object:
        """The only argument; events of the contract have one."""
        require(len(self.args) == 1, "one argument", self.text)
        return self.args[0]


class Link:
    """One session's default namespace. Whatever is waited for has to come in the time of a step, or Mismatch is raised.

    Attributes:
        transport: carries it.

    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._acks = 0

    def connect(self, auth: Mapping[str, object] | None = None, namespace: str = "") -> Packet:
        """Ask to join; gives the answer."""
        payload = "" if auth is None else json.dumps(auth)
        self.transport.send(f"40{namespace}{',' if namespace and payload else ''}{payload}")
        return self._next("an answer to CONNECT")

    def emit(self, event: str, *args: object) -> None:
        """Emit an event."""
        self.transport.send(f"42{json.dumps([event, *args])}")

    def ask(self, event: str, *args: object) -> int:
        """Emit an event that asks for an acknowledgement; gives its number."""
        self._acks += 1
        self.transport.send(f"42{self._acks}{json.dumps([event, *args])}")
        return self._acks

    def call(self, event: str, *args: object) -> object:
        """Emit an event and take its acknowledgement, which has to be what comes next."""
        return self.hear_ack(self.ask(event, *args))

    def hear_ack(self, ack_id: int) -> object:
        """Take the acknowledgement of this number, which has to be what comes next."""
        expected = f"the acknowledgement {ack_id}"
        packet = self._next_known(expected)
        require((packet.kind, packet.ack_id) == (PacketType.ACK, ack_id), expected, packet.text)
        return packet.argument

    def hear(self, event: str, *, acks: bool = False) -> object:
        """Take the next event, which has to be of this name; gives its argument.

        With `acks` an acknowledgement may come first: the contract lets a listener have some, though none needs any.
        """
        expected = f"the event {event!r}"
        packet = self._next_known(expected)
        if acks and packet.kind is PacketType.ACK:
            packet = self._next_known(expected)
        require(packet.event == event, expected, packet.text)
        return packet.argument

    def hear_until(self, event: str) -> list[object]:
        """Take all messages up to an event of another name; gives their events."""
        events: list[object] = []
        while (packet := self._next_known(f"messages, then the event {event!r}")).event == "message":
            events.append(packet.argument)
        require(packet.event == event, f"the event {event!r}", packet.text)
        return events

    def next_event(self) -> Packet:
        """Take the next event, whether the contract knows it or not."""
        return self._next("an event")

    def _next_known(self, expected: str) -> Packet:
        while (packet := self._next(expected)).kind is PacketType.EVENT and packet.event not in _EVENTS:
            pass
        return packet

    def _next(self, expected: str) -> Packet:
        until = time.monotonic() + STEP_S
        try:
            text = self.transport.receive(until)
        except (Closed, Refused, Trouble) as error:
            raise Mismatch(expected, str(error)) from error
        require(text[:1] == _MESSAGE, expected, text)
        try:
            return _read(text)
        except (ProtocolError, ValueError, RecursionError) as error:
            raise Mismatch(expected, text) from error


def _read(text: str) -> Packet:
    packet = socketio.decode(text[1:].encode())
    payload: object = None
    if packet.type in (PacketType.CONNECT, PacketType.CONNECT_ERROR):
        rest = text[2:]
        rest = rest.partition(",")[2] if rest.startswith("/") else rest
        payload = json.loads(rest) if rest else None
    args = [json.loads(bytes(arg)) for arg in packet.args or ()]
    return Packet(packet.type, packet.namespace, packet.ack_id, packet.event, args, payload, text)
