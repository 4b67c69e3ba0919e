"""How much there may be of anything: open files, sessions, failed attempts, lines in the log.

Knows numbers and the clock. Must not know protocols.
"""

import logging
import resource
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

logger = logging.getLogger(__name__)

# Descriptors for everything that is not a client: standard streams, listeners, the event loop, the store.
_OWN_FILES = 64

# A limit of open files of a million or more is common in containers; it says nothing about memory.
_MOST_SESSIONS = 100_000

_NOTE_INTERVAL_S = 20.0

# Of what is noted, this may call for the operator; all else is a slip of some visitor, or of a program of his.
_FOR_THE_OPERATOR = frozenset({"at-capacity", "auth-failed", "bad-record", "clock-ahead"})
_ADDRESSES_REMEMBERED = 10_000


class Capacity(NamedTuple):
    """How many of each may exist; every number leaves room for what stands above it."""

    sockets: int
    """Sockets of any kind."""
    sessions: int
    """Sessions, whatever their role; the difference to ``sockets`` is kept for posters on this machine."""
    listeners: int
    """Sessions that listen; the difference to ``sessions`` is for posters, and for listeners who are told to wait."""


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one, as Node does and CPython does not.

    Returns:
        The limit that holds now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # macOS refuses an infinite limit
            return soft
    return hard if hard != resource.RLIM_INFINITY else _MOST_SESSIONS * 2


def derive_capacity(open_files: int, max_connections: int) -> Capacity:
    """Find the limits that follow from the number of open files.

    Args:
        open_files: how many this process may have.
        max_connections: the setting; 0 to derive it too.
    """
    sockets = max(open_files - _OWN_FILES, 16)
    sessions = min(sockets - max(sockets // 20, 4), _MOST_SESSIONS)
    listeners = sessions - max(sessions // 10, 4)
    if max_connections:
        listeners = min(max_connections, listeners)
    return Capacity(sockets, sessions, listeners)


class Seats:
    """Room for listeners, over all doors together.

    Args:
        size: how many there are.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0

    def take(self) -> bool:
        """Take one; False when all are taken."""
        if self.taken >= self.size:
            return False
        self.taken += 1
        return True

    def free(self) -> None:
        """Give one back."""
        self.taken -= 1


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
            find_peer: tells who it was; asked only if there is a line in the log.
        """
        self.counts[reason] += 1
        now = self._clock()
        last, count_then = self._logged.get(reason, (-_NOTE_INTERVAL_S, 0))
        if now - last < _NOTE_INTERVAL_S:
            return
        self._logged[reason] = (now, self.counts[reason])
        unlogged = self.counts[reason] - count_then - 1
        more = f" ({unlogged} more of this kind since the last line)" if unlogged > 0 and count_then else ""
        level = logging.WARNING if reason in _FOR_THE_OPERATOR else logging.INFO
        who = f", from {find_peer()}" if find_peer is not None else ""
        logger.log(level, "%s: %s%s%s", reason, detail[:200], who, more)


class FailedAttempts:
    """Counts failures by address, so that whoever guesses keys gets shorter answers, and is seen in the log.

    The right key is never refused for the failures of others: behind a proxy all the world may have one address.

    Args:
        per_minute: how many failures an address has for free in a minute.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._failures: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def add(self, who: Hashable) -> bool:
        """Count a failure of an address or a network; True when it has had too many of them."""
        now = self._clock()
        began, count = self._failures.pop(who, (now, 0))
        if now - began >= 60:
            began, count = now, 0
        self._failures[who] = (began, count + 1)
        if len(self._failures) > _ADDRESSES_REMEMBERED:
            self._failures.popitem(last=False)
        return count >= self._per_minute

    def take_back(self, who: Hashable, count: int) -> None:
        """Forget failures of a client that has shown the right key on the same connection: it was not guessing."""
        began, failures = self._failures.get(who, (0.0, 0))
        if failures and count:
            self._failures[who] = (began, max(failures - count, 0))
