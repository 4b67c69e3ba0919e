"""How many may be connected: what the limit of open files leaves room for.

Knows numbers. Must not know protocols.
"""

import resource
from typing import NamedTuple

# Descriptors for everything that is not a client: standard streams, listeners, the event loop, the store.
_OWN_FILES = 64

# A limit of open files of a million or more is common in containers; it says nothing about memory.
_MOST_SESSIONS = 100_000


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
