"""``host:port``, as URLs and the header Host have it (RFC 3986 §3.2): whether a text is one, and its two halves.

Knows the grammar. Must not know which hosts there are, nor where a name leads to.
"""

import re
from functools import lru_cache

# §3.2.2 and §3.2.3, without what may stand before an "@" (RFC 9110 §4.2.4).
_ON_THE_WIRE = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::[0-9]*)?", re.ASCII)

# People write hosts that no header has: in letters of other alphabets, with a star.
_WRITTEN = re.compile(r"(\[[^\[\]/?#@]*\]|[^:\[\]/?#@]*)(?::([0-9]*))?")


# Visitors of one site name the same host. Longer ones than a name may be (RFC 1035 §2.3.4) are made up, and would take
# memory.
_REMEMBERED = 256
_LONGEST_REMEMBERED = 262


def is_authority(data: bytes) -> bool:
    """Return whether bytes may stand in a header or target as a host, with a port or without one. It may be empty."""
    return _is_known(data) if len(data) <= _LONGEST_REMEMBERED else _ON_THE_WIRE.fullmatch(data) is not None


@lru_cache(maxsize=_REMEMBERED)
def _is_known(data: bytes) -> bool:
    return _ON_THE_WIRE.fullmatch(data) is not None


def split_authority(text: str) -> tuple[str, str] | None:
    """Split at the port.

    Returns:
        The host, in brackets if those are around it, and the port's digits, of which there may be none; None: it is no
        authority, or has a user's name in it.
    """
    halves = _WRITTEN.fullmatch(text)
    return None if halves is None else (halves[1], halves[2] or "")
