"""Socket.IO 5: packets as text, inside Engine.IO messages.

Knows the bytes of a packet. Must not know namespaces that exist, sessions or sockets.
"""

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

from oyez.errors import ProtocolError
from oyez.wire import json_text
from oyez.wire.json_text import Json

MAX_ATTACHMENTS = 10

# Socket.IO 5, "Reserved names": an event so called would be taken for the library's own.
RESERVED_EVENTS = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)


class PacketType(IntEnum):
    """The digit that opens a packet."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


class Packet(NamedTuple):
    """One packet as it came in.

    ``args`` are the elements of an event (its name first) or of an acknowledgement; None where there is no payload.
    ``auth`` is the object of a CONNECT. ``attachments`` are the bytes that placeholders in ``args`` stand for.
    """

    type: PacketType
    namespace: str = "/"
    ack_id: int | None = None
    args: list[Json] | None = None
    auth: bytes | None = None
    attachments: tuple[bytes, ...] = ()
    expected_attachments: int = 0


# <type>[<attachments>-][<namespace>,][<ack id>][payload]  (Socket.IO 5, "Packet encoding")
_HEAD = re.compile(rb"([0-4])()(?:(/[^,]*),?)?(\d{0,40})")
_BINARY_HEAD = re.compile(rb"([56])(\d{1,4})-(?:(/[^,]*),?)?(\d{0,40})")
_PLACEHOLDER = re.compile(rb'\{\s*"_placeholder"\s*:\s*true\s*,\s*"num"\s*:\s*(-?[\d.eE+-]+)\s*\}')


def decode(data: bytes) -> Packet:
    """Read one packet, without Engine.IO's type byte.

    Raises:
        ProtocolError: not a packet; Socket.IO asks to close the link then.
    """
    head = _HEAD.match(data) or _BINARY_HEAD.match(data)
    if head is None:
        raise ProtocolError("not a Socket.IO packet")
    kind = PacketType(int(head[1]))
    count = int(head[2]) if head[2] else 0
    if kind >= PacketType.BINARY_EVENT and not 1 <= count <= MAX_ATTACHMENTS:
        raise ProtocolError(f"1 to {MAX_ATTACHMENTS} attachments are allowed")
    namespace = head[3].decode() if head[3] else "/"
    ack_id = int(head[4]) if head[4] else None
    payload = data[head.end() :]
    if kind is PacketType.CONNECT:
        return Packet(kind, namespace, ack_id, auth=_check_auth(payload))
    if kind is PacketType.CONNECT_ERROR:
        return Packet(kind, namespace, ack_id)
    if not payload:
        return Packet(kind, namespace, ack_id, expected_attachments=count)
    if kind is PacketType.DISCONNECT:
        raise ProtocolError("a DISCONNECT has no payload")
    args = json_text.split_array(payload)
    if kind in (PacketType.EVENT, PacketType.BINARY_EVENT):
        _check_event_name(args)
    if count:
        _check_placeholders(payload, count)
    return Packet(kind, namespace, ack_id, args, expected_attachments=count)


def _check_auth(payload: bytes) -> bytes | None:
    if not payload:
        return None
    json_text.split_object(payload)
    return payload


def _check_event_name(args: Sequence[Json]) -> None:
    """Require a first element that is a number or a name that is not reserved."""
    if not args:
        raise ProtocolError("an event needs a name")
    if memoryview(args[0])[0] in b"-0123456789":
        return
    name = json_text.decode_string(args[0])
    if name is None or name in RESERVED_EVENTS:
        raise ProtocolError("an event needs a name that is not reserved")


def _check_placeholders(payload: bytes, count: int) -> None:
    """Require that each placeholder names one of the attachments."""
    for number in _PLACEHOLDER.findall(payload):
        if not number.isdigit() or int(number[:5]) >= count:
            raise ProtocolError("a placeholder names no attachment")


def _head(kind: PacketType, namespace: str, ack_id: int | None, attachments: int) -> bytes:
    count = b"%d-" % attachments if attachments else b""
    where = b"" if namespace == "/" else namespace.encode() + b","
    return b"4%d%s%s%s" % (kind, count, where, b"" if ack_id is None else b"%d" % ack_id)


def encode_connect(session_id: str, namespace: str = "/") -> bytes:
    """Answer a CONNECT; this and all below include Engine.IO's type byte."""
    return _head(PacketType.CONNECT, namespace, None, 0) + b'{"sid":%s}' % json_text.encode_string(session_id)


def encode_connect_error(message: str, namespace: str = "/") -> bytes:
    """Refuse a CONNECT."""
    return _head(PacketType.CONNECT_ERROR, namespace, None, 0) + b'{"message":%s}' % json_text.encode_string(message)


def encode_disconnect(namespace: str = "/") -> bytes:
    """Tell that the namespace is left for good: clients do not come back by themselves after it."""
    return _head(PacketType.DISCONNECT, namespace, None, 0)


def encode_event(
    name: str, *args: bytes | Json, namespace: str = "/", ack_id: int | None = None, attachments: int = 0
) -> bytes:
    """Write an event whose arguments are JSON texts; the attachments themselves are sent after it, one by one."""
    kind = PacketType.BINARY_EVENT if attachments else PacketType.EVENT
    elements = b",".join((json_text.encode_string(name), *args))
    return b"%s[%s]" % (_head(kind, namespace, ack_id, attachments), elements)


def encode_ack(ack_id: int, args: Iterable[bytes | Json], namespace: str = "/", attachments: int = 0) -> bytes:
    """Write the acknowledgement of an event."""
    kind = PacketType.BINARY_ACK if attachments else PacketType.ACK
    return b"%s[%s]" % (_head(kind, namespace, ack_id, attachments), b",".join(args))
