"""Groups that are written to later, since the rules of their channels say how often.

Knows groups, what is due to each, and when its time comes. Must not know positions, nor how a group is written to.

What is held is kept with the group: nothing is kept for a listener, and one timer serves all. A pace lets all of the
group wait for the same moment. Where a channel is spread, each listener has a moment of its own, and gets what is held
by then. Ids stay in their order, so an event that goes at once takes along what is held for its groups.

Who polls takes one write, leaves, and comes back with what it got. If it has all that was last written to its group, it
waits for the group's moment too, and goes on from history then; if it lacks some of that, it gets it at once.
"""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from math import inf
from operator import attrgetter

from oyez.hub.publication import Channel, EventId, Publication
from oyez.hub.rates import FindRate
from oyez.hub.subscriber import Group, Subscription
from oyez.hub.wheel import Wheel

# A group for which more is held is written to before its time. What is held is out of history's bounds.
MOST_HELD = 1000

# The loop's timers may come early by their resolution.
_EARLY_S = 0.001

# How long listeners of a spread group wait for others of it that are being written to.
_RETRY_S = 0.02

# Nobody tells of a group that its last listener leaves. So many may be remembered without one: who polls and goes away
# leaves a group with each poll.
_MOST_EMPTY = 100

_Due = tuple[Group, list[Publication]]

_id_of = attrgetter("id")


def leave_out_superseded(publications: list[Publication]) -> list[Publication]:
    """Return what is due to whoever is late."""
    return [publication for publication in publications if not publication.superseded]


class _Held:
    """What is held for one group.

    Attributes:
        publications: in rising order of ids; none if somebody has come back early, and nothing came since.
        pace_until: when all of the group is written to.
        until: when there is something to do for it.
        marks: of a spread group, up to which tick and event it was served when something was added.
    """

    __slots__ = ("marks", "pace_until", "publications", "until")

    def __init__(self) -> None:
        self.publications: list[Publication] = []
        self.pace_until = self.until = inf
        self.marks: list[tuple[int, EventId]] = []

    def mark(self, tick: int) -> None:
        """Note that listeners whose moment was up to a tick do not have what was added last."""
        if self.marks and self.marks[-1][0] == tick:
            self.marks.pop()
        self.marks.append((tick, self.publications[-1].id))

    def drop_served(self, wheel: Wheel[Subscription]) -> None:
        """Drop what was there for a whole cycle."""
        served = [event for tick, event in self.marks if tick + wheel.ticks <= wheel.tick]
        if served:
            del self.marks[: len(served)]
            del self.publications[: bisect_right(self.publications, served[-1], key=_id_of)]


