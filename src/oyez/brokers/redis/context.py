"""What the daemon says about the events of a store.

Knows settings and clocks. Must not know Redis.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings

_MORE_S = 60.0  # so long is kept beside what history holds: a daemon that starts, or was held up, finds it

Note = Callable[[str, str], None]
"""Told what somebody did wrong: a reason that is counted, and a detail for the log."""


@dataclass(frozen=True, slots=True)
class RedisContext:
    """What the daemon says about the events.

    Attributes:
        limits: how long a channel's name may be.
        history: how old an event may be that is read back, and how many bytes all of them may have.
        note: told of entries that are passed over.
        clock: the hub's clock.
        wall_clock: seconds since 1970.
        skew_ms: by how much the daemon's clock may differ from Redis's; what differs by more is not believed.
    """

    limits: LimitSettings
    history: HistorySettings
    note: Note
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    skew_ms: int = 2000

    @property
    def ttl_ms(self) -> int:
        """How old an event may be that is read back."""
        return math.ceil(self.history.ttl_s * 1000)

    @property
    def keep_ms(self) -> int:
        """How old an entry of the stream may become."""
        return math.ceil((self.history.ttl_s + _MORE_S) * 1000)
