"""The head of a request that a client sends again and again, as it came: whoever asks the same is known by it.

Knows bytes. Must not know what a head says: a parser has read it once, and would read the same again.

A client that keeps its connection writes the same head for each request, but for the length of its body. To compare
some hundred bytes takes a twentieth of what it takes to parse them and to find out who asks.
"""

import re

# The line as nearly all write it. RFC 9112 §6.3: digits; of leading zeros nothing is said.
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]{1,9})\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"

# A length has so many digits at most; whatever is longer is parsed.
_MOST_DIGITS = 5


class RepeatedHead:
    """One head, but for the digits of its length."""

    __slots__ = ("_after", "_before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after

    def __len__(self) -> int:
        """How long it is with the longest length."""
        return len(self._before) + _MOST_DIGITS + len(self._after)

    def match(self, data: bytes) -> tuple[int, int] | None:
        """Return where the body begins in data that begin with this head, and how long it is; None: they do not."""
        before = self._before
        if not data.startswith(before):
            return None
        begin = len(before)
        end = data.find(b"\r", begin, begin + _MOST_DIGITS + 1)
        digits = data[begin:end] if end > 0 else b""
        if not digits.isdigit() or not data.startswith(self._after, end):
            return None
        return end + len(self._after), int(digits)


def read_head(data: bytes) -> RepeatedHead | None:
    """Return the head that data begin with, which a parser has read to its end; None: it names no length plainly.

    Args:
        data: one request from its first byte on, and what came behind it.
    """
    end = data.find(_END)
    length = _LENGTH.search(data, 0, end + 2)
    if length is None:
        return None
    return RepeatedHead(data[: length.start(1)], data[length.end(1) : end + len(_END)])
