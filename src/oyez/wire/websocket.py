"""Ready-made WebSocket frames for the way out, as bytes that many connections may share.

Knows RFC 6455's framing. Must not know who gets the frames. The way in is the `websockets` library's.
"""

import struct

_TEXT = 0x81  # RFC 6455 §5.2: FIN and opcode 1
_BINARY = 0x82  # FIN and opcode 2
_PING = 0x89  # FIN and opcode 9


def _frame(first_byte: int, payload: bytes) -> bytes:
    """Put the header of an unmasked frame before its payload (RFC 6455 §5.1: a server must not mask)."""
    size = len(payload)
    if size < 126:
        return bytes((first_byte, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first_byte, 126, size) + payload
    return struct.pack("!BBQ", first_byte, 127, size) + payload


def text_frame(payload: bytes) -> bytes:
    """Frame UTF-8 text."""
    return _frame(_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """Frame bytes."""
    return _frame(_BINARY, payload)


def ping_frame(payload: bytes = b"") -> bytes:
    """Frame a ping; the payload has at most 125 bytes (RFC 6455 §5.5)."""
    return _frame(_PING, payload)
