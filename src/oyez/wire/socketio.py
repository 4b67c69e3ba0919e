"""Socket.IO 5: packets as text, inside Engine.IO messages.

Knows the bytes of a packet. Must not know namespaces that exist, sessions or sockets.
"""

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum

import msgspec

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


class Packet(msgspec.Struct, gc=False, frozen=True):
    """One packet as it came in.

    ``event`` is an event's name, None if that is a number or there is no payload, and ``args`` its arguments, or those
    of an acknowledgement. ``auth`` is the object of a CONNECT. ``attachments`` are the bytes that placeholders in
    ``args`` stand for.
    """

    type: PacketType
    namespace: str
    ack_id: int | None
    event: str | None = None
    args: list[Json] | None = None
    auth: bytes | None = None
    attachments: tuple[bytes, ...] = ()
    expected_attachments: int = 0


_CONNECT, _EVENT = PacketType.CONNECT, PacketType.EVENT  # Python 3.11 looks a member up by a function

_TYPES = {b"%d" % kind: kind for kind in PacketType}
_NUMBER_BEGINS = tuple(b"-0123456789"[i : i + 1] for i in range(11))

# <type>[<attachments>-][<namespace>,][<ack id>][payload]  (Socket.IO 5, "Packet encoding")
_HEAD = re.compile(rb"([0-4])()(?:(/[^,]*),?)?(\d{0,40})")
_PLAIN_EVENT = re.compile(rb"2(\d{0,40})(?=\[)")
_BINARY_HEAD = re.compile(rb"([56])(\d{1,4})-(?:(/[^,]*),?)?(\d{0,40})")


def decode(data: bytes) -> Packet:
    """Read one packet, without Engine.IO's type byte.

    Raises:
        ProtocolError: not a packet; Socket.IO asks to close the connection then.
    """
    plain = _PLAIN_EVENT.match(data)
    if plain is not None:  # nearly all packets: an event of the default namespace
        args = json_text.split_array(data[plain.end() :])
        digits = plain[1]
        return Packet(_EVENT, "/", int(digits) if digits else None, _take_event_name(args), args)
    head = _HEAD.match(data) or _BINARY_HEAD.match(data)
    if head is None:
        raise ProtocolError("not a Socket.IO packet")
    digit, attachments, named, ack_digits = head.groups()
    kind = _TYPES[digit]
    namespace = named.decode(errors="replace") if named else "/"
    ack_id = int(ack_digits) if ack_digits else None
    payload = data[head.end() :]
    if kind is _CONNECT:
        return Packet(kind, namespace, ack_id, auth=_check_auth(payload))
    if kind is _EVENT and payload:
        args = json_text.split_array(payload)
        return Packet(kind, namespace, ack_id, _take_event_name(args), args)
    if kind >= PacketType.BINARY_EVENT:
        return _decode_binary(kind, namespace, ack_id, payload, int(attachments))
    return _decode_rare(kind, namespace, ack_id, payload)


def _decode_binary(kind: PacketType, namespace: str, ack_id: int | None, payload: bytes, count: int) -> Packet:
    if not 1 <= count <= MAX_ATTACHMENTS:
        raise ProtocolError(f"1 to {MAX_ATTACHMENTS} attachments are allowed")
    args = json_text.split_array(payload) if payload else None
    event = _take_event_name(args) if args is not None and kind is PacketType.BINARY_EVENT else None
    check_placeholders(payload, count)
    return Packet(kind, namespace, ack_id, event, args, expected_attachments=count)


def _decode_rare(kind: PacketType, namespace: str, ack_id: int | None, payload: bytes) -> Packet:
    if kind is PacketType.ACK and payload:
        return Packet(kind, namespace, ack_id, args=json_text.split_array(payload))
    if kind is PacketType.DISCONNECT and payload:
        raise ProtocolError("a DISCONNECT has no payload")
    return Packet(kind, namespace, ack_id)


