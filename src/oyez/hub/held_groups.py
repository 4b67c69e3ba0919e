"""Groups that are written to later, since the rules of their channels say how often.

Knows groups, what is due to each, and when its time comes. Must not know positions, nor how a group is written to.

What is held is kept with the group: nothing is kept for a listener, and one timer serves all. Ids stay in their order,
so an event that goes at once takes along what is held for its groups.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import count

from oyez.hub.publication import EventId, Publication
from oyez.hub.rates import FindRate
from oyez.hub.subscriber import Group

# A group for which more is held is written to before its time. What is held is out of history's bounds.
MOST_HELD = 1000

# The loop's timers may come early by their resolution.
_EARLY_S = 0.001

_Due = tuple[Group, list[Publication]]


def leave_out_superseded(publications: list[Publication]) -> list[Publication]:
    """Return what is due to whoever is late."""
    return [publication for publication in publications if not publication.superseded]


class _Held:
    """What is held for one group, and until when on the clock."""

    __slots__ = ("publications", "until")

    def __init__(self, publications: list[Publication], until: float) -> None:
        self.publications = publications
        self.until = until


class HeldGroups:
    """All groups for which something is held.

    Args:
        find_rate: says how often listeners of a channel are written to.
        call_later: runs a function after so many seconds.
        clock: seconds on a steady scale.
        wake: called when the time of a group has come.
        most_held: a group for which more is held is written to before its time.
    """

    def __init__(
        self,
        find_rate: FindRate,
        *,
        call_later: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float],
        wake: Callable[[], object],
        most_held: int = MOST_HELD,
    ) -> None:
        self._find_rate = find_rate
        self._call_later = call_later
        self._clock = clock
        self._wake = wake
        self._most_held = most_held
        self._held: dict[Group, _Held] = {}
        self._times: list[tuple[float, int, Group]] = []  # a heap; an entry of another time than its group's is void
        self._numbers = count()
        self._timer_at: float | None = None

    def is_due(self) -> bool:
        """Return whether the time of a group has come."""
        return bool(self._times) and self._times[0][0] <= self._clock() + _EARLY_S

    def oldest_due(self, group: Group | None) -> EventId | None:
        """Return the oldest id that is held for a group, or None; for no group in particular, the oldest of all."""
        held = self._held.values() if group is None else filter(None, [self._held.get(group)])
        return min((some.publications[0].id for some in held), default=None)

    def pass_on(self, due: Iterable[_Due]) -> Iterator[_Due]:
        """Pass on what may be written now: of what has become due, and then of what was held.

        Args:
            due: groups and what has become due to each, which is above all that was before.
        """
        for group, publications in due:
            yield from self._pass_or_hold(group, publications)
        times, latest = self._times, self._clock() + _EARLY_S
        while times and times[0][0] <= latest:
            until, _, group = heapq.heappop(times)
            held = self._held.get(group)
            if held is not None and held.until == until:
                yield from self._pass(group, [])
        self._plan()

    def clear(self) -> None:
        """Forget what is held: everybody goes on from history."""
        self._held.clear()
        self._times.clear()

    def _pass_or_hold(self, group: Group, publications: list[Publication]) -> Iterator[_Due]:
        until = self._find_time(group, publications)
        held = self._held.get(group)
        if until <= self._clock() or self._is_full(held):
            yield from self._pass(group, publications)
        elif held is None:
            self._held[group] = _Held(publications, until)
            self._push(until, group)
        else:
            held.publications += publications
            if until < held.until:
                held.until = until
                self._push(until, group)

    def _find_time(self, group: Group, publications: list[Publication]) -> float:
        """Return when a group may be written to, by the rule of the channel that allows it first."""
        return group.written_at + min(self._find_rate(publication.channel).pace_s for publication in publications)

    def _is_full(self, held: _Held | None) -> bool:
        if held is None or len(held.publications) < self._most_held:
            return False
        left = leave_out_superseded(held.publications)
        if len(left) > self._most_held // 2:
            return True
        held.publications = left or held.publications[-1:]
        return False

    def _pass(self, group: Group, publications: list[Publication]) -> Iterator[_Due]:
        held = self._held.get(group)
        if held is not None:
            publications = held.publications + publications
        newest = leave_out_superseded(publications)
        if newest and group.members:
            group.written_at = self._clock()
            yield group, newest
        self._held.pop(group, None)

    def _push(self, until: float, group: Group) -> None:
        heapq.heappush(self._times, (until, next(self._numbers), group))

    def _plan(self) -> None:
        """Ask for a call at the time of the first group, if none is planned for then."""
        if self._times and (self._timer_at is None or self._times[0][0] < self._timer_at):
            self._timer_at = at = self._times[0][0]
            self._call_later(max(at - self._clock(), 0.0), lambda: self._end_wait(at))

    def _end_wait(self, at: float) -> None:
        if at != self._timer_at:
            return  # one for an earlier time was planned after it
        self._timer_at = None
        if self.is_due():
            self._wake()
        else:
            self._plan()
