"""A failure that is remembered, so that a backend which is away costs callers nothing until it is back.

It must not know what calls are for, nor how a backend is asked.
"""

import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus

from oyez.backoff import Backoff
from oyez.client import BadAnswer, PosterError, Refused, TimedOut, Unauthorized, Unreachable

logger = logging.getLogger("oyez.django")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 0.8
_TRIAL_S = 0.2
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_IDLE_S = 60.0  # nobody asked for so long: the next call may find out for itself

Probe = Callable[[], object]


class NotTried(Unreachable):
    """Nothing was sent, because a call a moment ago failed with the error that is its `__cause__`."""


class Outage:
    """Begins with a failure, ends with a success.

    Meanwhile `check` raises at once, and a thread of its own probes the backend, more seldom the longer it lasts, but
    about once a second. Where threads do not run by themselves (`has_threads` False), one caller about every second
    tries in its place, with less time than usual.
    """

    def __init__(self, probe: Probe, *, has_threads: bool) -> None:
        self._probe = probe
        self._has_threads = has_threads
        self._error: PosterError | None = None
        self._asked_at = 0.0
        self._next_try = 0.0
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._is_closed = threading.Event()

    @property
    def is_on(self) -> bool:
        """Whether there is an outage now."""
        return self._error is not None

    def check(self, limit_s: float) -> float:
        """Return how long a call may take: `limit_s`, or less for the one caller who tries whether the outage is over.

        Raises NotTried for all others while there is an outage.
        """
        error = self._error
        if error is None:
            return limit_s
        self._asked_at = time.monotonic()
        if self._watcher is not None or not self._may_try():
            raise NotTried(f"not tried, because a moment ago: {error}") from error
        return min(limit_s, _TRIAL_S)

    def begin(self, error: PosterError) -> None:
        """Remember a failure, if it is one that the next call would meet with as well."""
        if not is_lasting(error):
            return
        with self._lock:
            self._asked_at = time.monotonic()
            self._next_try = time.monotonic() + LONGEST_PAUSE_S
            self._error = error
            if self._watcher is None and self._has_threads:
                self._start_watcher()

    def end(self) -> None:
        """End the outage, if there is one: a call has gone well."""
        if self._error is not None:
            with self._lock:
                self._forget()

    def close(self) -> None:
        """End the thread that watches, at the end of the process or of the settings."""
        self._is_closed.set()

    def _forget(self) -> None:
        if self._error is not None:
            self._error = None
            logger.info("events can be posted again")

    def _may_try(self) -> bool:
        now = time.monotonic()
        with self._lock:
            if now < self._next_try:
                return False
            self._next_try = now + _TRIAL_S + LONGEST_PAUSE_S
            return True

    def _start_watcher(self) -> None:
        watcher = threading.Thread(target=self._watch, name="oyez-outage", daemon=True)
        try:
            watcher.start()
        except RuntimeError:  # Python is ending, or there are too many: callers try
            return
        self._watcher = watcher

    def _watch(self) -> None:
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, spread=(0.75, 1.25))
        while not self._is_closed.wait(backoff.take()):
            if self._error is None or time.monotonic() - self._asked_at > _IDLE_S or self._is_over():
                break
        with self._lock:
            self._watcher = None
            self._forget()

    def _is_over(self) -> bool:
        try:
            self._probe()
        except PosterError as error:
            return not is_lasting(error)
        except Exception:  # noqa: BLE001 - a backend of the site's own; the next call shows what it raises
            return True
        return True


def is_lasting(error: PosterError) -> bool:
    """Return whether the next call would meet with a failure as well, and wait for it.

    A connection that broke is none: either the next one works, or its failure shows that there is an outage. Nor is the
    daemon's own word that it cannot take posts now: it comes at once, and whatever else is asked is answered.
    """
    if isinstance(error, Refused):
        from_proxy = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not error.code
        return from_proxy or isinstance(error, Unauthorized) or error.status == HTTPStatus.TOO_MANY_REQUESTS
    return not isinstance(error, ValueError) and not (isinstance(error, Unreachable) and error.uncertain)


def is_away(error: PosterError) -> bool:
    """Return whether the backend could not be reached or cannot take posts now, so that a new event should wait for it.

    A wrong key or a missing exchange is for somebody to mend, and to be told to whoever posts.
    """
    cause = error.__cause__ if isinstance(error, NotTried) else error
    if isinstance(cause, Refused):
        is_about_key = cause.code == "too-many-failures"  # of wrong ones; what else is too much passes
        return not is_about_key and (cause.status >= HTTPStatus.INTERNAL_SERVER_ERROR or cause.status in _PASSING)
    return isinstance(cause, Unreachable | TimedOut | BadAnswer)


def may_pass(error: PosterError) -> bool:
    """Return whether an event that waits may be taken later; only what is wrong with it itself rules that out."""
    return is_away(error) or error.uncertain or is_lasting(error)
