"""What peers did wrong, or were refused: counted for the metrics, and a line in the log now and then.

Knows the clock. Must not know protocols, nor who is noted.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

logger = logging.getLogger(__name__)

_INTERVAL_S = 20.0  # between two lines of one reason

# Of what is noted, this may call for the operator; all else is a slip of some visitor, or of a program of his.
_FOR_THE_OPERATOR = frozenset({"at-capacity", "auth-failed", "bad-record", "clock-ahead"})


class Notes:
    """What peers did wrong: counted always, logged a few times a minute at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._logged: dict[str, tuple[float, int]] = {}

    def __call__(self, reason: str, detail: str, find_peer: Callable[[], object] | None = None, /) -> None:
        """Count one more of ``reason``.

        Args:
            reason: one of a few.
            detail: for the log; has to be free of secrets.
            find_peer: finds out who it was; called only if there is a line in the log.
        """
        self.counts[reason] += 1
        now = self._clock()
        last, count_then = self._logged.get(reason, (-_INTERVAL_S, 0))
        if now - last < _INTERVAL_S:
            return
        self._logged[reason] = (now, self.counts[reason])
        unlogged = self.counts[reason] - count_then - 1
        more = f" ({unlogged} more of this kind since the last line)" if unlogged > 0 and count_then else ""
        level = logging.WARNING if reason in _FOR_THE_OPERATOR else logging.INFO
        who = f", from {find_peer()}" if find_peer is not None else ""
        logger.log(level, "%s: %s%s%s", reason, detail[:200], who, more)
