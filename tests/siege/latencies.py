"""How long things took, by when they began; and what is said of them.

Knows times. Must not know what was waited for.
"""

from bisect import bisect_left
from typing import NamedTuple

NEVER_MS = 60_000.0
"""What an answer that did not come at all counts as."""


_STEP_S = 0.05


class Spread(NamedTuple):
    """Milliseconds: what half of all took at most, 99 of a hundred, and the slowest."""

    p50: float
    p99: float
    most: float

    def __str__(self) -> str:
        return " / ".join("never" if value >= NEVER_MS else f"{value:.1f}" for value in self)


class Latencies:
    """Each with the moment at which it began, in steady seconds."""

    def __init__(self) -> None:
        self._all: list[tuple[float, float]] = []

    def add(self, began: float, ended: float) -> None:
        self._all.append((began, (ended - began) * 1e3))

    def lose(self, began: float) -> None:
        """Note what was waited for in vain."""
        self._all.append((began, NEVER_MS))

    def between(self, begin: float, end: float) -> list[float]:
        """Return how long those took that began within a time, in milliseconds."""
        return [took for began, took in self._all if begin <= began < end]

    def spread(self, begin: float, end: float) -> Spread:
        return _spread(self.between(begin, end))

    def calm_from(self, begin: float, end: float, allowed_ms: float, for_s: float) -> float | None:
        """Find the first moment after which, for so many seconds, 99 of a hundred were no slower than allowed.

        Args:
            end: all that began before it has ended.

        Returns:
            None: there is none yet.
        """
        later = sorted(time for time in self._all if begin <= time[0] < end)
        steps = int((end - begin - for_s) / _STEP_S) + 1
        for moment in (begin + step * _STEP_S for step in range(steps)):
            first, last = bisect_left(later, (moment,)), bisect_left(later, (moment + for_s,))
            if last > first and _spread([took for _, took in later[first:last]]).p99 <= allowed_ms:
                return moment
        return None


def _spread(times: list[float]) -> Spread:
    took = sorted(times)
    if not took:
        return Spread(NEVER_MS, NEVER_MS, NEVER_MS)
    return Spread(took[len(took) // 2], took[min(int(len(took) * 0.99), len(took) - 1)], took[-1])
