"""WebSocket frames: ready-made ones for the way out, and a short cut for the plainest ones on the way in.

Knows RFC 6455's framing. Must not know who gets the frames. The way in is the `websockets` library's; only whole text
frames, which is all that a well-behaved client sends, may bypass it.
"""

import struct

from websockets.speedups import apply_mask

_TEXT = 0x81  # RFC 6455 §5.2: FIN and opcode 1
_BINARY = 0x82  # FIN and opcode 2

PING_FRAME = b"\x89\0"  # RFC 6455 §5.5.2: FIN and opcode 9, without a payload


# A ready-made head saves half of the time that a frame takes: a thirtieth of what a post costs beside system calls.
_READY_HEADS = 1024


def _head(first_byte: int, size: int) -> bytes:
    """Return what comes before the payload of an unmasked frame (RFC 6455 §5.1: a server must not mask)."""
    if size < 126:
        return bytes((first_byte, size))
    if size < 1 << 16:
        return struct.pack("!BBH", first_byte, 126, size)
    return struct.pack("!BBQ", first_byte, 127, size)


_TEXT_HEADS = tuple(_head(_TEXT, size) for size in range(_READY_HEADS))


def text_frame(payload: bytes) -> bytes:
    """Return a text frame, unmasked; the payload has to be UTF-8."""
    size = len(payload)
    return (_TEXT_HEADS[size] if size < _READY_HEADS else _head(_TEXT, size)) + payload


def binary_frame(payload: bytes) -> bytes:
    """Return a binary frame, unmasked."""
    return _head(_BINARY, len(payload)) + payload


SHORTEST_FRAME = 7
"""How many bytes a client's frame has that brings one byte (RFC 6455 §5.2): a head of two, a mask of four, and that."""


def read_letter(frame: bytes) -> int:
    """Return the byte that a text frame of `SHORTEST_FRAME` bytes brings; 0 for any other frame of that size."""
    return frame[2] ^ frame[6] if frame[0] == _TEXT and frame[1] == 0x81 else 0


def size_on_wire(message: bytes) -> int:
    """Return how many bytes a message took that `take_text_frames` has taken: head, mask and payload."""
    size = len(message)
    return size + (6 if size < 126 else 8)


def take_text_frames(data: bytes, max_size: int) -> tuple[list[bytes], int, bool]:
    """Take the whole, unfragmented text frames that ``data`` begins with.

    Whatever else comes, a broken frame too, is left to the library. The short cut takes a fifth of its time, which is
    a tenth of all the time that a post costs (`bench/stages.py`).

    Args:
        data: what came in, beginning at a frame.
        max_size: longest message to take here, below 65,536 bytes.

    Returns:
        The messages, not yet known to be UTF-8; how many bytes were taken; and whether the rest is the beginning of
        one more such frame.
    """
    messages: list[bytes] = []
    position, end = 0, len(data)
    while position < end and data[position] == _TEXT:
        if end - position < 2:
            return messages, position, True
        size = data[position + 1] - 0x80  # RFC 6455 §5.3: a client's frames are masked
        mask_at = position + 2
        if size == 126:
            if end - position < 4:
                return messages, position, True
            size = (data[position + 2] << 8) + data[position + 3]
            mask_at = position + 4
            if size < 126:
                break  # RFC 6455 §5.2: the shortest form of the length has to be used
        elif size == 127:
            break  # a length of eight bytes
        if not 0 <= size <= max_size:
            break
        begin = mask_at + 4
        if begin + size > end:
            return messages, position, True
        position = begin + size
        messages.append(apply_mask(data[begin:position], data[mask_at:begin]))
    return messages, position, False
