"""The wall clock beside the steady one: readings of both, and by how much the first was set.

Knows clocks. Must not know what depends on them.
"""

from collections.abc import Callable
from typing import NamedTuple

from oyez.hub.publication import MAX_EVENT_ID

STEP_S = 1.0
"""What counts as a step of the wall clock. On the steady one seconds are as long: nothing adds up to it by itself."""

HIGHEST_TIME = MAX_EVENT_ID - 2**40
"""Whatever a clock says, there is room above it for all ids to come."""

_APART_S = 0.05  # more than two readings take, and far less than what counts as a step
_ATTEMPTS = 3


class Moment(NamedTuple):
    """One moment on both clocks."""

    steady_s: float
    wall_s: float

    @property
    def wall_ms(self) -> int:
        """The wall clock in whole milliseconds since 1970."""
        return int(self.wall_s * 1000)


def read_clocks(steady: Callable[[], float], wall: Callable[[], float]) -> Moment:
    """Read both clocks at once, or again if this process was held up between the two."""
    for attempt in range(_ATTEMPTS):
        moment = Moment(steady(), wall())
        if attempt == _ATTEMPTS - 1 or steady() - moment.steady_s < _APART_S:
            break
    return moment


class StepWatch:
    """Finds out when the wall clock was set.

    A machine that sleeps looks the same, since the steady clock stands still meanwhile.
    """

    def __init__(self, begin: Moment) -> None:
        self._ahead_s = begin.wall_s - begin.steady_s

    def look(self, now: Moment) -> float:
        """Return by how many seconds the wall clock was set ahead (below 0: back) since the last step, or 0."""
        ahead_s = now.wall_s - now.steady_s
        step_s = ahead_s - self._ahead_s
        if abs(step_s) < STEP_S:
            return 0.0
        self._ahead_s = ahead_s
        return step_s


def as_id(wall_s: float, per_s: int) -> int:
    """Return the place of a time among ids: 1 at least, and none that would leave no room for those after it.

    Args:
        wall_s: seconds since 1970.
        per_s: how many ids there are in a second: 1000 where ids are milliseconds, 1,000,000 for microseconds.
    """
    time = int(wall_s * per_s)
    return time if 0 < time <= HIGHEST_TIME else min(max(time, 1), HIGHEST_TIME)
