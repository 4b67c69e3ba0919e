"""The server's side of Socket.IO 5: what one client may send when, and packets whose attachments are still to come.

Knows the order of packets, and which namespaces were joined. Must not know sockets, the clock or what an event means.
The client's side is `socketio_client`.
"""

import msgspec

from oyez.errors import ProtocolError
from oyez.wire import socketio
from oyez.wire.socketio import Packet, PacketType

_EVENT, _CONNECT_ERROR, _CONNECT = PacketType.EVENT, PacketType.CONNECT_ERROR, PacketType.CONNECT


class PacketReader:
    """Reads what one client sends.

    Attributes:
        joined: namespaces. The application adds one once it has accepted a CONNECT, and takes it out after a
            DISCONNECT. Clients may share a set: with one of its own each would take a fifteenth more memory.
        pending: the packet whose attachments are due now, if there is one.
    """

    __slots__ = ("_attachments", "joined", "pending")

    def __init__(self) -> None:
        self.joined: frozenset[str] = frozenset()
        self.pending: Packet | None = None
        self._attachments: list[bytes] | None = None

    def receive_text(self, data: bytes) -> Packet | None:
        """Parse a text message, ``2["post",{"channel":"news"}]``, without Engine.IO's type byte before it.

        Returns:
            The packet; None while its attachments are due.

        Raises:
            ProtocolError: it is no packet, or out of order; the session has to be closed.
        """
        if self.pending is not None:
            raise ProtocolError("text where an attachment is due")
        packet = socketio.decode(data)
        if packet.type is _EVENT and packet.namespace in self.joined:
            return packet  # nearly all of them
        if packet.expected_attachments:
            self.pending = packet
            self._attachments = []
            return None
        return self._check_order(packet)

    def receive_binary(self, data: bytes) -> Packet | None:
        """Add an attachment to the packet that announced it.

        Returns:
            The packet, if this was its last one.

        Raises:
            ProtocolError: no attachment is due, or the packet is out of order; the session has to be closed.
        """
        if self.pending is None or self._attachments is None:
            raise ProtocolError("an attachment that no packet announced")
        self._attachments.append(data)
        if len(self._attachments) < self.pending.expected_attachments:
            return None
        packet = msgspec.structs.replace(self.pending, attachments=tuple(self._attachments))
        self.pending = self._attachments = None
        return self._check_order(packet)

    def _check_order(self, packet: Packet) -> Packet:
        """Hold Socket.IO 5's "Connection to a namespace": CONNECT once and first, and never a server's packet."""
        joined = packet.namespace in self.joined
        if packet.type is _CONNECT_ERROR or joined == (packet.type is _CONNECT):
            raise ProtocolError(f"{packet.type.name} is out of order")
        return packet
