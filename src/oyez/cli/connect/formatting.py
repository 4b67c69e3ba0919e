"""How frames look as text: in one line for scripts, and bytes as a dump for people.

It must not know where the text is shown.
"""

import json
from collections.abc import Iterator

_DUMP_WIDTH = 16
_DUMP_LINES = 16
_SPACES = str.maketrans("\n\r\t", "   ")


def one_line(text: str) -> str:
    """Write JSON of several lines in one line, as the same JSON. Any other text stays: its line breaks are escaped."""
    return text.translate(_SPACES) if not text.isprintable() and _is_json(text) else text


def hex_line(data: bytes) -> str:
    """Write bytes whole, for a script to read."""
    return f"binary {len(data)} {data.hex()}".rstrip()


def dump(data: bytes) -> Iterator[str]:
    """Write bytes for people: length, offsets, hexadecimal digits and letters; the end of long ones is left out."""
    yield f"binary, {len(data)} bytes"
    shown = data[: _DUMP_WIDTH * _DUMP_LINES]
    for offset in range(0, len(shown), _DUMP_WIDTH):
        row = shown[offset : offset + _DUMP_WIDTH]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"  {offset:04x}  {row.hex(' '):<{_DUMP_WIDTH * 3 - 1}}  {letters}"
    if len(data) > len(shown):
        yield f"  … and {len(data) - len(shown)} bytes more"


def _is_json(text: str) -> bool:
    """Tell JSON, where line breaks and tabs can stand outside of strings only."""
    try:
        json.loads(text, parse_int=str)  # of any length
    except (ValueError, RecursionError):
        return False
    return True
