"""The hub: every publication comes in through `Hub.deliver`, and leaves as one joined write per listener.

Knows channels, positions and the order of things. Must not know protocols, sockets or stores.

Order and completeness rest on one rule: a listener's position says what it was given, and whoever writes to it moves
the position in the same breath. So a fan-out that is cut into slices, a listener that joins or upgrades in the middle
of one, and one that lags all come out right by comparing ids. So does one that an error of ours cuts short: everybody
goes on from history.
"""

from collections.abc import Callable, Iterator, Sequence

from oyez.hub.audience import Audience
from oyez.hub.broker import Broker, Settle
from oyez.hub.chunks import cut_into_chunks
from oyez.hub.history import Gap, History
from oyez.hub.publication import Channel, Encoding, EventId, Post, Publication
from oyez.hub.service import Service
from oyez.hub.subscriber import Subscription, Write

# A slice of a fan-out: small enough that pings, posts and connects wait a few milliseconds at most, large enough that
# the turns of the loop in between cost nothing to speak of.
_SLICE_S = 0.005
_MEMBERS_PER_CLOCK_READ = 32

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
        self._service = Service(history, self._audience, clock)
        self._log = self._service.log
        self._call_soon = call_soon
        self._clock = clock
        self._replay_without_start = replay_without_start
        self._pending: list[Publication] = []
        self._fan_out: Iterator[None] | None = None
        self._in_flight: Sequence[Publication] = ()
        self._turn_due = False
        self._untold = False  # events may have been lost or left undelivered, and listeners do not know
        self._behind: EventId | None = None  # while that is so: the id up to which all that keep up were served

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
            try:
                self._history.append(publication)
            except Exception:
                self._log.exception("an event cannot be kept in history, so listeners are told of a gap")
                self._lose(publication.id, served_to=EventId(publication.id - 1))
                continue
            if publication.channel in followed:
                self._pending.append(publication)
        if self._pending or self._untold:
            self._ask_for_turn()

    def lose(self, up_to: EventId) -> None:
        """Take note that events up to an id may be missing, and tell every listener. Only the broker calls this."""
        self._lose(up_to, self._settled())

    def _lose(self, up_to: EventId, served_to: EventId) -> None:
        self._behind = min(self._settled(), served_to)
        self._untold = True
        self._ask_for_turn()
        self._history.lose(up_to)

    def expire(self) -> None:
        """Drop events that are too old; to be called every second or so."""
        try:
            self._history.expire(self._clock(), at_most=_EXPIRED_PER_CALL)
        except Exception:
            self._log.exception("old events cannot be dropped from history after an error of ours")
        if self._untold:  # the attempt to bring all listeners forward has failed
            self._ask_for_turn()

    def listeners(self, channel: Channel) -> int:
        """Count a channel's listeners."""
        return self._audience.count(channel)

    @property
    def deliveries(self) -> int:
        """How many events were given to listeners, replayed ones too."""
        return self._service.deliveries

    @property
    def gaps(self) -> int:
        """How many gaps listeners were told of."""
        return self._service.gaps

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

    # Listeners. Each of these is one synchronous step: no listener misses or doubles what arrives meanwhile. None of
    # them raises: a listener that cannot be served is cut off, so that it comes back.

    def subscribe(self, subscription: Subscription, channels: Sequence[Channel], start: EventId | None) -> None:
        """Give a listener its channels: tell it what it can have, replay that, and join.

        Channels that it had already go on where they are. ``start`` holds for the others: the id up to which the
        client has everything, or None if it named none.
        """
        try:
            self._subscribe(subscription, channels, start)
        except Exception:
            self._service.cut_off(subscription)

    def _subscribe(self, subscription: Subscription, channels: Sequence[Channel], start: EventId | None) -> None:
        since = None if start is None else self._reach_back(start)
        positions, gaps = self._positions(subscription, dict.fromkeys(channels), since)
        for channel in subscription.channels.difference(positions):
            subscription.remember_left(channel, self._reached(subscription, channel))
        self._audience.leave(subscription)
        subscription.place(positions)
        self._service.gaps += len(gaps)
        subscription.subscriber.tell_subscribed(None if start is None else not gaps, gaps)
        if subscription.ended:
            return  # the answer was one too many for its transport
        self._audience.join(subscription)
        if not subscription.lagging:  # else it goes on when its socket takes bytes again
            self._service.catch_up(subscription)

    def resume(self, subscription: Subscription) -> None:
        """Go on with a listener that lagged, now that its socket takes bytes again."""
        if subscription.lagging and not subscription.ended:
            self._service.go_on(subscription)

    def move(self, subscription: Subscription, encoding: Encoding, write: Write) -> None:
        """Go on with a listener over another transport, in another encoding."""
        if subscription.group is None:
            subscription.encoding, subscription.write = encoding, write
            return
        try:
            reached = {channel: self._reached(subscription, channel) for channel in subscription.channels}
            self._audience.leave(subscription)
            subscription.encoding, subscription.write = encoding, write
            subscription.place(reached)
            self._audience.join(subscription)
        except Exception:
            self._service.cut_off(subscription)
        else:
            self._service.go_on(subscription)

    def position(self, subscription: Subscription) -> EventId:
        """Give the id up to which a listener has had everything, in all of its channels."""
        return subscription.position if subscription.lagging else max(subscription.position, self._settled())

    def leave(self, subscription: Subscription) -> None:
        """Forget a listener for good; harmless to repeat."""
        subscription.ended = True
        self._audience.leave(subscription)

    def _reach_back(self, start: EventId) -> EventId:
        return start if self._history.knows(start) else self._broker.reach_back(start)

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
        if self._behind is not None:
            return self._behind
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

    # The way out

    def _ask_for_turn(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self._call_soon(self._turn)

    def _turn(self) -> None:
        """Do one slice of the fan-out, and ask for another turn while there is work."""
        has_failed = False
        try:
            if self._fan_out is None:
                self._fan_out = self._begin_fan_out()
            for _ in self._fan_out:
                self._call_soon(self._turn)
                return
        except Exception:
            self._log.exception(
                "a batch of events is cut short after an error of ours; every listener goes on from history"
            )
            has_failed = not self._in_flight  # it was that which fails: it is tried again later
            self._behind = self._settled()
            self._untold = True
        self._fan_out = None
        self._in_flight = ()
        self._turn_due = False
        if not self._untold:
            self._behind = None
        if (self._pending or self._untold) and not has_failed:
            self._ask_for_turn()

    def _begin_fan_out(self) -> Iterator[None]:
        if self._untold:
            self._untold = False
            return self._bring_all_forward()
        self._in_flight, self._pending = self._pending, []
        return self._deliver_batch(self._in_flight)

    def _bring_all_forward(self) -> Iterator[None]:
        """Serve every listener from history: with word of what an outage hid, before it gets anything newer."""
        slice_end = self._clock() + _SLICE_S
        for member in self._audience.members():
            if member.lagging or member.group is None:
                continue  # it is served when it resumes, or it has left meanwhile
            member.position = max(member.position, self._settled())
            self._service.go_on(member)
            if self._clock() >= slice_end:
                yield
                slice_end = self._clock() + _SLICE_S

    def _deliver_batch(self, batch: Sequence[Publication]) -> Iterator[None]:
        """Write a batch to its listeners, the same bytes to all of a group; yields when a slice of time is used up."""
        clock, service = self._clock, self._service
        slice_end = clock() + _SLICE_S
        until_clock = _MEMBERS_PER_CLOCK_READ
        for group, publications in self._audience.due(batch):
            for chunk, data in cut_into_chunks(publications, group.encoding):
                first, last, count = chunk[0].id, chunk[-1].id, len(chunk)
                if data is None:  # an event that cannot be written: all take the second branch
                    first, data = EventId(0), b""  # noqa: PLW2901
                for member in tuple(group.members):
                    if member.lagging or member.group is not group:
                        continue  # it resumes from history, or it has left meanwhile
                    try:
                        if member.position < first:
                            member.position = last
                            service.deliveries += count
                            if not member.write(data):
                                member.lagging = True
                        elif member.position < last:
                            rest = [publication for publication in chunk if publication.id > member.position]
                            service.write(member, rest)
                    except Exception:
                        service.cut_off(member)
                    until_clock -= 1
                    if not until_clock:
                        until_clock = _MEMBERS_PER_CLOCK_READ
                        if clock() >= slice_end:
                            yield
                            slice_end = clock() + _SLICE_S