def _check_auth(payload: bytes) -> bytes | None:
    if not payload:
        return None
    json_text.split_object(payload)
    return payload


def _take_event_name(args: list[Json]) -> str | None:
    """Take the first element, which has to be a number or a name that is not reserved; None for a number."""
    if not args:
        raise ProtocolError("an event needs a name")
    first = args.pop(0)
    name = json_text.decode_string(first)
    if name is None:
        if bytes(first)[:1] not in _NUMBER_BEGINS:
            raise ProtocolError("an event needs a name")
    elif name in RESERVED_EVENTS:
        raise ProtocolError("an event's name is reserved")
    return name


def check_placeholders(payload: bytes, count: int) -> None:
    """Require that each placeholder names one of the attachments.

    Raises:
        ProtocolError: one does not, or this is no JSON.
    """
    if payload and not all(type(number) is int and 0 <= number < count for number in _numbers_of(payload)):
        raise ProtocolError("a placeholder names no attachment")


def find_placeholders(message: bytes) -> set[int]:
    """Return which attachments a message has placeholders for.

    Raises:
        ProtocolError: this is no JSON.
    """
    return {number for number in _numbers_of(message) if type(number) is int}


def _numbers_of(payload: bytes) -> Iterator[object]:
    """Yield what each placeholder says that it stands for."""
    unseen: list[object] = [json_text.decode(payload)]
    while unseen:
        value = unseen.pop()
        if isinstance(value, list):
            unseen.extend(value)
        elif isinstance(value, dict):
            if value.get("_placeholder") is True:
                yield value.get("num")
            unseen.extend(value.values())


def _head(kind: PacketType, namespace: str, ack_id: int | None, attachments: int) -> bytes:
    if namespace == "/" and ack_id is None and not attachments:
        return b"4%d" % kind  # nearly all of them
    count = b"%d-" % attachments if attachments else b""
    where = b"" if namespace == "/" else namespace.encode() + b","
    return b"4%d%s%s%s" % (kind, count, where, b"" if ack_id is None else b"%d" % ack_id)


def encode_connect(session_id: str, namespace: str = "/") -> bytes:
    """Return the answer to a CONNECT, ``40{"sid":"…"}``; this and all below begin with Engine.IO's type byte."""
    return _head(PacketType.CONNECT, namespace, None, 0) + b'{"sid":%s}' % json_text.encode_string(session_id)


def encode_connect_error(message: str, namespace: str = "/") -> bytes:
    """Return the refusal of a CONNECT: ``44{"message":"Authentication failed"}``."""
    return _head(PacketType.CONNECT_ERROR, namespace, None, 0) + b'{"message":%s}' % json_text.encode_string(message)


def encode_event(
    name: str, *args: bytes | Json, namespace: str = "/", ack_id: int | None = None, attachments: int = 0
) -> bytes:
    """Return ``42["name",…]``, or ``451-["name",…]`` with one attachment, which is sent after it by itself.

    Args:
        name: of the event.
        args: JSON texts.
        namespace: written as ``42/chat,[…]``, unless it is the default one.
        ack_id: written as ``4213[…]``, if the receiver shall acknowledge it.
        attachments: how many follow.
    """
    kind = PacketType.BINARY_EVENT if attachments else PacketType.EVENT
    elements = b",".join((json_text.encode_string(name), *args))
    return b"%s[%s]" % (_head(kind, namespace, ack_id, attachments), elements)


def encode_ack(ack_id: int, args: Sequence[bytes | Json], namespace: str = "/", attachments: int = 0) -> bytes:
    """Return the acknowledgement of an event: ``4313[…]`` for one with the ack id 13."""
    if namespace == "/" and not attachments and len(args) == 1:
        return b"43%d[%b]" % (ack_id, args[0])  # what every post is answered with
    kind = PacketType.BINARY_ACK if attachments else PacketType.ACK
    return b"%s[%s]" % (_head(kind, namespace, ack_id, attachments), b",".join(args))
