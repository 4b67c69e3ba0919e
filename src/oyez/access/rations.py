"""What each address may be sent of old events: its bucket of bytes, as the hub asks for it.

Knows shares, and what follows when one is used up. Must not know events, nor who waits.
"""

from collections.abc import Callable
from weakref import WeakValueDictionary

from oyez.access.enforcement import Enforcement
from oyez.access.shares import Share

ADDRESS_REPLAY = "address-replay"


class ReplayRation:
    """The ration of one address, for all its listeners: an `oyez.hub.subscriber.Ration`.

    Args:
        share: of the address.
        clock: seconds on a steady scale.
        enforcement: counts who has to wait.

    Attributes:
        share: as above.
    """

    __slots__ = ("__weakref__", "_clock", "_enforcement", "_refuses", "share")

    def __init__(self, share: Share, clock: Callable[[], float], enforcement: Enforcement) -> None:
        self.share = share
        self._clock = clock
        self._enforcement = enforcement
        self._refuses = enforcement.refuses

    @property
    def delays(self) -> bool:
        """Whether anybody has to wait; False: the limit only counts."""
        return ADDRESS_REPLAY not in self._enforcement.observed

    def wait_s(self) -> float:
        """Return for how many seconds nothing more may be sent; 0: something may be, however long it is."""
        return self.share.replay.wait_for(self._clock(), 1)

    def spend(self, sent_bytes: int) -> None:
        """Take what was sent. What is only counted makes no debt, which nobody would wait for."""
        if self.delays or not self.wait_s():
            self.share.replay.spend(self._clock(), sent_bytes)

    def count_wait(self) -> None:
        """Count a listener whose replay has to wait."""
        self._refuses(ADDRESS_REPLAY, "old events beyond what is sent at once", self.share)


class Rations:
    """One ration for each address that listens, for as long as it does."""

    def __init__(self, clock: Callable[[], float], enforcement: Enforcement) -> None:
        self._clock = clock
        self._enforcement = enforcement
        self._by_key: WeakValueDictionary[int, ReplayRation] = WeakValueDictionary()

    def of(self, share: Share | None) -> ReplayRation | None:
        """Return the ration of an address; None: nothing is shared out there."""
        if share is None:
            return None
        ration = self._by_key.get(share.key)
        if ration is None or ration.share is not share:
            ration = self._by_key[share.key] = ReplayRation(share, self._clock, self._enforcement)
        return ration
