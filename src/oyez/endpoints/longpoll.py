"""The long poll: one GET waits for one event, or for what there is at once.

Knows requests, their channels and the answers that pages of old expect. Must not know other listeners.
"""

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from oyez.access.held_places import HeldPlaces
from oyez.access.peer import Peer
from oyez.access.places import AT_CAPACITY, NoPlace, SessionPlace
from oyez.endpoints.context import DoorContext
from oyez.endpoints.encodings import POLL_ANSWERS
from oyez.endpoints.poll_batch import encode_batch, encode_gaps, extend_batch
from oyez.endpoints.refusals import refuse
from oyez.errors import ProtocolError
from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Ration, Subscription
from oyez.net.http.body import until_disconnected
from oyez.net.http.preflight import answer_preflight
from oyez.net.http.settings import HttpSettings
from oyez.wire import listen_query
from oyez.wire.commands import CommandError
from oyez.wire.listen_query import ListenQuery, WordedError

PREFIX = "/channels/"

_RETRY_AFTER_S = 5  # at capacity: places of polls come and go
_STOPS = NoPlace(AT_CAPACITY, 1)  # the next daemon may be there by then
_LATER = 503
_TIMEOUT = b'{"error": "timeout"}'
_GAP_HEADER = "Oyez-Gap"


