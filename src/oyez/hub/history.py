"""The recent events of every channel, in memory, bounded in four ways: per channel, by age, by bytes, by channels.

Knows which events can still be had, and for which ids it cannot promise that none is missing. Must not know listeners.

Every channel has a floor: the highest id that may have been dropped from it. Whoever names an id at or above the floor
can be served completely. Channels that history has forgotten share one floor, the horizon: a floor for each that ever
was would grow without end, and one that is too high costs a gap too many, never one too few.

Rules may give channels bounds of their own. They are asked for when a channel gets its first event, not for each.
"""

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import MutableSequence
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from oyez.hub.latest import Latest
from oyez.hub.publication import Channel, EventId, HistoryBytes, Publication, bytes_of_name
from oyez.hub.rates import FindRate
from oyez.hub.settings import ChannelBounds, HistoryRules, HistorySettings, bounds_of_all

_id_of = attrgetter("id")


class Gap(NamedTuple):
    """Events of a channel that may be missing: those with an id above ``after`` and below ``oldest``."""

    channel: Channel
    after: EventId
    oldest: EventId


# What channels cost in bytes, beside their name: one with events, and one of which only the floor is remembered. A site
# makes a channel for each submission, so nearly all are of the second kind.
_RING_BYTES = 190
_FLOOR_BYTES = 70

# So much of all memory may go to channels without events: more of them are forgotten, before an event is.
_MOST_FOR_FLOORS = 0.5

# The longest empty are forgotten by a sixty-fourth at a time: to find a dict's first entry takes longer, the more was
# taken from its front. An ordered dict would find it at once, for 100 bytes more for each channel.
_FORGOTTEN_AT_ONCE = 64

# A deque takes 600 bytes for its first event, and a list the time of its length to drop its oldest.
_LONGEST_LIST = 64


class _Alike:
    """The events of all channels with the same bounds, oldest first."""

    __slots__ = ("bounds", "events", "size")

    def __init__(self, bounds: ChannelBounds) -> None:
        self.bounds = bounds
        self.size = bounds.size  # for every event
        self.events: OrderedDict[EventId, Publication] = OrderedDict()


class _Ring:
    """The events that one channel still has, at least one, in rising order of ids."""

    __slots__ = ("alike", "channel", "floor", "latest", "publications")

    def __init__(self, channel: Channel, floor: EventId, alike: _Alike) -> None:
        self.channel = channel
        self.floor = floor
        self.alike = alike
        self.latest: Latest | None = None  # where newer events supersede older ones
        self.publications: MutableSequence[Publication] = []


