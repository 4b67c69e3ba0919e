"""Which listeners of a group are written to when, so that each has a moment of its own in a cycle.

Knows listeners and numbered ticks. Must not know the time, nor what is written.

A listener's place in the cycle stays as long as it listens, whoever comes or goes meanwhile: so what comes at any time
reaches each within a cycle, and none is written to oftener than once in one. Groups of one are spread too.
"""

from collections.abc import Hashable, Iterable
from math import ceil
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

# A tick costs a turn of the loop, and what is due in it leaves at once.
_TICK_S = 0.08
_MOST_TICKS = 1024


class Wheel(Generic[T]):
    """The listeners of one group, by the tick of the cycle in which each is written to.

    Args:
        cycle_s: how long a cycle is.
        members: of the group; who joins it later is added, and who leaves it removed.
        now: seconds on the hub's clock.

    Attributes:
        cycle_s: how long a cycle is.
        ticks: how many ticks that are.
        tick: the last tick that is over.
    """

    __slots__ = ("_members", "cycle_s", "tick", "ticks")

    def __init__(self, cycle_s: float, members: Iterable[T], now: float) -> None:
        self.cycle_s = cycle_s
        self.ticks = min(max(ceil(cycle_s / _TICK_S), 1), _MOST_TICKS)
        self.tick = self.tick_at(now)
        self._members: dict[int, dict[T, None]] = {}
        for member in members:
            self.add(member)

    def tick_at(self, now: float) -> int:
        """Return the number of the last tick that is over at a time."""
        return int(now * self.ticks / self.cycle_s)

    def time_of(self, tick: int) -> float:
        """Return when a tick is over."""
        return tick * self.cycle_s / self.ticks

    def add(self, member: T) -> None:
        """Give a listener its place."""
        self._members.setdefault(self._place_of(member), {})[member] = None

    def remove(self, member: T) -> None:
        """Take a listener out; harmless when it has no place."""
        place = self._place_of(member)
        here = self._members.get(place, {})
        here.pop(member, None)
        if not here:
            self._members.pop(place, None)

    def _place_of(self, member: T) -> int:
        return hash((id(member),)) % self.ticks  # a tuple's hash mixes all bits: addresses of objects are regular

    def next_tick(self) -> int | None:
        """Return the next tick in which somebody may be written to; None: there is nobody."""
        following = range(self.tick + 1, self.tick + 1 + self.ticks)
        return next((tick for tick in following if tick % self.ticks in self._members), None)

    def turn_to(self, tick: int) -> list[T]:
        """Return whose moment comes up to a tick, each once, however many cycles have passed."""
        passed = range(max(self.tick + 1, tick + 1 - self.ticks), tick + 1)
        self.tick = tick
        return [member for number in passed for member in self._members.get(number % self.ticks, ())]
