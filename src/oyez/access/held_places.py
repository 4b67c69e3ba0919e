"""Places of those who will be back in a moment: who polls has none between an answer and the next request.

Knows addresses, places, and for how long one is held. Must not know requests, nor the clock: time is an argument, in
seconds on a scale that never falls.

Nothing says which requests are of one page but the address that they come from. So a place is held for an address, and
the next request from there takes it. A host that opens and leaves one poll after the other has no more places by that
than it had polls at once.
"""

from collections import deque

from oyez.access.places import SessionPlace

# A round trip over a slow network; and a hidden tab with event.js, which asks every ten seconds.
HELD_FOR_S = 12.0


class HeldPlaces:
    """Places in the order in which they were held; each is of a listener, and counts as one that is taken.

    Args:
        held_for_s: for how long.
    """

    def __init__(self, held_for_s: float = HELD_FOR_S) -> None:
        self._held_for_s = held_for_s
        self._ends: dict[SessionPlace, tuple[int | None, float]] = {}
        self._of_host: dict[int | None, deque[SessionPlace]] = {}

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def deadline(self) -> float | None:
        """When `expire` wants to be called next; None: nothing is held."""
        return next((end for _, end in self._ends.values()), None)

    def hold(self, place: SessionPlace, host: int | None, now: float) -> None:
        """Hold a place for the next who comes from a host.

        Args:
            place: of somebody who was answered; it is given back here, if nobody comes for it.
            host: as `Peer.key` has it; None: all of those whose address cannot be told.
            now: the time.
        """
        self._ends[place] = (host, now + self._held_for_s)
        self._of_host.setdefault(host, deque()).append(place)

    def take(self, host: int | None) -> SessionPlace | None:
        """Return a place that is held for a host, the one that was held last; None: there is none."""
        places = self._of_host.get(host)
        if places is None:
            return None
        place = places.pop()
        del self._ends[place]
        if not places:
            del self._of_host[host]
        return place

    def expire(self, now: float) -> None:
        """Give back what was held for long enough."""
        while self._ends:
            place, (host, end) = next(iter(self._ends.items()))
            if end > now:
                return
            self._give_back(place, host)

    def give_all_back(self) -> None:
        """Give everything back, as nobody is to come any more."""
        self.expire(float("inf"))

    def _give_back(self, place: SessionPlace, host: int | None) -> None:
        del self._ends[place]
        places = self._of_host[host]
        places.popleft()  # of a host the one that was held first comes first here too
        if not places:
            del self._of_host[host]
        place.leave()
