"""A log for errors of ours that may happen to ten thousand listeners at once: one traceback tells enough.

Knows what was written, and when. Must not know what fails.
"""

import logging
from collections.abc import Callable

_INTERVAL_S = 1.0  # an operator sees that it goes on, and the disk is not filled


class SparseLog:
    """Writes to a logger, each thing once a second at most.

    Args:
        logger: where to write.
        clock: seconds on a steady scale.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float]) -> None:
        self._logger = logger
        self._clock = clock
        self._written_at: dict[str, float] = {}

    def exception(self, what: str) -> None:
        """Write the traceback of the error that is being handled, unless the same was written just now.

        Args:
            what: what the error has cost; errors that cost the same count as the same.
        """
        now = self._clock()
        if now - self._written_at.get(what, float("-inf")) >= _INTERVAL_S:
            self._written_at[what] = now
            self._logger.exception("%s", what)