class LongPollEndpoint:
    """``/channels/a|b?last=N``, as an ASGI application; every method counts as GET, but for a browser's OPTIONS."""

    def __init__(self, context: DoorContext, settings: HttpSettings) -> None:
        self._context = context
        self._settings = settings
        self._waiting: set[_Poll] = set()
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
        for poll in self._waiting:
            poll.end(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, unless its client has gone by then."""
        request = Request(scope, receive)
        response = await self._respond(request)
        if response is None:
            return  # nobody is there any more
        response.headers["Cache-Control"] = "no-store"
        if request.method != "OPTIONS":
            response.headers["Access-Control-Expose-Headers"] = _GAP_HEADER
            response.headers.update(self._context.origins.headers(request.headers.get("Origin")))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response | None:
        find_peer = partial(self._context.peers.of_scope, request.scope)
        if not self._context.origins.allows(request.headers.get("Origin")):
            self._context.note("bad-request", "a long poll by a page of an origin that may not listen", find_peer)
            return Response("403 Forbidden", 403, media_type="text/plain")
        if request.method == "OPTIONS":  # a page that adds a header asks before
            return answer_preflight(request, self._context.origins, "GET,HEAD,POST")
        limits, gate = self._context.limits, self._context.gate
        try:
            query = listen_query.parse_poll(
                request.scope["raw_path"].partition(PREFIX.encode())[2],
                request.scope["query_string"],
                request.headers.get("Last-Event-ID"),
                max_channels=limits.max_subscriptions,
                max_length=limits.max_channel_length,
                measure=None if gate is None else gate.measure,
            )
        except ProtocolError as error:
            self._context.note("bad-request", f"a long poll: {error}", find_peer)
            words = f"400 Bad Request: {error}" if isinstance(error, WordedError) else "400 Bad Request"
            return Response(words, 400, media_type="text/plain")
        if gate is not None:
            channels = gate.admit(query.channels)
            if isinstance(channels, CommandError):
                self._context.note("refused-command", channels.code, find_peer)
                return Response(channels.encode(), 403, media_type="application/json")
            query = query._replace(channels=channels)
        peer = self._context.peers.of_scope(request.scope)
        held = self._held.take(peer.key)
        if held is not None:
            held.use_again(peer)
        place = held or self._context.places.take_listener(lambda: peer, "a long poll")
        if isinstance(place, NoPlace):
            return _later(place._replace(retry_after_s=min(place.retry_after_s, _RETRY_AFTER_S)))
        response = None
        try:
            response = await self._answer(request, query, place.ration)
        finally:
            is_answered = response is not None and response.status_code != _LATER
            self._let_go(place, peer, comes_back=is_answered and (held is not None or not query.nowait))
        return response

    def _let_go(self, place: SessionPlace, peer: Peer, *, comes_back: bool) -> None:
        """Hold the place for the next poll of a listener who was answered; free it if that one has gone away.

        Whoever only looks, and waits for nothing, keeps a place that was held for it, and has none held of its own.
        """
        if not comes_back or self._is_closed:
            place.leave()
            return
        ticker = self._context.ticker
        self._held.hold(place, peer.key, ticker.clock())
        if not self.tick_slot:
            self.tick(ticker.clock())

    def tick(self, now: float) -> None:
        """Free the places that nobody came back for."""
        self._held.expire(now)
        if self._held.deadline is not None:
            self._context.ticker.set(self, self._held.deadline)

    async def _answer(self, request: Request, query: ListenQuery, ration: Ration | None) -> Response | None:
        hub, ticker, poll = self._context.hub, self._context.ticker, _Poll(ration, notify=query.notify)
        self._waiting.add(poll)
        ticker.set(poll, ticker.clock() + self._settings.long_poll_timeout_s)
        watch = asyncio.ensure_future(until_disconnected(request))
        try:
            start = None if query.start is None else EventId(query.start)
            hub.subscribe(poll.subscription, [Channel(name) for name in query.channels], start)
            if query.nowait:
                poll.end_by_position()
            poll.end_by_gap()
            await asyncio.wait((poll.answer, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
            ticker.clear(poll)
            hub.leave(poll.subscription)
            joined_at = poll.subscription.joined_at
            del poll.subscription  # it refers back to the poll: both can go now
            self._waiting.discard(poll)
        if not poll.answer.done():
            poll.answer.cancel()  # so that no gap ends it later
            return None
        answer = poll.answer.result()
        if answer is None:
            return _later(_STOPS)
        body = answer.body if query.at_most is None or answer.status != 200 else self._serialize_batch(answer, query)
        if ration is not None and answer.event is not None and answer.position <= joined_at:
            ration.spend(len(body) - len(answer.event))  # what follows the first event, which the hub has counted
        return Response(body, answer.status, _as_header(answer.gaps), media_type="application/json")

    def _serialize_batch(self, answer: "_PollAnswer", query: ListenQuery) -> bytes:
        if answer.event is None:
            return encode_batch((), answer.position, answer.gaps)
        channels = [Channel(name) for name in query.channels]
        events, last_id = extend_batch(
            self._context.hub, channels, answer.event, answer.position, answer.gaps, at_most=query.at_most or 1
        )
        return encode_batch(events, last_id, answer.gaps)


class _Poll:
    """One request that waits: the hub's subscriber, served once.

    ``answer``: the event, and the gaps to be named with it; None when the daemon stops. ``notify``: whether a gap alone
    is an answer too.
    """

    __slots__ = ("_gaps", "_notify", "answer", "subscription", "tick_slot")

    def __init__(self, ration: Ration | None = None, *, notify: bool) -> None:
        self._notify = notify
        self.answer: asyncio.Future[_PollAnswer | None] = asyncio.get_running_loop().create_future()
        self.subscription = Subscription(self, POLL_ANSWERS, self.write, ration)
        self._gaps: Sequence[Gap] = ()
        self.tick_slot = 0

    def end(self, answer: "_PollAnswer | None") -> None:
        """Answer, unless there is an answer already: the first one counts."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def end_by_gap(self) -> None:
        """Answer with the gaps, if that is wanted, there are any, and nothing newer is to be had."""
        if self._notify and self._gaps and not self.answer.done() and self.subscription.line is None:
            self.end_by_position()  # who waits for its turn is answered then

    def end_by_position(self) -> None:
        """Answer how far the client has come, unless there was an event for it."""
        self.end(_PollAnswer(200, None, self.subscription.position, self._gaps))

    # What the hub asks for

    def write(self, data: bytes) -> bool:
        """Take the first event. It goes with all gaps: its id carries the client past what was lost before it."""
        self.end(_PollAnswer(200, data, self.subscription.position, self._gaps))
        return False

    def send_status(self, recovered: bool | None, gaps: Sequence[Gap]) -> None:
        """Keep the gaps: they go with the answer, in its header or its body."""
        self._gaps = gaps

    def send_gap(self, gap: Gap) -> None:
        """Keep what an outage of the store may have hidden while nothing came; told once the hub is done with us."""
        self._gaps = [*self._gaps, gap]
        asyncio.get_running_loop().call_soon(self.end_by_gap)

    def cut_off(self) -> None:
        """Have the client ask again."""
        self.end(None)

    def tick(self, now: float) -> None:
        """Answer 504: no event came in time."""
        self.end(_PollAnswer(504, _TIMEOUT, self.subscription.position, ()))


class _PollAnswer(NamedTuple):
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


def _as_header(gaps: Sequence[Gap]) -> dict[str, str]:
    """Return the header ``Oyez-Gap: [{"channel":"a","from":5,"oldest":9}]``, in ASCII; none without gaps."""
    if not gaps:
        return {}
    listed = [{"channel": gap.channel, "from": gap.after, "oldest": gap.oldest} for gap in gaps]
    return {_GAP_HEADER: json.dumps(listed, separators=(",", ":"))}


def _later(refused: NoPlace) -> Response:
    """Refuse, and say after how many seconds to ask again."""
    refusal = refuse(refused)
    return Response(
        refusal.body,
        refusal.status,
        {"Retry-After": str(refusal.retry_after_s)},
        media_type="application/json",
    )
