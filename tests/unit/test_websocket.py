"""Are frames right on the way out, and does the short cut on the way in take what it should and no more?"""

import pytest
from websockets.frames import Frame, Opcode

from oyez.wire.websocket import binary_frame, take_text_frames, text_frame

MASK = b"\x01\x02\x03\x04"


def masked(payload: bytes, first: int = 0x81) -> bytes:
    """Write a client's frame by hand (RFC 6455 §5.2)."""
    size = len(payload)
    head = bytes((first, 0x80 + size)) if size < 126 else bytes((first, 0xFE)) + size.to_bytes(2, "big")
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_frames_are_those_of_the_library(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 1000])
def test_whole_frames_are_taken(size: int) -> None:
    frame = masked(b"y" * size)
    assert take_text_frames(frame * 3, 1000) == ([b"y" * size] * 3, 3 * len(frame), False)


@pytest.mark.parametrize("size", [0, 1, 126])
def test_the_beginning_of_a_frame_waits_for_the_rest(size: int) -> None:
    first, second = masked(b"first"), masked(b"z" * size)
    for cut in range(1, len(second)):
        assert take_text_frames(first + second[:cut], 1000) == ([b"first"], len(first), True)


@pytest.mark.parametrize(
    "other",
    [
        masked(b"fragment", 0x01),
        masked(b"rest", 0x80),
        masked(b"bytes", 0x82),
        masked(b"", 0x88),
        masked(b"ping", 0x89),
        masked(b"reserved bit", 0xC1),
        b"\x81\x04unmasked",
        b"\x81\xfe\x00\x05" + MASK + b"in a long form",
        b"\x81\xff" + (70_000).to_bytes(8, "big") + MASK,
        masked(b"x" * 101),
    ],
    ids=[
        "fragment",
        "rest",
        "binary",
        "close",
        "ping",
        "reserved",
        "unmasked",
        "long form",
        "8-byte length",
        "too big",
    ],
)
def test_all_else_is_left_to_the_library(other: bytes) -> None:
    first = masked(b"first")
    assert take_text_frames(first + other + first, 100) == ([b"first"], len(first), False)
    assert take_text_frames(other, 100) == ([], 0, False)


def test_an_unmasked_frame_is_not_waited_for() -> None:
    """It breaks RFC 6455 §5.1 from its second byte on, and may be two bytes long."""
    assert take_text_frames(b"\x81\x00", 100) == ([], 0, False)


def test_nothing_is_nothing() -> None:
    assert take_text_frames(b"", 100) == ([], 0, False)
