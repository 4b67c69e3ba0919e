"""What is done once a second, whatever else happens: old events are dropped, the log is told what has come together.

Knows the hub and the clocks. Must not know what ids or ages are made of.
"""

import logging
import time
from collections.abc import Callable

from oyez.brokers.clocks import StepWatch, read_clocks
from oyez.hub.hub import Hub

logger = logging.getLogger(__name__)

_LOGGED_EVERY_S = 20.0  # what a clock does that is set all the time is logged as one
_DAY_S = 86_400


class Housekeeping:
    """Drops old events and watches the clock.

    Args:
        hub: whose events they are.
        tell_what_is_due: logs what was counted instead of logged, where its time has come.
    """

    def __init__(self, hub: Hub, tell_what_is_due: Callable[[], None]) -> None:
        self._hub = hub
        self._tell_what_is_due = tell_what_is_due
        self._watch = StepWatch(read_clocks(time.monotonic, time.time))
        self._logged_at = float("-inf")

    def look(self) -> None:
        """Do what is due; to be called once a second."""
        self._hub.expire()
        self._tell_what_is_due()
        now = read_clocks(time.monotonic, time.time)
        if now.steady_s - self._logged_at >= _LOGGED_EVERY_S and (step_s := self._watch.look(now)):
            self._logged_at = now.steady_s
            _log_step(step_s)


def _log_step(step_s: float) -> None:
    size = f"{abs(step_s):.1f} s" + (f" ({abs(step_s) / _DAY_S:.1f} days)" if abs(step_s) >= _DAY_S else "")
    if step_s > 0:
        logger.warning(
            "the clock was set ahead by %s, or the machine slept: no event counts as older for that, and ids go on from"
            " the new time",
            size,
        )
    else:
        logger.warning("the clock was set back by %s: ids go on above the newest one", size)
