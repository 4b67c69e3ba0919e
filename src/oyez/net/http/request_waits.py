"""For how long requests of an address wait until it may ask for more, and how many of them do at a time.

Knows addresses and times. Must not know what is asked, nor how a request is made to wait.
"""

from collections import Counter

from oyez.access.shares import Share

# Who would wait for longer, or beside as many of its address, is told at once when to come back.
_LONGEST_WAIT_S = 5.0
_MOST_WAITING = 64


class RequestWaits:
    """Who waits, on whatever road its request came."""

    def __init__(self) -> None:
        self._waiting: Counter[int] = Counter()  # requests, by the key of their share

    def may_wait(self, share: Share, wait_s: float) -> bool:
        """Return whether a request may wait for so many seconds; also if it has not to."""
        return not wait_s or (wait_s <= _LONGEST_WAIT_S and not self.is_crowded(share))

    def is_crowded(self, share: Share) -> bool:
        """Return whether as many wait of this address as may."""
        return self._waiting[share.key] >= _MOST_WAITING

    def begin(self, share: Share) -> None:
        """Count one that waits, until `end`."""
        self._waiting[share.key] += 1

    def end(self, share: Share) -> None:
        """Count one less."""
        self._waiting[share.key] -= 1
        if not self._waiting[share.key]:
            del self._waiting[share.key]
