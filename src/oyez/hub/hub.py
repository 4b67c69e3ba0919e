"""The hub: every publication comes in through `Hub.deliver`, and leaves through `FanOut`.

Knows channels, who follows them and from which id on. Must not know protocols, sockets or stores.

Order and completeness rest on one rule: a listener's position says what was written to it, and whoever writes to it
moves the position in the same step. So a fan-out that is cut into slices, a listener that joins or upgrades in the
middle of one, and one that lags all come out right by comparing ids. So does one that an error of ours cuts short:
everybody goes on from history.
"""

import logging
from collections.abc import Callable, Collection, Sequence

from oyez.hub import chunks, fan_out, replay
from oyez.hub.audience import Audience
from oyez.hub.broker import Broker, KnowsFloors, Settle
from oyez.hub.fan_out import FanOut
from oyez.hub.history import Gap, History
from oyez.hub.positions import find_positions
from oyez.hub.publication import Channel, Encoding, EventId, Post, Publication
from oyez.hub.rates import FindRate
from oyez.hub.replay import Replay
from oyez.hub.settings import HistoryRules
from oyez.hub.sparse_log import SparseLog
from oyez.hub.subscriber import Subscription, Write

logger = logging.getLogger(__name__)

# Dropping an event takes half a microsecond to one: a call holds the loop up for ten milliseconds at most. If more than
# that grow old in a second, the bound on bytes drops them, with the usual settings.
_EXPIRED_PER_CALL = 10_000

# A listener that wanders through channels, as a page with tabs does, comes back to the ones that it left last. What is
# remembered for a listener needs a bound, since a client can make it grow with each change of its filter.
LEFT_CHANNELS_KEPT = 64