class HeldGroups:
    """All groups for which something is held.

    Args:
        find_rate: says how often listeners of a channel are written to.
        call_later: runs a function after so many seconds.
        clock: seconds on a steady scale.
        wake: called when the time of a group has come.
        write_to: writes publications to one listener; raises nothing.
        resume: lets a listener that lags go on from history; raises nothing.
        newest_id: returns the id of a channel's newest event; None: it has none.
        is_waiting: whether a group still waits for what was passed on before.
        most_held: a group for which more is held is written to before its time.
    """

    def __init__(
        self,
        find_rate: FindRate,
        *,
        call_later: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float],
        wake: Callable[[], object],
        write_to: Callable[[Subscription, list[Publication]], object],
        resume: Callable[[Subscription], object],
        newest_id: Callable[[Channel], EventId | None],
        is_waiting: Callable[[Group], bool],
        most_held: int = MOST_HELD,
    ) -> None:
        self._find_rate = find_rate
        self._call_later = call_later
        self._clock = clock
        self._wake = wake
        self._write_to = write_to
        self._resume = resume
        self._newest_id = newest_id
        self._is_waiting = is_waiting
        self._most_held = most_held
        self._held: dict[Group, _Held] = {}
        self._times: list[tuple[float, int, Group]] = []  # a heap; an entry of another time than its group's is void
        self._most_times = _MOST_EMPTY
        self._numbers = count()
        self._timer_at: float | None = None

    def is_due(self) -> bool:
        """Return whether the time of a group has come."""
        return bool(self._times) and self._times[0][0] <= self._clock() + _EARLY_S

    def oldest_due(self, group: Group | None) -> EventId | None:
        """Return the oldest id that is held for a group, or None; for no group in particular, the oldest of all."""
        held = self._held.values() if group is None else filter(None, [self._held.get(group)])
        return min((some.publications[0].id for some in held if some.publications), default=None)

    def pass_on(self, due: Iterable[_Due]) -> Iterator[_Due]:
        """Pass on what all of a group may have now: of what has become due, and then of what was held.

        Listeners of spread groups whose moment has come are written to meanwhile.

        Args:
            due: groups and what has become due to each, which is above all that was before.
        """
        for group, publications in due:
            yield from self._pass_or_hold(group, publications)
        times, latest = self._times, self._clock() + _EARLY_S
        while times and times[0][0] <= latest:
            until, _, group = heapq.heappop(times)
            held = self._held.get(group)
            if held is None or held.until != until:
                continue
            if held.pace_until <= latest:
                yield from self._pass(group, [])
            else:
                self._turn_wheel(group, held)
        self._forget_empty()
        self._plan()

    def change_rates(self, find_rate: FindRate) -> None:
        """Let other rules count; what is held by those that are gone goes to all of its group in the next turn."""
        concerned = {channel for group in self._held for channel in group.channels}
        changed = {channel for channel in concerned if find_rate(channel) != self._find_rate(channel)}
        self._find_rate = find_rate
        for group, held in self._held.items():
            if not changed.isdisjoint(group.channels):
                held.pace_until = -inf
                self._set_time(group, held)

    def hold_back(self, subscription: Subscription) -> bool:
        """Let a listener wait that has come back for what follows the last write to its group, if that is too early.

        Args:
            subscription: has just joined its group, and lacks nothing that history has dropped.

        Returns:
            Whether it waits; else it is to get at once what there is.
        """
        group = subscription.group
        lacking = self._find_lacking(subscription)
        if group is None or not lacking or subscription.position < group.written_up_to:
            return False
        until = min(map(partial(self._end_of_pace, group), lacking))
        if until <= self._clock() + _EARLY_S:
            if len(group.members) == 1:  # others were written to when what it lacks came
                self._note_write(group)
            return False
        subscription.lagging = True
        group.early = group.early or {}
        group.early[subscription] = None
        held = self._held.setdefault(group, _Held())
        held.pace_until = min(held.pace_until, until)
        self._set_time(group, held)
        self._forget_empty()
        self._plan()
        return True

    def clear(self) -> None:
        """Forget what is held: everybody goes on from history."""
        for group in tuple(self._held):
            self._forget(group)
        self._times.clear()

    def _find_lacking(self, subscription: Subscription) -> list[Channel]:
        """Return the channels of which a listener lacks something."""
        return [
            channel
            for channel in subscription.channels
            if (self._newest_id(channel) or 0) > subscription.position_in(channel)
        ]

    def _end_of_pace(self, group: Group, channel: Channel) -> float:
        """Return when what is new in a channel may be written to all of a group; what is spread: at any time."""
        rate = self._find_rate(channel)
        return -inf if rate.spread_s else group.written_at + rate.pace_s

    def _note_write(self, group: Group) -> None:
        group.written_at = self._clock()
        if group.encoding.max_events is not None:
            group.written_up_to = max(self._newest_id(channel) or EventId(0) for channel in group.channels)

    def _pass_or_hold(self, group: Group, publications: list[Publication]) -> Iterator[_Due]:
        if not group.members:
            self._forget(group)
            return
        pace_until, spread_s = self._find_times(group, publications)
        held = self._held.get(group)
        if pace_until <= self._clock() or (held is not None and self._is_full(held)):
            yield from self._pass(group, publications)
            return
        if held is None:
            held = self._held[group] = _Held()
        held.publications += publications
        held.pace_until = min(held.pace_until, pace_until)
        if spread_s and (group.wheel is None or spread_s < group.wheel.cycle_s):
            group.wheel = Wheel(spread_s, group.members, self._clock())
            held.marks.clear()
        if group.wheel is not None:
            held.mark(group.wheel.tick)
        self._set_time(group, held)

    def _find_times(self, group: Group, publications: list[Publication]) -> tuple[float, float]:
        """Return when all of a group may be written to, and within how long each of its listeners is; 0: no matter."""
        until, spread_s = inf, 0.0
        for publication in publications:
            rate = self._find_rate(publication.channel)
            if rate.spread_s:
                spread_s = min(spread_s or inf, rate.spread_s)
            else:
                until = min(until, group.written_at + rate.pace_s)
        return until, spread_s

    def _is_full(self, held: _Held) -> bool:
        if len(held.publications) < self._most_held:
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
        if group.members and (newest or group.early):
            self._note_write(group)
        if group.members and newest:
            yield group, newest
        self._forget(group)

    def _turn_wheel(self, group: Group, held: _Held) -> None:
        """Write what is held to the listeners of a group whose moment has come."""
        wheel = group.wheel
        if wheel is None:
            return
        if self._is_waiting(group):  # what it waits for comes first
            held.until = self._clock() + _RETRY_S
            self._push(held.until, group)
            return
        tick = max(wheel.next_tick() or 0, wheel.tick_at(self._clock()))
        for member in wheel.turn_to(tick):
            begin = bisect_right(held.publications, member.position, key=_id_of)
            newest = leave_out_superseded(held.publications[begin:])
            if newest and not member.lagging and member.group is group:
                self._write_to(member, newest)
        held.drop_served(wheel)
        if (held.publications or group.early) and group.members:
            self._set_time(group, held)
        else:
            self._forget(group)

    def _forget(self, group: Group) -> None:
        self._held.pop(group, None)
        group.wheel = None
        early, group.early = group.early, None
        for member in early or ():
            self._resume(member)

    def _forget_empty(self) -> None:
        """Forget groups without listeners, and times that are void, when there may be as many as of others."""
        times = self._times
        if len(times) < self._most_times:
            return
        for group in [group for group in self._held if not group.members]:
            self._forget(group)
        times[:] = [(held.until, next(self._numbers), group) for group, held in self._held.items() if held.until < inf]
        heapq.heapify(times)
        self._most_times = 2 * len(times) + _MOST_EMPTY

    def _set_time(self, group: Group, held: _Held) -> None:
        until = held.pace_until
        if group.wheel is not None and (tick := group.wheel.next_tick()) is not None:
            until = min(until, group.wheel.time_of(tick))
        if until != held.until:
            held.until = until
            self._push(until, group)

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
