"""Engine.IO 4: packets, and the payloads of its polling transport.

Knows the bytes. Must not know sessions, sockets or what a message means.

A packet is its text as UTF-8 bytes, the type in the first byte. A binary message has no type byte of its own:
it is a binary frame on a WebSocket and ``b`` + base64 in a polling payload (Engine.IO 4, "Packet encoding").
"""

import binascii
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError

OPEN = b"0"
CLOSE = b"1"
PING = b"2"
PONG = b"3"
MESSAGE = b"4"
UPGRADE = b"5"
NOOP = b"6"
PROBE_PING = b"2probe"
PROBE_PONG = b"3probe"

SEPARATOR = b"\x1e"
PROTOCOL = "4"

_BASE64_MARK = ord("b")
_TYPES = b"0123456"


class EnginePacket(NamedTuple):
    """One packet as it came in.

    ``data`` of a text packet includes its type byte; of a binary message it is the bytes themselves.
    """

    data: bytes
    binary: bool = False


class OpenPacket(msgspec.Struct):
    """What the server sends at the handshake; times in milliseconds, ``maxPayload`` in bytes."""

    sid: str
    upgrades: list[str]
    pingInterval: int  # noqa: N815 - the protocol's spelling
    pingTimeout: int  # noqa: N815
    maxPayload: int  # noqa: N815

    def encode(self) -> bytes:
        """Return the packet: ``0{"sid":"…","upgrades":["websocket"],"pingInterval":25000,…}``."""
        return OPEN + msgspec.json.encode(self)


def encode_binary(data: bytes) -> bytes:
    """Return a binary message as polling payloads carry it: ``b`` and base64."""
    return b"b" + binascii.b2a_base64(data, newline=False)


def encode_payload(packets: Iterable[bytes]) -> bytes:
    """Return the body of one polling request or answer: packets, binary ones by `encode_binary`, with 0x1E between."""
    return SEPARATOR.join(packets)


def decode_payload(body: bytes) -> Iterator[EnginePacket]:
    """Split the body of a polling request into its packets, in order; those before a bad one are yielded.

    Each is parsed when its turn comes: a list of all of them would cost fifty times their bytes, if they are short.

    Raises:
        ProtocolError: no packet, an unknown type, text that is not UTF-8, or bytes that are not base64.
    """
    begin, end = 0, body.find(SEPARATOR)
    while end >= 0:
        yield _decode_packet(body[begin:end])
        begin, end = end + 1, body.find(SEPARATOR, end + 1)
    yield _decode_packet(body[begin:])


def _decode_packet(part: bytes) -> EnginePacket:
    if part and part[0] == _BASE64_MARK:
        try:
            return EnginePacket(binascii.a2b_base64(part[1:], strict_mode=True), binary=True)
        except binascii.Error as error:
            raise ProtocolError("a binary packet is not base64") from error
    if not part or part[0] not in _TYPES:
        raise ProtocolError("unknown Engine.IO packet type")
    try:
        part.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("a packet is not UTF-8") from error
    return EnginePacket(part)
