"""Ids that come from posters' clocks, made to rise.

Knows microseconds. Must not know who posts, or where a clock comes from.

A given id is kept where it can be. It is raised where it would fall, so that listeners' positions work, and lowered
where it is further ahead of this machine's clock than clocks may differ: all later ids would have to be above it.
"""

from array import array
from bisect import bisect_left
from typing import NamedTuple

from oyez.brokers.clocks import HIGHEST_TIME
from oyez.hub.publication import EventId

US_PER_S = 1_000_000

# By how much this machine's clock may have been set back since it gave an id that is trusted: to 1970, where machines
# without a clock of their own begin. Anybody may claim to be a daemon: without a bound one record could carry the ids
# to where there is no room above them.
_MOST_SET_BACK_US = 70 * 366 * 86_400 * US_PER_S

# How many of the newest ids are known again: more than a page that comes back within history's time may have missed.
REMEMBERED = 100_000


class TakenId(NamedTuple):
    """The id that an event gets; ``cut``: because its poster's clock is wrong."""

    id: EventId
    cut: bool


class IdSequence:
    """The ids of one daemon.

    Args:
        skew_s: by how much clocks may differ.
        remembered: how many of the newest ids are known again at least.
    """

    def __init__(self, skew_s: float, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self.last = EventId(1)
        self.allowance = int(skew_s * US_PER_S)
        self._proposed = 0
        self._given = array("q")  # rising

    def raise_to(self, event_id: int) -> EventId:
        """Assign no id up to this one any more. Returns the last that may have been assigned."""
        if event_id > self.last:
            self._give(min(event_id, HIGHEST_TIME))
        return self.last

    def take(self, given: int, now_us: int, *, trusted: bool = False) -> TakenId:
        """Assign the id of the next event.

        Args:
            given: the one that its poster gave it, in microseconds since 1970.
            now_us: this machine's clock.
            trusted: whether it may be far ahead of that: a daemon assigned it, perhaps before its clock was set back.
        """
        allowed = min(given, now_us + (_MOST_SET_BACK_US if trusted else self.allowance), HIGHEST_TIME)
        lowest = self.last + 1
        self._give(max(lowest, allowed))
        return TakenId(self.last, given > max(allowed, lowest))

    def propose(self, now_us: int) -> int:
        """Return the id to publish an event with; it rises whether or not the earlier ones have come back."""
        self._proposed = max(self._proposed + 1, self.last + 1, now_us)
        return self._proposed

    def reach_back(self, start: int, now_us: int) -> EventId:
        """Return the id to go on from for a client whose start is the id of no event that is remembered.

        It may be a clock's, or have been given to the same event by another daemon: it is lowered by as much as clocks
        may differ. One that lies in the future comes from elsewhere, and stays what it is; so does one that was given
        here, though its event is forgotten: its owner has all below it.
        """
        place = bisect_left(self._given, start)
        if place < len(self._given) and self._given[place] == start:
            return EventId(start)
        if start > max(self.last, now_us) + self.allowance:
            return EventId(start)
        return EventId(max(min(start - self.allowance, self.last), 0))

    def _give(self, event_id: int) -> None:
        self.last = EventId(event_id)
        self._given.append(event_id)
        if len(self._given) >= 2 * self._remembered:
            del self._given[: self._remembered]
