"""What stands between a site's calls and a backend: the time that a call may take, and outages.

It must not know settings by their names, nor what callers do with errors.
"""

import time
from collections.abc import Iterator, Sequence

from oyez.client import MAX_BATCH_EVENTS, Post, PosterError, TimedOut
from oyez.django.backends import Backend
from oyez.django.outage import Outage

_CLOCK_MARGIN_S = 60.0  # by how much the clocks of the site and of the daemon may differ
_LEAST_S = 0.01  # a call with less time than that left would be cut off half-way


class Sender:
    """Posts through a backend. A call ends within `timeout_s`, and at once while there is an outage."""

    def __init__(self, backend: Backend, *, timeout_s: float, has_threads: bool) -> None:
        self.backend = backend
        self.timeout_s = timeout_s
        self._seen = 0  # the id that came last, of whichever thread: none that is a little older does harm
        self.outage = Outage(lambda: backend.probe(timeout_s=timeout_s), has_threads=has_threads)

    def post(
        self, posts: Sequence[Post], *, key: str = "", timeout_s: float | None = None, tries_anyway: bool = False
    ) -> list[int]:
        """Post events, in as few requests as they fit in; `tries_anyway` does it in an outage, too.

        Raises what the backend raises. The `ids` of a PosterError are of those that were taken before.
        """
        if not posts:
            return []
        limit_s = self._limit(timeout_s)
        if not tries_anyway:
            limit_s = self.outage.check(limit_s)
        deadline = time.monotonic() + limit_s
        ids: list[int] = []
        try:
            for number, part in enumerate(_parts(posts)):
                left_s = deadline - time.monotonic() if number else limit_s
                if number and left_s <= 0:
                    raise TimedOut(f"{len(ids)} of {len(posts)} events were posted within {limit_s:g} s")
                ids += self.backend.post(part, key=f"{key}/{number}" if key and number else key, timeout_s=left_s)
        except PosterError as error:
            error.ids = (*ids, *error.ids)
            self._remember(error, timeout_s)
            raise
        self.outage.end()
        self._seen = ids[-1] if ids else 0
        return ids

    def last(self, *, timeout_s: float | None = None) -> int:
        """Return the newest id. Raises PosterError."""
        if self.backend.knows_last:
            return self.backend.last(timeout_s=self.timeout_s)
        limit_s = self.outage.check(self._limit(timeout_s))
        try:
            newest = self.backend.last(timeout_s=limit_s)
        except PosterError as error:
            self._remember(error, timeout_s)
            raise
        self.outage.end()
        self._seen = newest
        return newest

    def position(self) -> int:
        """Return an id behind which a page that is rendered now misses nothing, without asking anybody.

        It is the id that this process saw last: all up to it happened before the page's data is read.
        """
        return self._seen or clock_position()

    def _limit(self, timeout_s: float | None) -> float:
        """Return how many seconds a call may take. Raises TimedOut if that is none: no failure of the backend's."""
        if timeout_s is None:
            return self.timeout_s
        if timeout_s < _LEAST_S:
            raise TimedOut("the time was used up before anybody was asked")
        return timeout_s

    def _remember(self, error: PosterError, given_s: float | None) -> None:
        """Begin an outage; but one who had little time left says nothing of the daemon by running out of it."""
        if not (isinstance(error, TimedOut) and given_s is not None and given_s < self.timeout_s / 2):
            self.outage.begin(error)

    def close(self) -> None:
        """End what runs in the background, and close connections."""
        self.outage.close()
        self.backend.close()


def clock_position() -> int:
    """Return the same where no id is known: ids are milliseconds of the daemon's clock, or above it, never below.

    RabbitMQ's posters count microseconds. This is far below theirs, and then all that there is comes again.
    """
    return int((time.time() - _CLOCK_MARGIN_S) * 1000)


def _parts(posts: Sequence[Post]) -> Iterator[Sequence[Post]]:
    return (posts[at : at + MAX_BATCH_EVENTS] for at in range(0, len(posts), MAX_BATCH_EVENTS))
