"""A long list in a JSON object, taken apart piece by piece, so that others need not wait for all of it.

Knows where such a text may be cut. What it cannot cut it leaves to `json_text`, which takes it apart in two long steps.

The text is cut where an object ends and another begins. If that is inside a string or inside an element, the piece
before has a string or a bracket that is left open, and is no JSON: then nothing is cut.
"""

import re
from collections.abc import Collection, Generator

import msgspec

from oyez.wire.json_walk import Json, Parts

PIECE_BYTES = 256 * 1024
"""A third of a millisecond; 16 MiB at once take five, and twice."""

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_HEAD = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"([a-z]+)"[ \t\r\n]*:[ \t\r\n]*\[')
_TAIL = re.compile(rb"[ \t\r\n]*\][ \t\r\n]*\}[ \t\r\n]*\Z")
_TAIL_BYTES = 64
_BETWEEN = b"},{"


def split_list(
    data: bytes | bytearray, lists: Collection[str], piece_bytes: int = PIECE_BYTES
) -> Generator[None, None, Parts | None]:
    """Split an object that has a list and nothing else, such as ``{"events":[{…},{…}]}``. It yields after each piece.

    Returns:
        Its only member, without a value, and the elements of the list; None: it is something else, or no JSON.
    """
    head, tail = _HEAD.match(data), _TAIL.search(data, max(len(data) - _TAIL_BYTES, 0))
    if head is None or tail is None or head[1].decode() not in lists:
        return None
    begin, end = head.end(), tail.start()
    elements: list[Json] = []
    while begin < end:
        cut = _find_cut(data, begin, end, piece_bytes)
        try:
            elements += _ARRAY.decode(b"".join((b"[", data[begin:cut], b"]")))
        except (msgspec.DecodeError, RecursionError):
            return None
        yield
        begin = cut + 1
    name = head[1].decode()
    return Parts({name: msgspec.Raw(b"[]")}, {name: elements})


def _find_cut(data: bytes | bytearray, begin: int, end: int, piece_bytes: int) -> int:
    """Return where a piece ends: before the comma of two objects, if there is one."""
    if end - begin <= piece_bytes:
        return end
    found = data.rfind(_BETWEEN, begin, begin + piece_bytes)
    if found < 0:  # an element that is longer
        found = data.find(_BETWEEN, begin, end)
    return end if found < 0 else found + 1
