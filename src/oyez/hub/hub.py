"""The hub: every publication comes in through `Hub.deliver`, and leaves as one joined write per listener.

Knows channels, positions and the order of things. Must not know protocols, sockets or stores.

Order and completeness rest on one rule: a listener's position says what it was given, and whoever writes to it moves
the position in the same breath. So a fan-out that is cut into slices, a listener that joins or upgrades in the middle
of one, and one that lags all come out right by comparing ids.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from oyez.hub.audience import Audience
from oyez.hub.broker import Broker, Settle
from oyez.hub.history import Gap, History
from oyez.hub.publication import Channel, Encoding, EventId, Post, Publication
from oyez.hub.subscriber import Subscription, Write

logger = logging.getLogger(__name__)

# A slice of a fan-out: small enough that pings, posts and connects wait a few milliseconds at most, large enough that
# the turns of the loop in between cost nothing to speak of.
_SLICE_S = 0.005
_MEMBERS_PER_CLOCK_READ = 32

# What one write to one listener may carry, unless a single event is larger. A stalled reader holds on to no more.
_WRITE_BYTES = 64 * 1024

_EXPIRED_PER_CALL = 10_000


class Hub:
    """Channels of one daemon.

    Args:
        broker: gives ids and hands publications to `deliver`.
        history: what can be replayed.
        call_soon: runs a function in the next turn of the event loop.
        clock: seconds on a steady scale.
        replay_without_start: how many events a listener gets at most that names no start.
    """

    def __init__(
        self,
        broker: Broker,
        history: History,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        clock: Callable[[], float],
        replay_without_start: int,
    ) -> None:
        self._broker = broker
        self._history = history
        self._audience = Audience()
        self._call_soon = call_soon
        self._clock = clock
        self._replay_without_start = replay_without_start
        self._pending: list[Publication] = []
        self._fan_out: Iterator[None] | None = None
        self._in_flight: Sequence[Publication] = ()
        self._turn_due = False
        self._untold = False  # events may have been lost, and listeners do not know
        self.deliveries = 0
        self.gaps = 0

    async def start(self) -> None:
        """Open the broker and fill history with what it kept."""
        self._history.lose(await self._broker.start(self.deliver, self.lose))
        self._history.expire(self._clock(), at_most=self.history_events)

    async def stop(self) -> None:
        """Close the broker; what it still settles is delivered."""
        await self._broker.stop()

    # Posters

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Hand posts to the broker; ``settle`` gets their ids, or the reason why none was taken."""
        self._broker.publish(posts, settle)

    def last_id(self) -> EventId:
        """Give the newest id; never 0."""
        return self._broker.last_id()

    def deliver(self, publications: Sequence[Publication]) -> None:
        """Take publications in rising id order. Only the broker calls this."""
        followed = self._audience.by_channel
        for publication in publications:
            self._history.append(publication)
            if publication.channel in followed:
                self._pending.append(publication)
        if self._pending:
            self._ask_for_turn()

    def lose(self, up_to: EventId) -> None:
        """Take note that events up to an id may be missing, and tell every listener. Only the broker calls this."""
        self._history.lose(up_to)
        self._untold = True
        self._ask_for_turn()

    def expire(self) -> None:
        """Drop events that are too old; to be called every second or so."""
        self._history.expire(self._clock(), at_most=_EXPIRED_PER_CALL)

    def listeners(self, channel: Channel) -> int:
        """Count a channel's listeners."""
        return self._audience.count(channel)

    @property
    def history_events(self) -> int:
        """How many events can be replayed."""
        return len(self._history)

    @property
    def history_bytes(self) -> int:
        """Estimate the memory that history takes."""
        return self._history.bytes

    # Readers

    def channels(self) -> list[Channel]:
        """Name every channel that is remembered or listened to; what is both comes twice."""
        return [*self._history.channels(), *self._audience.by_channel]

    def newest_id(self, channel: Channel) -> EventId | None:
        """Give the id of a channel's newest event; None if nothing is remembered of it."""
        return self._history.newest_id(channel)

    def recent(self, channel: Channel, after: EventId | None) -> tuple[list[Publication], Gap | None]:
        """Give what history has of a channel above an id, and what may be missing there; None: all that there is."""
        if after is None:
            return self._history.since(channel, EventId(0)), None
        after = self._reach_back(after)
        return self._history.since(channel, after), self._history.gap(channel, after)

    # Listeners. Each of these is one synchronous step: no listener misses or doubles what arrives meanwhile.

    def subscribe(self, subscription: Subscription, channels: Sequence[Channel], start: EventId | None) -> None:
        """Give a listener its channels: tell it what it can have, replay that, and join.

        Channels that it had already go on where they are. ``start`` holds for the others: the id up to which the
        client has everything, or None if it named none.
        """
        since = None if start is None else self._reach_back(start)
        positions, gaps = self._positions(subscription, dict.fromkeys(channels), since)
        for channel in subscription.channels.difference(positions):
            subscription.remember_left(channel, self._reached(subscription, channel))
        self._audience.leave(subscription)
        subscription.place(positions)
        self.gaps += len(gaps)
        subscription.subscriber.tell_subscribed(None if start is None else not gaps, gaps)
        if subscription.ended:
            return  # the answer was one too many for its transport
        self._audience.join(subscription)
        if not subscription.lagging:  # else it goes on when its socket takes bytes again
            self._catch_up(subscription)

    def resume(self, subscription: Subscription) -> None:
        """Go on with a listener that lagged, now that its socket takes bytes again."""
        if subscription.lagging and not subscription.ended:
            self._tell_gaps(subscription)
            self._catch_up(subscription)

    def move(self, subscription: Subscription, encoding: Encoding, write: Write) -> None:
        """Go on with a listener over another transport, in another encoding."""
        if subscription.group is None:
            subscription.encoding, subscription.write = encoding, write
            return
        reached = {channel: self._reached(subscription, channel) for channel in subscription.channels}
        self._audience.leave(subscription)
        subscription.encoding, subscription.write = encoding, write
        subscription.place(reached)
        self._audience.join(subscription)
        self._tell_gaps(subscription)
        self._catch_up(subscription)

    def position(self, subscription: Subscription) -> EventId:
        """Give the id up to which a listener has had everything, in all of its channels."""
        return subscription.position if subscription.lagging else max(subscription.position, self._settled())

    def leave(self, subscription: Subscription) -> None:
        """Forget a listener for good; harmless to repeat."""
        subscription.ended = True
        self._audience.leave(subscription)

    def _reach_back(self, start: EventId) -> EventId:
        return start if self._history.knows(start) else self._broker.reach_back(start)

    def _tell_gaps(self, subscription: Subscription) -> None:
        """Tell a listener what history has dropped before it could be given to it."""
        for channel in subscription.channels:
            gap = self._history.gap(channel, subscription.position_in(channel))
            if gap is not None:
                self.gaps += 1
                subscription.subscriber.tell_gap(gap)

    def _positions(
        self, subscription: Subscription, channels: dict[Channel, None], start: EventId | None
    ) -> tuple[dict[Channel, EventId], list[Gap]]:
        """Find where a listener stands in each channel of its new filter, and what it cannot have."""
        without_start = self._start_for_newest(subscription, channels) if start is None else EventId(0)
        positions: dict[Channel, EventId] = {}
        gaps: list[Gap] = []
        for channel in channels:
            known = self._known_position(subscription, channel)
            named = known if known is not None else start
            if named is None:
                positions[channel] = max(without_start, subscription.left_floor)
                continue
            gap = self._history.gap(channel, named)
            position = named
            if known is None and named < subscription.left_floor:
                position = subscription.left_floor
                gap = gap or Gap(channel, named, EventId(position + 1))
            if gap is not None:
                gaps.append(gap)
            positions[channel] = min(position, self._history.last_id)
        return positions, gaps

    def _known_position(self, subscription: Subscription, channel: Channel) -> EventId | None:
        """Give the id up to which this connection has had a channel, if it ever had it."""
        if channel in subscription.channels:
            return self._reached(subscription, channel)
        return None if subscription.left is None else subscription.left.get(channel)

    def _reached(self, subscription: Subscription, channel: Channel) -> EventId:
        """Give the id up to which a listener was served in one of its channels.

        One that keeps up has been given everything before the batch that is on its way, whatever its position says.
        """
        position = subscription.position_in(channel)
        return position if subscription.lagging else max(position, self._settled())

    def _settled(self) -> EventId:
        """Give the id up to which all listeners that keep up were served."""
        if self._in_flight:
            return EventId(self._in_flight[0].id - 1)
        if self._pending:
            return EventId(self._pending[0].id - 1)
        return self._history.last_id

    def _start_for_newest(self, subscription: Subscription, channels: dict[Channel, None]) -> EventId:
        """Find the id after which a client that names no start gets the newest few events over its new channels.

        If there are none, it is the newest id: whoever keeps it as its position can name it later.
        """
        new = [channel for channel in channels if self._known_position(subscription, channel) is None]
        ids = sorted(publication.id for channel in new for publication in self._history.since(channel, EventId(0)))
        if len(ids) > self._replay_without_start:
            return ids[-self._replay_without_start - 1]
        return EventId(ids[0] - 1) if ids else self._history.last_id

    def _catch_up(self, subscription: Subscription) -> None:
        """Write what follows a listener's position, in id order, as far as its socket takes it."""
        while missed := self._missed(subscription):
            for chunk, data in _chunks(missed, subscription.encoding):
                subscription.position = chunk[-1].id
                self.deliveries += len(chunk)
                if not subscription.write(data):
                    subscription.lagging = True
                    return
        subscription.position = self._history.last_id
        subscription.ahead = None
        subscription.lagging = False

    def _missed(self, subscription: Subscription) -> list[Publication]:
        """Give what follows a listener's position, in id order: no more than one write takes, where that is few."""
        at_most = subscription.encoding.max_events
        missed = [
            publication
            for channel in subscription.channels
            for publication in self._history.since(channel, subscription.position_in(channel), at_most)
        ]
        missed.sort(key=_by_id)
        return missed[:at_most]

    # The way out

    def _ask_for_turn(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self._call_soon(self._turn)

    def _turn(self) -> None:
        """Do one slice of the fan-out, and ask for another turn while there is work."""
        if self._fan_out is None:
            self._fan_out = self._begin_fan_out()
        try:
            for _ in self._fan_out:
                self._call_soon(self._turn)
                return
        except Exception:
            logger.exception("a batch of events is cut short after an error of ours")
        self._fan_out = None
        self._in_flight = ()
        self._turn_due = False
        if self._pending or self._untold:
            self._ask_for_turn()

    def _begin_fan_out(self) -> Iterator[None]:
        if self._untold:
            self._untold = False
            return self._tell_all_of_loss()
        self._in_flight, self._pending = self._pending, []
        return self._deliver_batch(self._in_flight)

    def _tell_all_of_loss(self) -> Iterator[None]:
        """Tell listeners of the gap that an outage left, each before it gets anything newer."""
        slice_end = self._clock() + _SLICE_S
        for member in self._audience.members():
            if member.lagging or member.group is None:
                continue  # it is told when it resumes, or it has left meanwhile
            try:
                self._tell_gaps(member)
                if not member.ended:
                    self._catch_up(member)
            except Exception:
                logger.exception("a listener is dropped after an error of ours")
                self.leave(member)
            if self._clock() >= slice_end:
                yield
                slice_end = self._clock() + _SLICE_S

    def _deliver_batch(self, batch: Sequence[Publication]) -> Iterator[None]:
        """Write a batch to its listeners, the same bytes to all of a group; yields when a slice of time is used up."""
        clock = self._clock
        slice_end = clock() + _SLICE_S
        until_clock = _MEMBERS_PER_CLOCK_READ
        for group, publications in self._audience.due(batch):
            for chunk, data in _chunks(publications, group.encoding):
                first, last, count = chunk[0].id, chunk[-1].id, len(chunk)
                for member in tuple(group.members):
                    if member.lagging or member.group is not group:
                        continue  # it resumes from history, or it has left meanwhile
                    try:
                        if member.position < first:
                            member.position = last
                            self.deliveries += count
                            if not member.write(data):
                                member.lagging = True
                        elif member.position < last:
                            self._write_rest(member, chunk)
                    except Exception:
                        logger.exception("a listener is dropped after an error of ours")
                        self.leave(member)
                    until_clock -= 1
                    if not until_clock:
                        until_clock = _MEMBERS_PER_CLOCK_READ
                        if clock() >= slice_end:
                            yield
                            slice_end = clock() + _SLICE_S

    def _write_rest(self, member: Subscription, chunk: Sequence[Publication]) -> None:
        """Write what a listener, that joined in the middle of a chunk, has not been given of it."""
        rest = [publication for publication in chunk if publication.id > member.position]
        member.position = chunk[-1].id
        self.deliveries += len(rest)
        encoding = member.encoding
        if not member.write(encoding.join([publication.encoded(encoding) for publication in rest])):
            member.lagging = True


def _by_id(publication: Publication) -> EventId:
    return publication.id


def _chunks(publications: Sequence[Publication], encoding: Encoding) -> Iterable[tuple[Sequence[Publication], bytes]]:
    """Cut a run of publications into pieces that are fit for one write each, with their bytes."""
    if len(publications) == 1:
        return ((publications, publications[0].encoded(encoding)),)
    parts = [publication.encoded(encoding) for publication in publications]
    if encoding.max_events is None and sum(map(len, parts)) <= _WRITE_BYTES:
        return ((publications, encoding.join(parts)),)
    return _cut(publications, parts, encoding)


def _cut(
    publications: Sequence[Publication], parts: list[bytes], encoding: Encoding
) -> Iterator[tuple[Sequence[Publication], bytes]]:
    begin = size = 0
    most = encoding.max_events or len(parts)
    for index, part in enumerate(parts):
        size += len(part)
        if (size > _WRITE_BYTES or index - begin == most) and index > begin:
            yield publications[begin:index], encoding.join(parts[begin:index])
            begin, size = index, len(part)
    yield publications[begin:], encoding.join(parts[begin:])
