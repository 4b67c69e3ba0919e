"""Wrong keys, counted by address, and the wait that follows from too many.

Knows the clock and what failures count for (`Peer.counted_as`). Must not know keys, nor who waits.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

_MINUTE_S = 60.0
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_MOST_DOUBLINGS = 5


class Failure(NamedTuple):
    """One more wrong key."""

    number: int
    """How many there were from there, this one too, since the last quiet minute."""
    wait_s: float
    """How long nobody there is answered from now on; 0: it was one of the free ones."""


class _Count:
    """What is remembered of an address."""

    __slots__ = ("began", "count", "until", "waits")

    def __init__(self, now: float) -> None:
        self.began = self.until = now
        self.count = self.waits = 0


class FailedAttempts:
    """Counts failures by address. After the free ones each makes the address wait: 1, 2, 4 … up to 30 seconds.

    All is forgotten a minute after the last wait, or after the first failure if there was none.

    Args:
        per_minute: how many failures an address has for free in a minute; it may be changed.
        clock: seconds on a steady scale.
        remembered: of how many addresses failures are kept; beyond that the one that has been quiet longest goes.
    """

    def __init__(
        self, per_minute: int, clock: Callable[[], float] = time.monotonic, *, remembered: int = 10_000
    ) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._remembered = remembered
        self._records: OrderedDict[Hashable, _Count] = OrderedDict()

    def __len__(self) -> int:
        """Of how many addresses failures are kept."""
        return len(self._records)

    def wait_s(self, who: Hashable) -> float:
        """Return for how many seconds an address has to wait; 0: it need not."""
        record = self._records.get(who)
        return 0.0 if record is None else max(record.until - self._clock(), 0.0)

    def add(self, who: Hashable) -> Failure:
        """Count a failure of an address or a network. While it waits already, that grows no longer by it."""
        now = self._clock()
        record = self._records.pop(who, None)
        if record is None or now - record.until >= _MINUTE_S:
            record = _Count(now)
        self._records[who] = record
        if len(self._records) > self._remembered:
            self._records.popitem(last=False)
        record.count += 1
        if record.count <= self.per_minute:
            return Failure(record.count, 0.0)
        if now >= record.until:
            record.until = now + min(_FIRST_WAIT_S * 2 ** min(record.waits, _MOST_DOUBLINGS), _LONGEST_WAIT_S)
            record.waits += 1
        return Failure(record.count, record.until - now)

    def take_back(self, who: Hashable, count: int) -> None:
        """Forget failures of a client that has shown the right key on the same connection: it was not guessing."""
        record = self._records.get(who)
        if record is None or not count:
            return
        record.count = max(record.count - count, 0)
        if record.count <= self.per_minute:
            record.until, record.waits = record.began, 0
