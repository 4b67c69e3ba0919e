"""Brings one listener forward from history: word of gaps, then what it lacks; or the end, when that fails.

Knows a listener's position, and how much it may get at once. Must not know when its turn comes, nor who else listens.

A visitor can ask for all of history, again and again, and read it in tiny pieces. So a step costs what it sends: it
reads a run of events, not all that are missed, and ends when the listener has had much, or its peer its ration. What is
left waits in the `ReplayQueue`.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter

from oyez.hub.audience import Audience
from oyez.hub.chunks import Chunk, cut_into_chunks
from oyez.hub.history import Gap, History
from oyez.hub.publication import EventId, Publication
from oyez.hub.replay_queue import ReplayQueue
from oyez.hub.sparse_log import SparseLog
from oyez.hub.subscriber import Subscription

# So many events are read from history at a time, over all channels: one write's worth of the usual kind.
RUN_EVENTS = 128

# In writes. Most pages that come back have missed less, and get all of it in the turn in which they come.
_WRITES_AT_ONCE = 4
_WRITES_IN_TURN = 1

_by_id = attrgetter("id")


class Replay:
    """Serves single listeners, and counts what they got.

    Args:
        history: what can be replayed.
        audience: who listens; one that is cut off leaves it.
        log: for errors of ours.
        write_bytes: what one write may carry.
        run_events: how many events are read from history at a time.
        before_turn: called before listeners that wait go on.
        call_soon: runs a function in the next turn of the event loop.
        call_later: runs a function after so many seconds.
        clock: seconds on a steady scale.

    Attributes:
        deliveries: events that were written to listeners.
        gaps: gaps that they were told of.
    """

    def __init__(
        self,
        history: History,
        audience: Audience,
        log: SparseLog,
        write_bytes: int,
        run_events: int,
        *,
        before_turn: Callable[[], object],
        call_soon: Callable[[Callable[[], None]], object],
        call_later: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float],
    ) -> None:
        self._history = history
        self._audience = audience
        self._log = log
        self._write_bytes = write_bytes
        self._run_events = run_events
        self._queue = ReplayQueue(
            self._take_turn, log, before_turn=before_turn, call_soon=call_soon, call_later=call_later, clock=clock
        )
        self.deliveries = 0
        self.gaps = 0

    @property
    def waiting(self) -> int:
        """How many listeners wait for their turn."""
        return len(self._queue)

    def resume(self, subscription: Subscription) -> None:
        """Go on with a listener whose socket takes bytes again, in its turn; one that waits already goes on waiting."""
        if subscription.lagging and not subscription.ended:
            self._queue.add(subscription, rationed=False)

    def forget(self, subscription: Subscription) -> None:
        """Let a listener that has left wait for nothing any more."""
        self._queue.remove(subscription)

    def go_on(self, subscription: Subscription, writes: int = _WRITES_AT_ONCE) -> None:
        """Serve a listener from its position on, with word of what history has dropped meanwhile.

        Whatever this raises costs that listener its connection, and nobody else anything.

        Args:
            subscription: does not wait for its turn.
            writes: how many there may be before it has to.
        """
        try:
            self._send_gaps(subscription)
            if not subscription.ended:
                self.catch_up(subscription, writes)
        except Exception:
            self.cut_off(subscription)

    def _take_turn(self, subscription: Subscription) -> None:
        self.go_on(subscription, _WRITES_IN_TURN)

    def catch_up(self, subscription: Subscription, writes: int = _WRITES_AT_ONCE) -> None:
        """Write what follows a listener's position, in the order of ids: until there is no more, or it has to wait.

        It waits until its socket takes bytes again, or its turn comes, or there is something left of its ration. The
        arguments are those of `go_on`.

        Raises:
            Exception: an error of ours; the listener is to be cut off.
        """
        while missed := self._read_run(subscription):
            if self._has_to_wait(subscription, missed[0].id, writes):
                return
            for chunk in cut_into_chunks(missed, subscription.encoding, self._write_bytes):
                self._write_chunk(subscription, chunk)
                writes -= 1
                last = chunk[0][-1].id
                if subscription.ended or subscription.lagging:
                    return
                if last < missed[-1].id and self._has_to_wait(subscription, EventId(last + 1), writes):
                    return
        subscription.position = self._history.last_id
        subscription.ahead = None
        subscription.lagging = subscription.rationed = False

    def write(self, subscription: Subscription, publications: Sequence[Publication]) -> None:
        """Write publications to a listener, until its socket is full; its position is that of the last one written.

        Raises:
            Exception: an error of ours; the listener is to be cut off.
        """
        for chunk in cut_into_chunks(publications, subscription.encoding, self._write_bytes):
            self._write_chunk(subscription, chunk)
            if subscription.lagging or subscription.ended:
                return

    def serve(self, subscription: Subscription, publications: Sequence[Publication]) -> None:
        """Write publications to a listener; whatever that raises costs it its connection."""
        try:
            self.write(subscription, publications)
        except Exception:
            self.cut_off(subscription)

    def _write_chunk(self, subscription: Subscription, chunk: Chunk) -> None:
        publications, data = chunk
        subscription.lagging = False
        subscription.position = publications[-1].id
        if data is None:
            self._send_gap_for(subscription, publications[0])
            return
        self.deliveries += len(publications)
        if subscription.ration is not None and publications[0].id <= subscription.joined_at:
            subscription.ration.spend(len(data))
        subscription.lagging = not subscription.write(data)

    def _has_to_wait(self, subscription: Subscription, next_id: EventId, writes: int) -> bool:
        """Return whether a listener waits for its turn from now on.

        Args:
            subscription: the listener.
            next_id: the least that the next event's id may be.
            writes: how many there may still be in this step.
        """
        ration = subscription.ration
        waits = False
        if ration is not None and next_id <= subscription.joined_at and ration.wait_s() > 0:
            if not subscription.rationed:
                subscription.rationed = True
                ration.count_wait()
            waits = ration.delays
        if waits or writes <= 0:
            self._queue.add(subscription, rationed=waits)
            return True
        return False

    def cut_off(self, subscription: Subscription) -> None:
        """End a listener's connection; to be called while the error is handled, which is logged.

        Its client comes back and names what it has, so nothing is lost. Going on instead was rejected: nobody knows how
        much of a write that raised has gone out.
        """
        self._log.exception("a listener is cut off after an error of ours; its client comes back by itself")
        subscription.ended = True
        self._queue.remove(subscription)
        try:
            self._audience.leave(subscription)
        except Exception:
            self._log.exception("a listener that is gone is still counted after an error of ours")
        try:
            subscription.subscriber.cut_off()
        except Exception:
            self._log.exception("a listener's connection cannot be ended after an error of ours")

    def _read_run(self, subscription: Subscription) -> list[Publication]:
        """Return the oldest events behind a listener's position, in the order of ids and without a hole.

        They are as many as its encoding takes at once, or a part of what there is that is fit for some writes; none if
        it lacks nothing.
        """
        channels, history = subscription.channels, self._history
        at_most = subscription.encoding.max_events
        of_each = at_most or max(self._run_events // len(channels), 1)
        runs = [
            run
            for channel in channels
            if (run := history.newest_since(channel, subscription.position_in(channel), of_each))
        ]
        if len(runs) <= 1:
            return runs[0] if runs else []
        # Of a channel that has more, no later event than the last one that was read may be passed on.
        complete = [run[-1].id for run in runs if len(run) == of_each]
        merged = sorted((publication for run in runs for publication in run), key=_by_id)
        if complete:
            del merged[bisect_right(merged, min(complete), key=_by_id) :]
        return merged[:at_most]

    def _send_gaps(self, subscription: Subscription) -> None:
        """Tell a listener what history has dropped before it was written, each of it once."""
        for channel in subscription.channels:
            gap = self._history.gap(channel, subscription.position_in(channel))
            if gap is not None:
                self.gaps += 1
                subscription.subscriber.send_gap(gap)
                self.pass_gap(subscription, gap)

    def pass_gap(self, subscription: Subscription, gap: Gap) -> None:
        """Count a listener as served up to the end of a gap that it was told of, if nothing before that is left."""
        left = self._history.since(gap.channel, subscription.position_in(gap.channel), 1)
        if not left or left[0].id >= gap.oldest:
            subscription.skip(gap.channel, EventId(gap.oldest - 1))

    def _send_gap_for(self, subscription: Subscription, publication: Publication) -> None:
        """Tell a listener of the one event that it cannot get, since its encoding cannot write it."""
        self.gaps += 1
        event = publication.id
        subscription.subscriber.send_gap(Gap(publication.channel, EventId(event - 1), EventId(event + 1)))
