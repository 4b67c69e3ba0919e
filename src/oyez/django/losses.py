"""Lines in the site's log about events that were not posted: the first at once, then a line a minute at most.

It must not know why, nor the events.
"""

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("oyez.django")

_PAUSE_S = 60.0


class Losses:
    """Counts what was lost since the last line about it.

    Args:
        clock: seconds on any steady scale.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._logged_count = 0
        self._logged_at: float | None = None
        self._error: BaseException | None = None  # the newest that lost an event
        self._lock = threading.Lock()

    def add(self, count: int, error: BaseException) -> None:
        """Count events that are lost, or 0 for a call that failed and lost none: its events wait, or it had none."""
        with self._lock:
            if count:
                self._count += count
                self._error = error
            now = self._clock()
            if self._logged_at is not None and now - self._logged_at < _PAUSE_S:
                return
            self._logged_at = now
            lost, self._count = self._count, 0
            if lost:
                error = self._error or error
        self._log(lost, error)

    def log_rest(self) -> None:
        """Write the line about what was lost since the last one now, if there is anything to write."""
        with self._lock:
            lost, self._count = self._count, 0
            error = self._error
        if lost and error is not None:
            self._log(lost, error)

    def _log(self, lost: int, error: BaseException) -> None:
        why = f"{type(error).__name__}: {error}"
        if lost:
            since = "since the last such line" if self._logged_count else "so far"
            logger.warning("events are not posted (%d %s): %s", lost, since, why)
        else:
            since = "since then" if self._logged_count else "so far"
            logger.warning("the daemon cannot be asked or posted to; no event is lost %s: %s", since, why)
        self._logged_count += lost