class History:
    """What can be replayed.

    Args:
        settings: its bounds.
        rules: the channels with other bounds; None: there are none.
        find_rate: says of which channels newer events supersede older ones; None: of none.

    Attributes:
        horizon: the floor of all channels that are not remembered.
        last_id: the newest id that was appended or lost.
    """

    def __init__(
        self, settings: HistorySettings, rules: HistoryRules | None = None, *, find_rate: FindRate | None = None
    ) -> None:
        self.settings = settings
        self._rules = rules
        self._find_rate = find_rate
        self._bounds = bounds_of_all(settings)
        self._alike = {self._bounds: _Alike(self._bounds)}
        self._max_bytes = settings.max_bytes  # for every event
        self._rings: dict[Channel, _Ring] = {}
        self._floors: dict[Channel, EventId] = {}  # of channels without events, longest so first
        self._floors_bytes = 0
        self._held = HistoryBytes()
        self._unkept_floor = EventId(0)  # of channels that the store does not keep
        self.horizon = EventId(0)
        self.last_id = EventId(0)

    def __len__(self) -> int:
        return sum(len(alike.events) for alike in self._alike.values())

    @property
    def bytes(self) -> int:
        """Estimate the memory that all of this takes, with what is remembered of channels without events."""
        return self._held.bytes

    def channels(self) -> list[Channel]:
        """Return the channels that are remembered, without events too."""
        return [*self._rings, *self._floors]

    def newest_id(self, channel: Channel) -> EventId | None:
        """Return the id of a channel's newest event, even if that was dropped; None: the channel is not remembered."""
        ring = self._rings.get(channel)
        return self._floors.get(channel) if ring is None else ring.publications[-1].id

    def knows(self, event_id: EventId) -> bool:
        """Return whether an id is that of an event which is remembered, or the newest one."""
        return event_id == self.last_id or any(event_id in alike.events for alike in self._alike.values())

    def bounds(self, channel: Channel) -> ChannelBounds:
        """Return what counts for a channel."""
        return self._bounds if self._rules is None else self._rules.find(channel)

    def change_rules(self, rules: HistoryRules | None, find_rate: FindRate | None) -> None:
        """Let other rules count, for the events that are here too; those that are too old go with `expire`."""
        self._rules, self._find_rate = rules, find_rate
        if any(self.bounds(channel) != ring.alike.bounds for channel, ring in self._rings.items()):
            self._sort_by_bounds()
        for ring in self._rings.values():
            self._supersede(ring)

    def _sort_by_bounds(self) -> None:
        """Put all events to those with the same bounds, in the order of ids, and drop what is beyond the new ones."""
        publications = [publication for ring in self._rings.values() for publication in ring.publications]
        self._alike = {self._bounds: _Alike(self._bounds)}
        for ring in self._rings.values():
            ring.alike = self._find_alike(ring.channel)
        for publication in sorted(publications, key=_id_of):
            self._rings[publication.channel].alike.events[publication.id] = publication
        for ring in self._rings.values():
            for _ in range(len(ring.publications) - ring.alike.size):
                self._drop(ring.publications[0])

    def _supersede(self, ring: _Ring) -> None:
        """Find what is superseded among the events of a channel, if another member says so now."""
        find_value = None if self._find_rate is None else self._find_rate(ring.channel).latest_by
        if find_value is (None if ring.latest is None else ring.latest.find_value):
            return
        if ring.latest is not None:
            ring.latest.give_up(ring.publications)
        ring.latest = latest = None if find_value is None else Latest(find_value, self._held)
        if latest is not None:
            for publication in ring.publications:
                latest.add(publication)

    def lose(self, up_to: EventId) -> None:
        """Raise every floor: events up to an id may be missing, from before the store began or from an outage.

        What is kept below it stays: whoever is told of the gap may still have it.
        """
        self.horizon = max(self.horizon, up_to)
        for ring in self._rings.values():
            ring.floor = max(ring.floor, up_to)
        for channel, floor in self._floors.items():
            if floor < up_to:
                self._floors[channel] = up_to  # it keeps its place
        self.last_id = max(self.last_id, up_to)

    def lose_unkept(self, up_to: EventId) -> None:
        """Raise the floors of channels that the store does not keep, from before the daemon began."""
        if self._rules is None or not self._rules.unkept:
            return
        self._unkept_floor = max(self._unkept_floor, up_to)
        for ring in self._rings.values():
            if not ring.alike.bounds.kept:
                ring.floor = max(ring.floor, up_to)
        for channel, floor in self._floors.items():
            if not self.bounds(channel).kept:
                self._floors[channel] = max(floor, up_to)
        self.last_id = max(self.last_id, up_to)

    def raise_floor(self, channel: Channel, up_to: EventId) -> None:
        """Note that events of one channel may be missing up to an id; no event of any is dropped for want of room."""
        self.last_id = max(self.last_id, up_to)
        ring = self._rings.get(channel)
        if ring is not None:
            ring.floor = max(ring.floor, up_to)
            return
        floor = max(self._floor_of_unknown(channel), up_to)
        if channel in self._floors:
            floor = max(floor, self._forget_floor(channel))
        elif len(self._rings) + len(self._floors) >= self.settings.max_channels:
            self._forget_longest_empty()
        if len(self._rings) + len(self._floors) < self.settings.max_channels:
            self._remember_floor(channel, floor)
        else:
            self.horizon = max(self.horizon, floor)
        while self._floors and self._held.bytes > self._max_bytes:
            self._forget_longest_empty()

    def append(self, publication: Publication) -> None:
        """Keep one more event, and drop what no longer fits; the newest is kept whatever its size.

        Args:
            publication: its id is above all earlier ones, also those that were lost.
        """
        ring = self._rings.get(publication.channel)
        if ring is None:
            ring = self._open_ring(publication.channel)
        publication.channel = ring.channel  # one name for all of its events
        publication.counted_in = held = self._held
        publications, alike = ring.publications, ring.alike
        publications.append(publication)
        alike.events[publication.id] = publication
        self.last_id = publication.id
        held.bytes += publication.size
        if ring.latest is not None:
            ring.latest.add(publication)
        length = len(publications)
        if length > alike.size:
            self._drop(publications[0])
        elif length == _LONGEST_LIST:
            ring.publications = deque(publications)
        if held.bytes > self._max_bytes:
            self._make_room()

    def expire(self, now: float, *, at_most: int) -> None:
        """Drop events that are older than the time to live of their channels.

        Args:
            now: seconds, on the scale of the publications' times.
            at_most: how many events; the rest waits for the next call.
        """
        for alike in self._alike.values():
            oldest_allowed = now - alike.bounds.ttl_s
            while at_most > 0:
                oldest = next(iter(alike.events.values()), None)
                if oldest is None or oldest.time > oldest_allowed:
                    break
                self._drop(oldest)
                at_most -= 1

    def since(self, channel: Channel, after: EventId, at_most: int | None = None) -> list[Publication]:
        """Return a channel's events with an id above ``after``, in rising order; the oldest ``at_most`` of them."""
        ring = self._rings.get(channel)
        if ring is None or ring.publications[-1].id <= after:
            return []
        return self._read(ring, after, at_most)

    def newest_since(self, channel: Channel, after: EventId, at_most: int) -> list[Publication]:
        """Return what `since` does, without events that newer ones supersede."""
        ring = self._rings.get(channel)
        if ring is None or ring.publications[-1].id <= after:
            return []
        if ring.latest is None:
            return self._read(ring, after, at_most)
        begin = bisect_right(ring.publications, after, key=_id_of)
        later = islice(ring.publications, begin, None)
        return list(islice((publication for publication in later if not publication.superseded), at_most))

    def _read(self, ring: _Ring, after: EventId, at_most: int | None) -> list[Publication]:
        publications = ring.publications
        if publications[0].id > after:
            return list(islice(publications, at_most))
        begin = bisect_right(publications, after, key=_id_of)
        end = len(publications) if at_most is None else min(begin + at_most, len(publications))
        return list(map(publications.__getitem__, range(begin, end)))

    def newest(self, channel: Channel, at_most: int) -> list[EventId]:
        """Return the ids of a channel's newest events, the newest first."""
        ring = self._rings.get(channel)
        return [] if ring is None else [publication.id for publication in islice(reversed(ring.publications), at_most)]

    def gap(self, channel: Channel, after: EventId) -> Gap | None:
        """Return what may be missing for whoever has everything up to ``after``; None when nothing is.

        An id above the newest is a gap too: it comes from another time or another daemon, so nothing can be said about
        what its owner has.
        """
        ring = self._rings.get(channel)
        floor = self._floors.get(channel) if ring is None else ring.floor
        if floor is None:
            floor = self._floor_of_unknown(channel)
        if floor <= after <= self.last_id:
            return None
        kept = self.since(channel, floor, 1)
        return Gap(channel, after, kept[0].id if kept else EventId(floor + 1))

    def _open_ring(self, channel: Channel) -> _Ring:
        floor = self._floors.get(channel)
        if floor is not None:
            self._forget_floor(channel)
        else:
            if len(self._rings) + len(self._floors) >= self.settings.max_channels:
                while not self._floors:  # every channel has events: the oldest go, until one has none
                    self._drop_oldest()
                self._forget_longest_empty()
            floor = self._floor_of_unknown(channel)
        ring = self._rings[channel] = _Ring(channel, floor, self._find_alike(channel))
        self._supersede(ring)
        self._held.bytes += _RING_BYTES + bytes_of_name(channel)
        return ring

    def _floor_of_unknown(self, channel: Channel) -> EventId:
        if not self._unkept_floor or self.bounds(channel).kept:
            return self.horizon
        return max(self.horizon, self._unkept_floor)

    def _find_alike(self, channel: Channel) -> _Alike:
        bounds = self.bounds(channel)
        alike = self._alike.get(bounds)
        if alike is None:
            alike = self._alike[bounds] = _Alike(bounds)
        return alike

    def _make_room(self) -> None:
        """Drop what is over the bound on bytes; the newest event stays."""
        while self._held.bytes > self._max_bytes:
            if self._floors_bytes > self._max_bytes * _MOST_FOR_FLOORS:
                self._forget_longest_empty()
            elif len(self) > 1:
                self._drop_oldest()
            else:
                return

    def _drop_oldest(self) -> None:
        oldest = [next(iter(alike.events.values())) for alike in self._alike.values() if alike.events]
        self._drop(oldest[0] if len(oldest) == 1 else min(oldest, key=_id_of))

    def _drop(self, publication: Publication) -> None:
        """Drop the oldest event of its channel."""
        channel = publication.channel
        ring = self._rings[channel]
        del ring.publications[0]
        if ring.latest is not None:
            ring.latest.drop(publication)
        ring.floor = max(ring.floor, publication.id)  # it may have been raised above what is still here
        if not ring.publications:
            del self._rings[channel]
            self._held.bytes -= _RING_BYTES + bytes_of_name(channel)
            self._remember_floor(channel, ring.floor)
        del ring.alike.events[publication.id]
        publication.counted_in = None
        self._held.bytes -= publication.size

    def _remember_floor(self, channel: Channel, floor: EventId) -> None:
        size = _FLOOR_BYTES + bytes_of_name(channel)
        self._floors[channel] = floor
        self._floors_bytes += size
        self._held.bytes += size

    def _forget_floor(self, channel: Channel) -> EventId:
        size = _FLOOR_BYTES + bytes_of_name(channel)
        self._floors_bytes -= size
        self._held.bytes -= size
        return self._floors.pop(channel)

    def _forget_longest_empty(self) -> None:
        for channel in list(islice(self._floors, 1 + len(self._floors) // _FORGOTTEN_AT_ONCE)):
            self.horizon = max(self.horizon, self._forget_floor(channel))
