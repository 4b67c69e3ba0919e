"""What may be set of history: how much is kept in memory, and how much of it is replayed.

Knows numbers. Must not know the events that they bound.
"""

from dataclasses import dataclass
from typing import Annotated

from oyez.setting import DAY_S, Setting, seconds


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """What is kept in memory for those who missed it."""

    size: Annotated[int, Setting("Events kept of each channel.", unit="events", low=1)] = 256
    ttl_s: Annotated[float, seconds("Age at which an event leaves the memory.", high=366 * DAY_S)] = 600.0
    max_bytes: Annotated[int, Setting("Memory for the events of all channels together.", unit="bytes", low=1)] = (
        64 * 2**20
    )
    max_channels: Annotated[int, Setting("Channels remembered; beyond it the idlest go.", unit="channels", low=1)] = (
        100_000
    )
    replay_without_start: Annotated[
        int, Setting("Newest events sent to a listener that names no event to start from.", unit="events")
    ] = 50
