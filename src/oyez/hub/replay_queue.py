"""Who goes on with its replay in which turn of the loop: one peer after the other, and one listener of each.

Knows turns, slices of time and rations. Must not know what is replayed, nor whose a ration is.

A listener waits here for one of two things: for the others, since a step of its replay was as long as one may be, or
for the ration of its peer, which is used up. It holds no bytes meanwhile. Nobody has a timer: one serves all of them.
"""

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count

from oyez.hub.sparse_log import SparseLog
from oyez.hub.subscriber import Line, Ration, Subscription

# Beside a fan-out, which has slices of its own; long enough for some five writes.
_SLICE_S = 0.0005

# Rations are looked at no more often than this, since each time costs a turn of the loop; and not less often, since the
# one that is planned may not be the first that has something again.
_SHORTEST_WAIT_S = 0.005
_LONGEST_WAIT_S = 0.1

# After an error of ours.
_RETRY_S = 1.0


class ReplayQueue:
    """All listeners that have to wait with what they missed.

    Args:
        serve: goes on with one listener for a step, which may put it back into the queue; raises nothing.
        log: for errors of ours.
        before_turn: called before each turn: what is new goes before what was missed.
        call_soon: runs a function in the next turn of the event loop.
        call_later: runs a function after so many seconds.
        clock: seconds on a steady scale.
    """

    def __init__(
        self,
        serve: Callable[[Subscription], None],
        log: SparseLog,
        *,
        before_turn: Callable[[], object],
        call_soon: Callable[[Callable[[], None]], object],
        call_later: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float],
    ) -> None:
        self._serve = serve
        self._before_turn = before_turn
        self._log = log
        self._call_soon = call_soon
        self._call_later = call_later
        self._clock = clock
        self._lines: dict[tuple[Ration | None, bool], Line] = {}  # each is in one of the next two
        self._due: deque[Line] = deque()
        self._later: list[tuple[float, int, Line]] = []  # a heap by the time at which the ration has something again
        self._numbers = count()
        self._turn_planned = False
        self._timer_planned = False

    def __len__(self) -> int:
        """Return how many listeners wait."""
        return sum(len(line.members) for line in self._lines.values())

    def add(self, subscription: Subscription, *, rationed: bool) -> None:
        """Let a listener wait for its turn, behind the others of its peer; harmless when it waits already.

        Args:
            subscription: is lagging from now on, and goes on from history.
            rationed: its turn comes no sooner than its ration has something again.
        """
        subscription.lagging = True
        if subscription.line is not None:
            return
        key = (subscription.ration, rationed)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(subscription.ration if rationed else None, key)
            self._due.append(line)
        line.members[subscription] = None
        subscription.line = line
        self._plan()

    def remove(self, subscription: Subscription) -> None:
        """Let a listener wait no longer; harmless when it does not."""
        if subscription.line is not None:
            del subscription.line.members[subscription]
            subscription.line = None

    def _turn(self) -> None:
        self._turn_planned = False
        try:
            self._before_turn()
            self._serve_some()
        except Exception:
            self._log.exception("listeners go on a second later with what they missed, after an error of ours")
        self._plan()

    def _serve_some(self) -> None:
        """Serve one of each line that is due, again and again, until the slice is used up."""
        now = self._clock()
        slice_end = now + _SLICE_S
        while self._later and self._later[0][0] <= now:
            self._due.append(heapq.heappop(self._later)[2])
        while self._due:
            line = self._due.popleft()
            if not line.members:
                del self._lines[line.key]
                continue
            wait_s = _RETRY_S
            try:
                wait_s = 0.0 if line.ration is None else line.ration.wait_s()
            finally:  # whatever it raises, the line is kept
                if wait_s > 0:
                    heapq.heappush(self._later, (now + wait_s, next(self._numbers), line))
            if wait_s > 0:
                continue
            self._due.append(line)
            subscription, _ = line.members.popitem(last=False)
            subscription.line = None
            self._serve(subscription)
            if self._clock() >= slice_end:
                return

    def _plan(self) -> None:
        """Ask for a turn of the loop, or for one when the first ration has something again."""
        if self._turn_planned:
            return
        if self._due:
            self._turn_planned = True
            self._call_soon(self._turn)
        elif self._later and not self._timer_planned:
            self._timer_planned = True
            wait_s = self._later[0][0] - self._clock()
            self._call_later(min(max(wait_s, _SHORTEST_WAIT_S), _LONGEST_WAIT_S), self._end_wait)

    def _end_wait(self) -> None:
        self._timer_planned = False
        if not self._turn_planned:
            self._turn()
