"""How large things may be that come from an exchange.

Knows numbers. Must not know the library.
"""

from collections.abc import Callable
from dataclasses import dataclass

Note = Callable[[str, str], None]
"""Told what somebody did wrong: a reason that is counted, and a detail for the log."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is read.

    Attributes:
        max_channel_length: of a channel's name, in UTF-16 units.
        max_body_bytes: of an event as it is published, with all that is around the message.
        replay_s: how old the events are that are read back at start.
    """

    max_channel_length: int
    max_body_bytes: int
    replay_s: float
