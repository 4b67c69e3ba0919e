"""Long polls from where their question is understood to their answer, whichever way they came.

Knows channels, positions, places, and the answers that pages of old expect. Must not know requests.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from oyez.access.held_places import HeldPlaces
from oyez.access.peer import Peer
from oyez.access.places import AT_CAPACITY, NoPlace, SessionPlace
from oyez.endpoints.context import DoorContext, HeldGrant
from oyez.endpoints.encodings import POLL_ANSWERS
from oyez.endpoints.listener import forget_listener
from oyez.endpoints.poll_batch import encode_batch, encode_gaps, extend_batch
from oyez.endpoints.refusals import refuse
from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Subscription
from oyez.net.http.settings import HttpSettings
from oyez.wire import commands, listen_query
from oyez.wire.commands import CommandError
from oyez.wire.listen_query import ListenQuery

logger = logging.getLogger(__name__)

GAP_HEADER = "Oyez-Gap"

_RETRY_AFTER_S = 5  # at capacity: places of polls come and go
_STOPS = NoPlace(AT_CAPACITY, 1)  # the next daemon may be there by then
_LATER = 503
_REFUSED = 403
_TIMEOUT = b'{"error": "timeout"}'


class PollAnswer(NamedTuple):
    """The answer to a poll, in JSON.

    Attributes:
        status: 200, 504 when nothing came in time, 403, or one that says to ask again later.
        fields: of the head, those that other answers do not have.
        body: of 200 the event as it is, ``{"id":7,"gaps":[…]}``, or several as `poll_batch` writes them.
    """

    status: int
    fields: dict[str, str]
    body: bytes


Finish = Callable[[PollAnswer | None], None]
"""Takes the answer; None: after an error of ours there is none."""


class _Found(NamedTuple):
    status: int
    event: bytes | None
    """What came; None: nothing did, and the client is told how far it has come."""
    position: EventId
    gaps: Sequence[Gap]

    @property
    def body(self) -> bytes:
        """The event as it is, or ``{"id":7,"gaps":[…]}``."""
        if self.event is not None:
            return self.event
        return b'{"id":%d,"gaps":%b}' % (self.position, encode_gaps(self.gaps))


class WaitingPolls:
    """All long polls, and the places of those who were answered and may ask again."""

    def __init__(self, context: DoorContext, settings: HttpSettings) -> None:
        self._context = context
        self._settings = settings
        self._waiting: set[Poll] = set()
        self._held = HeldPlaces()
        self._is_closed = False
        self.tick_slot = 0

    @property
    def held(self) -> int:
        """How many places are held for listeners who were answered and may ask again."""
        return len(self._held)

    def close(self) -> None:
        """Answer all who wait with 503 and a time to come back at: the daemon stops."""
        self._is_closed = True
        self._held.give_all_back()
        for poll in tuple(self._waiting):
            poll.end(None)

    def read(self, path: bytes, query: bytes, last_event_id: str | None) -> ListenQuery:
        """Read what is asked for, whichever way it came; the first three arguments of `listen_query.parse_poll`.

        Raises:
            ProtocolError: it breaks a rule.
        """
        limits, gate = self._context.limits, self._context.gate
        return listen_query.parse_poll(
            path,
            query,
            last_event_id,
            max_channels=limits.max_subscriptions,
            max_length=limits.max_channel_length,
            measure=None if gate is None else gate.measure,
        )

    def begin(self, peer: Peer, query: ListenQuery, finish: Finish) -> "Poll | None":
        """Have a poll wait, or answer it at once.

        Args:
            peer: who asks.
            query: for what.
            finish: called once, now or later; not at all if `Poll.drop` comes first.

        Returns:
            The poll, which may be answered already; None: it may not listen, or had no place, and is told so.
        """
        gate = self._context.gate
        held_grants: Sequence[HeldGrant] = ()
        if gate is not None:
            admitted = gate.admit(query.channels)
            if isinstance(admitted, CommandError):
                self._context.note("refused-command", admitted.code, peer)
                finish(PollAnswer(_REFUSED, {}, admitted.encode()))
                return None
            query, held_grants = query._replace(channels=admitted.channels), admitted.grants
        held = self._held.take(peer.key)
        if held is not None:
            held.use_again(peer)
        place = held or self._context.places.take_listener(lambda: peer, "a long poll")
        if isinstance(place, NoPlace):
            later = _later(place._replace(retry_after_s=min(place.retry_after_s, _RETRY_AFTER_S)))
            self._context.refusals.add(place.share, partial(finish, later))
            return None
        poll = Poll(self, query, place, peer.key, finish, was_held=held is not None)
        self._waiting.add(poll)
        ticker = self._context.ticker
        ticker.set(poll, ticker.clock() + self._settings.long_poll_timeout_s)
        start = None if query.start is None else EventId(query.start)
        channels = [Channel(name) for name in query.channels]
        self._context.hub.subscribe(poll.subscription, channels, start, keeps_pace=not query.nowait)
        if query.nowait:
            poll.end_by_position()
        poll.end_by_gap()
        if gate is not None and not poll.is_over:
            gate.hold(poll.subscription, held_grants)
        return poll

    def leave(self, poll: "Poll", *, comes_back: bool) -> None:
        """Forget a poll that is over, and hold its place for the next one of a listener who was answered.

        Whoever only looks, and waits for nothing, keeps a place that was held for it, and has none held of its own.
        """
        self._waiting.discard(poll)
        self._context.ticker.clear(poll)
        forget_listener(self._context, poll.subscription)
        if self._is_closed or not comes_back or (poll.query.nowait and not poll.was_held):
            poll.place.leave()
            return
        ticker = self._context.ticker
        self._held.hold(poll.place, poll.host, ticker.clock())
        if not self.tick_slot:
            self.tick(ticker.clock())

    def tick(self, now: float) -> None:
        """Free the places that nobody came back for."""
        self._held.expire(now)
        if self._held.deadline is not None:
            self._context.ticker.set(self, self._held.deadline)

    def write(self, poll: "Poll", found: "_Found") -> PollAnswer:
        """Write what was found for a poll."""
        query, ration, body = poll.query, poll.subscription.ration, found.body
        if query.at_most is not None and found.status == 200:
            body = self._serialize_batch(found, query)
        if ration is not None and found.event is not None and found.position <= poll.subscription.joined_at:
            ration.spend(len(body) - len(found.event))  # what follows the first event, which the hub has counted
        return PollAnswer(found.status, _as_header(found.gaps), body)

    def _serialize_batch(self, found: "_Found", query: ListenQuery) -> bytes:
        if found.event is None:
            return encode_batch((), found.position, found.gaps)
        channels = [Channel(name) for name in query.channels]
        events, last_id = extend_batch(
            self._context.hub, channels, found.event, found.position, found.gaps, at_most=query.at_most or 1
        )
        return encode_batch(events, last_id, found.gaps)


class Poll:
    """One request that waits: the hub's subscriber, served once, in the step in which the hub writes to it.

    Attributes:
        query: what is asked for.
        place: its session's.
        host: for whom the place is held then, as `Peer.key` has it.
        was_held: whether it was held for this one.
        is_over: whether it was answered, or given up.
        subscription: its channels, until it is over.
    """

    __slots__ = (
        "_finish", "_gaps", "_polls", "host", "is_over", "place", "query", "subscription", "tick_slot", "was_held",
    )  # fmt: skip

    def __init__(
        self,
        polls: WaitingPolls,
        query: ListenQuery,
        place: SessionPlace,
        host: int | None,
        finish: Finish,
        *,
        was_held: bool,
    ) -> None:
        self._polls = polls
        self.query = query
        self.place = place
        self.host = host
        self.was_held = was_held
        self._finish = finish
        self.subscription = Subscription(self, POLL_ANSWERS, self.write, place.ration)
        self._gaps: Sequence[Gap] = ()
        self.is_over = False
        self.tick_slot = 0

    def drop(self) -> None:
        """Forget it: the client has gone away."""
        if not self.is_over:
            self.is_over = True
            self._polls.leave(self, comes_back=False)
            del self.subscription, self._finish  # they refer back: all of it can go now

    def end(self, found: "_Found | None") -> None:
        """Answer, unless there is an answer already: the first one counts. None: it is to be asked again later."""
        if self.is_over:
            return
        self.is_over = True
        answer = None
        try:
            answer = _later(_STOPS) if found is None else self._polls.write(self, found)
        except Exception:
            logger.exception("a long poll is answered with the status 500 after an error of ours")
        finish = self._finish
        self._polls.leave(self, comes_back=answer is not None and answer.status != _LATER)
        del self.subscription, self._finish  # they refer back: all of it can go now
        finish(answer)

    def end_by_gap(self) -> None:
        """Answer with the gaps, if that is wanted, there are any, and nothing newer is to be had."""
        if self.query.notify and self._gaps and not self.is_over and self.subscription.line is None:
            self.end_by_position()  # who waits for its turn is answered then

    def end_by_position(self) -> None:
        """Answer how far the client has come, unless there was an event for it."""
        if not self.is_over:
            self.end(_Found(200, None, self.subscription.position, self._gaps))

    # What the hub asks for

    def write(self, data: bytes) -> bool:
        """Take the first event. It goes with all gaps: its id carries the client past what was lost before it."""
        if not self.is_over:
            self.end(_Found(200, data, self.subscription.position, self._gaps))
        return False

    def send_status(self, recovered: bool | None, gaps: Sequence[Gap]) -> None:
        """Keep the gaps: they go with the answer, in its header or its body."""
        self._gaps = gaps

    def send_gap(self, gap: Gap) -> None:
        """Keep what an outage of the store may have hidden while nothing came; told once the hub is done with us."""
        self._gaps = [*self._gaps, gap]
        asyncio.get_running_loop().call_soon(self.end_by_gap)

    def send_revoked(self, channel: Channel, reason: str) -> None:
        """Refuse the poll, as the next one would be: its client has no good grant for the channel any more."""
        refused = commands.not_allowed(channel, by_grant=True)
        self.end(_Found(_REFUSED, refused.encode(), self.subscription.position, ()))

    def cut_off(self) -> None:
        """Have the client ask again."""
        self.end(None)

    def tick(self, now: float) -> None:
        """Answer 504: no event came in time."""
        if not self.is_over:
            self.end(_Found(504, _TIMEOUT, self.subscription.position, ()))


def _as_header(gaps: Sequence[Gap]) -> dict[str, str]:
    """Return the header ``Oyez-Gap: [{"channel":"a","from":5,"oldest":9}]``, in ASCII; none without gaps."""
    if not gaps:
        return {}
    listed = [{"channel": gap.channel, "from": gap.after, "oldest": gap.oldest} for gap in gaps]
    return {GAP_HEADER: json.dumps(listed, separators=(",", ":"))}


def _later(refused: NoPlace) -> PollAnswer:
    """Refuse, and say after how many seconds to ask again."""
    refusal = refuse(refused)
    return PollAnswer(refusal.status, {"Retry-After": str(refusal.retry_after_s)}, refusal.body)
