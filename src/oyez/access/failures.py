"""Wrong keys, counted by address.

Knows the clock and what failures count for (`Peer.counted_as`). Must not know keys, nor what follows from too many.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable


class FailedAttempts:
    """Counts failures by address, so that whoever guesses keys gets shorter answers, and is seen in the log.

    The right key is never refused for the failures of others: behind a proxy all the world may have one address.

    Args:
        per_minute: how many failures an address has for free in a minute.
        clock: seconds on a steady scale.
        remembered: of how many addresses failures are kept; beyond that the one that has been quiet longest goes.
    """

    def __init__(
        self, per_minute: int, clock: Callable[[], float] = time.monotonic, *, remembered: int = 10_000
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._remembered = remembered
        self._failures: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def add(self, who: Hashable) -> bool:
        """Count a failure of an address or a network; True when it has had too many of them."""
        now = self._clock()
        began, count = self._failures.pop(who, (now, 0))
        if now - began >= 60:
            began, count = now, 0
        self._failures[who] = (began, count + 1)
        if len(self._failures) > self._remembered:
            self._failures.popitem(last=False)
        return count >= self._per_minute

    def take_back(self, who: Hashable, count: int) -> None:
        """Forget failures of a client that has shown the right key on the same connection: it was not guessing."""
        began, failures = self._failures.get(who, (0.0, 0))
        if failures and count:
            self._failures[who] = (began, max(failures - count, 0))
