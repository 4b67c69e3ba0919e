"""Ids that cannot be guessed.

Knows where randomness comes from. Must not know what an id is for.
"""

import base64
import os

# A call of the operating system for each id costs more than all else that an id needs.
_IDS_PER_DRAW = 256
_ID_BYTES = 15  # 20 characters, as long as the ids of the Node library

_drawn: list[str] = []


def new_session_id() -> str:
    """Return a fresh id: 120 random bits as 20 characters that are safe in URLs."""
    if not _drawn:
        raw = os.urandom(_ID_BYTES * _IDS_PER_DRAW)
        text = base64.urlsafe_b64encode(raw).decode("ascii")
        _drawn.extend(text[begin : begin + 20] for begin in range(0, len(text), 20))
    return _drawn.pop()
