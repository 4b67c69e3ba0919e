"""How long things took, by when they began; and what is said of them.

Knows times. Must not know what was waited for.
"""

from typing import NamedTuple

NEVER_MS = 60_000.0
"""What an answer that did not come at all counts as."""


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
        took = sorted(self.between(begin, end))
        if not took:
            return Spread(NEVER_MS, NEVER_MS, NEVER_MS)
        return Spread(took[len(took) // 2], took[min(int(len(took) * 0.99), len(took) - 1)], took[-1])

    def calm_from(self, begin: float, end: float, allowed_ms: float, for_s: float) -> float | None:
        """Find the first moment from which on nothing that began within so many seconds was slow; None: not yet.

        Args:
            end: all that began before it has ended.
        """
        calm = begin
        for began, took in sorted(self._all):
            if not begin <= began < end:
                continue
            if began >= calm + for_s:
                return calm
            if took > allowed_ms:
                calm = began + 1e-9
        return calm if end >= calm + for_s else None
