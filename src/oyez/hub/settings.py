"""What may be set of history: how much is kept in memory, and how much of it is replayed.

Knows numbers. Must not know the events that they bound.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from oyez.setting import DAY_S, Setting, seconds

SHORTEST_TTL_S = 0.001
LONGEST_TTL_S = 366 * DAY_S


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """What is kept in memory for those who missed it."""

    size: Annotated[int, Setting("Events kept of each channel.", unit="events", low=1)] = 256
    ttl_s: Annotated[
        float, seconds("Age at which an event leaves the memory.", low=SHORTEST_TTL_S, high=LONGEST_TTL_S)
    ] = 600.0
    max_bytes: Annotated[int, Setting("Memory for the events of all channels together.", unit="bytes", low=1)] = (
        64 * 2**20
    )
    max_channels: Annotated[int, Setting("Channels remembered; beyond it the idlest go.", unit="channels", low=1)] = (
        100_000
    )
    replay_without_start: Annotated[
        int, Setting("Newest events sent to a listener that names no event to start from.", unit="events")
    ] = 50


class ChannelBounds(NamedTuple):
    """What counts for one channel: of the settings of history, those that rules may change."""

    size: int
    ttl_s: float
    replay_without_start: int
    kept: bool = True
    """Whether the store keeps its events; else they are gone when the daemon ends."""


class HistoryRules(NamedTuple):
    """Where rules for channels change the settings of history: what counts for which channel."""

    find: Callable[[str], ChannelBounds]
    longest_ttl_s: float
    """The longest time to live of any channel."""
    unkept: str = ""
    """Which channels the store does not keep, in words that are the same for as long as those are; empty: none."""
    longest_rule_s: float = 0.0
    """The longest time to live that differs from that of channels without a rule; 0: there is none."""


def bounds_of_all(settings: HistorySettings) -> ChannelBounds:
    """Return what counts for channels without a rule."""
    return ChannelBounds(settings.size, settings.ttl_s, settings.replay_without_start)
