"""The recent events of every channel, in memory, bounded in four ways: per channel, by age, by bytes, by channels.

Knows which events can still be had, and for which ids it cannot promise that none is missing. Must not know listeners.

Every channel has a floor: the highest id that may have been dropped from it. Whoever names an id at or above the floor
can be served completely. Channels that history has forgotten share one floor, the horizon: a floor for each that ever
was would grow without end, and one that is too high costs a gap too many, never one too few.
"""

from collections import OrderedDict, deque
from itertools import islice
from typing import NamedTuple

from oyez.hub.publication import Channel, EventId, Publication
from oyez.hub.settings import HistorySettings


class Gap(NamedTuple):
    """Events of a channel that may be missing: those with an id above ``after`` and below ``oldest``."""

    channel: Channel
    after: EventId
    oldest: EventId


class _Ring:
    """The events that one channel still has, in rising order of ids. It stays when the last of them is dropped."""

    __slots__ = ("floor", "publications")

    def __init__(self, floor: EventId) -> None:
        self.floor = floor
        self.publications: deque[Publication] = deque()


class History:
    """What can be replayed.

    Args:
        settings: its bounds.

    Attributes:
        bytes: the memory that the events take, estimated.
        horizon: the floor of all channels that are not remembered.
        last_id: the newest id that was appended or lost.
    """

    def __init__(self, settings: HistorySettings) -> None:
        self.settings = settings
        self._size, self._max_bytes = settings.size, settings.max_bytes  # for every event
        self._rings: dict[Channel, _Ring] = {}
        self._empty: OrderedDict[Channel, None] = OrderedDict()  # rings without events, longest empty first
        self._all: OrderedDict[EventId, Publication] = OrderedDict()  # oldest first
        self.bytes = 0
        self.horizon = EventId(0)
        self.last_id = EventId(0)

    def __len__(self) -> int:
        return len(self._all)

    def channels(self) -> list[Channel]:
        """Return the channels that are remembered, without events too."""
        return list(self._rings)

    def newest_id(self, channel: Channel) -> EventId | None:
        """Return the id of a channel's newest event, even if that was dropped; None: the channel is not remembered."""
        ring = self._rings.get(channel)
        if ring is None:
            return None
        return ring.publications[-1].id if ring.publications else ring.floor

    def knows(self, event_id: EventId) -> bool:
        """Return whether an id is that of an event which is remembered, or the newest one."""
        return event_id in self._all or event_id == self.last_id

    def lose(self, up_to: EventId) -> None:
        """Raise every floor: events up to an id may be missing, from before the store began or from an outage.

        What is kept below it stays: whoever is told of the gap may still have it.
        """
        self.horizon = max(self.horizon, up_to)
        for ring in self._rings.values():
            ring.floor = max(ring.floor, up_to)
        self.last_id = max(self.last_id, up_to)

    def append(self, publication: Publication) -> None:
        """Keep one more event, and drop what no longer fits; the newest is kept whatever its size.

        Args:
            publication: its id is above all earlier ones, also those that were lost.
        """
        ring = self._rings.get(publication.channel)
        if ring is None:
            ring = self._open_ring(publication.channel)
        elif not ring.publications:
            del self._empty[publication.channel]
        ring.publications.append(publication)
        self._all[publication.id] = publication
        self.last_id = publication.id
        self.bytes += publication.size
        if len(ring.publications) > self._size:
            self._drop(ring.publications[0])
        while self.bytes > self._max_bytes and len(self._all) > 1:
            self._drop_oldest()

    def expire(self, now: float, *, at_most: int) -> None:
        """Drop events that are older than the time to live.

        Args:
            now: seconds, on the scale of the publications' times.
            at_most: how many events; the rest waits for the next call.
        """
        oldest_allowed = now - self.settings.ttl_s
        for _ in range(at_most):
            oldest = next(iter(self._all.values()), None)
            if oldest is None or oldest.time > oldest_allowed:
                return
            self._drop(oldest)

    def since(self, channel: Channel, after: EventId, at_most: int | None = None) -> list[Publication]:
        """Return a channel's events with an id above ``after``, in rising order; the oldest ``at_most`` of them."""
        ring = self._rings.get(channel)
        if ring is None or not ring.publications or ring.publications[-1].id <= after:
            return []
        if ring.publications[0].id > after:
            return list(islice(ring.publications, at_most))
        return list(islice((publication for publication in ring.publications if publication.id > after), at_most))

    def gap(self, channel: Channel, after: EventId) -> Gap | None:
        """Return what may be missing for whoever has everything up to ``after``; None when nothing is.

        An id above the newest is a gap too: it comes from another time or another daemon, so nothing can be said about
        what its owner has.
        """
        ring = self._rings.get(channel)
        floor = self.horizon if ring is None else ring.floor
        if floor <= after <= self.last_id:
            return None
        kept = () if ring is None else ring.publications
        oldest = next((publication.id for publication in kept if publication.id > floor), EventId(floor + 1))
        return Gap(channel, after, oldest)

    def _open_ring(self, channel: Channel) -> _Ring:
        if len(self._rings) >= self.settings.max_channels:
            while not self._empty:  # every channel has events: the oldest go, until one has none
                self._drop_oldest()
            forgotten, _ = self._empty.popitem(last=False)
            self.horizon = max(self.horizon, self._rings.pop(forgotten).floor)
        ring = self._rings[channel] = _Ring(self.horizon)
        return ring

    def _drop_oldest(self) -> None:
        self._drop(next(iter(self._all.values())))

    def _drop(self, publication: Publication) -> None:
        """Drop the oldest event of its channel."""
        ring = self._rings[publication.channel]
        ring.publications.popleft()
        ring.floor = max(ring.floor, publication.id)  # it may have been raised above what is still here
        if not ring.publications:
            self._empty[publication.channel] = None
        del self._all[publication.id]
        self.bytes -= publication.size