class Hub:
    """Channels of one daemon.

    Args:
        broker: assigns ids and hands publications to `deliver`.
        history: what can be replayed.
        call_soon: runs a function in the next turn of the event loop.
        call_later: runs a function after so many seconds.
        clock: seconds on a steady scale.
        before_fan_out: called in each turn of the fan-out, before anything is written: answers to posters go first.
        audience: who listens; for tests that look into it.
        write_bytes: what one write to one listener may carry, unless a single event is longer.
        run_events: how many events a replay reads from history at a time.
        members_per_clock_read: after how many listeners a fan-out asks whether its slice of time is used up.
        crowd: how many members a group may have that is not large to a fan-out.
        left_channels_kept: in how many channels that a listener has left its position is remembered.
        find_rate: says how often listeners of a channel are written to, as it is told to history; None: there are no
            rules for that.
    """

    def __init__(
        self,
        broker: Broker,
        history: History,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        call_later: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float],
        before_fan_out: Callable[[], object] = lambda: None,
        audience: Audience | None = None,
        write_bytes: int = chunks.WRITE_BYTES,
        run_events: int = replay.RUN_EVENTS,
        members_per_clock_read: int = fan_out.MEMBERS_PER_CLOCK_READ,
        crowd: int = fan_out.CROWD,
        left_channels_kept: int = LEFT_CHANNELS_KEPT,
        find_rate: FindRate | None = None,
    ) -> None:
        self._broker = broker
        self._history = history
        self._audience = Audience() if audience is None else audience
        self._clock = clock
        self._left_channels_kept = left_channels_kept
        self._log = SparseLog(logger, clock)
        self._replay = Replay(
            history,
            self._audience,
            self._log,
            write_bytes,
            run_events,
            before_turn=self.hurry,
            call_soon=call_soon,
            call_later=call_later,
            clock=clock,
        )
        self._fan_out = FanOut(
            self._audience,
            history,
            self._replay,
            self._log,
            call_soon=call_soon,
            call_later=call_later,
            clock=clock,
            before_turn=before_fan_out,
            write_bytes=write_bytes,
            members_per_clock_read=members_per_clock_read,
            crowd=crowd,
            find_rate=find_rate,
        )

    def change_rules(self, rules: HistoryRules | None, find_rate: FindRate | None) -> None:
        """Let other rules for channels count from now on, for channels that are followed too; nothing is lost by it.

        Args:
            rules: those for history, as its own.
            find_rate: as of this hub.
        """
        self._history.change_rules(rules, find_rate)
        self._fan_out.change_rates(find_rate)

    def members(self) -> list[Subscription]:
        """Return all who listen to something."""
        return self._audience.members()

    async def start(self) -> None:
        """Open the broker and fill history with what it kept."""
        self._history.lose(await self._broker.start(self.deliver, self.lose))
        self._history.lose_unkept(self._broker.last_id())
        if isinstance(self._broker, KnowsFloors):
            for channel, floor in self._broker.take_floors():
                self._history.raise_floor(channel, floor)
        self._history.expire(self._clock(), at_most=self.history_events)

    async def stop(self) -> None:
        """Close the broker; what it still settles is delivered."""
        await self._broker.stop()

    # Posters

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Hand posts to the broker, which takes all of them or none.

        Args:
            posts: in the order in which they shall be delivered.
            settle: called once, now or later, with the ids of the posts in their order, or the reason why none was
                taken. Until then their events may already have been delivered.
        """
        self._broker.publish(posts, settle)

    def last_id(self) -> EventId:
        """Return the newest id that was assigned; never 0."""
        return self._broker.last_id()

    def deliver(self, publications: Sequence[Publication]) -> None:
        """Take publications from the broker, which alone calls this: into history, and to be written in the next turn.

        Nothing is written here. So all that arrives within one turn of the loop leaves as one write per listener, and
        posters are acknowledged before the fan-out begins.

        Args:
            publications: in rising order of ids, above all that came before.
        """
        followed, pending = self._audience.by_channel, self._fan_out.pending
        for publication in publications:
            try:
                self._history.append(publication)
            except Exception:
                self._log.exception("an event cannot be kept in history, so listeners are told of a gap")
                self._lose(publication.id, served_to=EventId(publication.id - 1))
                continue
            if publication.channel in followed:
                pending.append(publication)
        self._fan_out.wake()

    def lose(self, up_to: EventId) -> None:
        """Note that events up to an id may be missing, so that listeners are told; only the broker calls this.

        The lagging ones are told too, once they go on.
        """
        self._lose(up_to, served_to=self._fan_out.served_up_to())

    def _lose(self, up_to: EventId, served_to: EventId) -> None:
        self._fan_out.lose(served_to)
        self._history.lose(up_to)

    def hurry(self) -> None:
        """Write now what would be written later in this turn of the loop; for whoever is about to keep it busy."""
        self._fan_out.hurry()

    def expire(self) -> None:
        """Drop events that are too old; to be called every second or so."""
        try:
            self._history.expire(self._clock(), at_most=_EXPIRED_PER_CALL)
        except Exception:
            self._log.exception("old events cannot be dropped from history after an error of ours")
        self._fan_out.wake()  # if the attempt to bring all listeners forward has failed, it is made again

    def listeners(self, channel: Channel) -> int:
        """Return the number of a channel's listeners, lagging ones too."""
        return self._audience.count(channel)

    @property
    def deliveries(self) -> int:
        """How many events were written to listeners, replayed ones too."""
        return self._fan_out.deliveries + self._replay.deliveries

    @property
    def gaps(self) -> int:
        """How many gaps listeners were told of."""
        return self._replay.gaps

    @property
    def waiting(self) -> int:
        """How many listeners wait for their turn with what they missed."""
        return self._replay.waiting

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
        """Return every channel that is remembered or listened to; what is both comes twice."""
        return [*self._history.channels(), *self._audience.by_channel]

    def newest_id(self, channel: Channel) -> EventId | None:
        """Return the id of a channel's newest event, dropped or not; None if nothing is remembered of the channel."""
        return self._history.newest_id(channel)

    def recent(self, channel: Channel, after: EventId | None) -> tuple[list[Publication], Gap | None]:
        """Read a channel's history.

        Args:
            channel: whose events.
            after: the id up to which the reader has everything; None: it wants all that there is.

        Returns:
            The events above ``after`` in rising order, and what may be missing there, if anything.
        """
        if after is None:
            return self._history.since(channel, EventId(0)), None
        after = self._reach_back(after)
        return self._history.since(channel, after), self._history.gap(channel, after)

    # Listeners. Each of these is one synchronous step: no listener misses or doubles what arrives meanwhile. None of
    # them raises: a listener that cannot be served is cut off, so that it comes back.

    def subscribe(
        self,
        subscription: Subscription,
        channels: Sequence[Channel],
        start: EventId | None,
        *,
        keeps_pace: bool = False,
    ) -> None:
        """Set a listener's filter: answer it, replay what it missed, and have it get what is new.

        Channels that it had already go on where they are; `find_positions` says where in detail.

        Args:
            subscription: a new one, or one whose filter changes.
            channels: the whole new filter; at least one.
            start: for channels that are new to it, the id up to which the client has everything; None: it named none.
            keeps_pace: whether it is one of many that a client makes, each for one write: so soon after the last one it
                waits with those who were written to as well. If not, it gets at once what there is.
        """
        try:
            since = None if start is None else self._reach_back(start)
            served = self._fan_out.served_up_to(subscription.group)
            positions, gaps = find_positions(self._history, subscription, channels, since, served)
            left = subscription.channels.difference(positions)
            if left:
                reached = {channel: subscription.reached(channel, served) for channel in left}
                subscription.remember_left(reached, self._left_channels_kept)
            self._audience.leave(subscription)
            subscription.place(positions)
            subscription.joined_at = self._history.last_id
            self._replay.gaps += len(gaps)
            subscription.subscriber.send_status(None if start is None else not gaps, gaps)
            if subscription.ended:
                return  # the answer was one too many for its transport
            for gap in gaps:
                self._replay.pass_gap(subscription, gap)
            self._audience.join(subscription)
            if subscription.lagging:
                return  # it goes on when its socket takes bytes again, or its turn comes
            if keeps_pace and start is not None and not gaps and self._fan_out.hold_back(subscription):
                return  # it goes on when its pace is over
            self._replay.catch_up(subscription)
        except Exception:
            self._replay.cut_off(subscription)

    def unfollow(self, subscription: Subscription, channels: Collection[Channel], reason: str) -> None:
        """Take channels out of a listener's filter, and tell it so; in the others it goes on where it is.

        If none is left, it keeps its connection, and gets what comes when its filter is set again.

        Args:
            subscription: one with these channels; others are passed over.
            channels: those that it follows no longer.
            reason: what it is told.
        """
        taken = subscription.channels.intersection(channels)
        if not taken or subscription.ended:
            return
        try:
            served = self._fan_out.served_up_to(subscription.group)
            reached = {channel: subscription.reached(channel, served) for channel in subscription.channels}
            subscription.remember_left({channel: reached.pop(channel) for channel in taken}, self._left_channels_kept)
            self._audience.leave(subscription)
            if reached:
                subscription.place(reached)
            else:
                self._replay.forget(subscription)
                subscription.take_all_channels()
            for channel in sorted(taken):
                if not subscription.ended:  # the word before may have been the last
                    subscription.subscriber.send_revoked(channel, reason)
            if not reached or subscription.ended:
                return
            self._audience.join(subscription)
        except Exception:
            self._replay.cut_off(subscription)
        else:
            if not subscription.lagging:  # else it goes on when its socket takes bytes again, or its turn comes
                self._replay.go_on(subscription)

    def resume(self, subscription: Subscription) -> None:
        """Go on with a listener that lagged, now that its socket takes bytes again: in one of the next turns."""
        self._replay.resume(subscription)

    def move(self, subscription: Subscription, encoding: Encoding, write: Write) -> None:
        """Go on with a listener over another transport, in another encoding.

        What was written to the transport before counts as served: whoever moves hands over what is unsent there.
        """
        if subscription.group is None:
            subscription.encoding, subscription.write = encoding, write
            return
        try:
            served = self._fan_out.served_up_to(subscription.group)
            reached = {channel: subscription.reached(channel, served) for channel in subscription.channels}
            self._audience.leave(subscription)
            subscription.encoding, subscription.write = encoding, write
            subscription.place(reached)
            self._audience.join(subscription)
        except Exception:
            self._replay.cut_off(subscription)
        else:
            if subscription.line is None:  # else it goes on when its turn comes
                self._replay.go_on(subscription)

    def position(self, subscription: Subscription) -> EventId:
        """Return the id up to which a listener has had everything, in all of its channels."""
        position = subscription.position
        return position if subscription.lagging else max(position, self._fan_out.served_up_to(subscription.group))

    def leave(self, subscription: Subscription) -> None:
        """Forget a listener for good; it is neither written to nor told anything any more. Harmless to repeat."""
        subscription.ended = True
        self._replay.forget(subscription)
        self._audience.leave(subscription)

    def cut_off(self, subscription: Subscription) -> None:
        """End a listener's connection; to be called while an error of ours is handled, which is logged."""
        self._replay.cut_off(subscription)

    def _reach_back(self, start: EventId) -> EventId:
        return start if self._history.knows(start) else self._broker.reach_back(start)
