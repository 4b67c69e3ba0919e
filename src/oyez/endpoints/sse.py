"""Event streams: what a browser's EventSource follows without any library.

Knows the request and the records of a stream. Must not know how bytes travel.
"""

from collections.abc import Sequence
from random import randint

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oyez.access.places import NoPlace, SessionPlace
from oyez.access.shares import Share
from oyez.endpoints.context import Admitted, DoorContext, admit
from oyez.endpoints.encodings import STREAM_RECORDS
from oyez.endpoints.listener import forget_listener
from oyez.errors import ProtocolError
from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId
from oyez.hub.subscriber import Subscription
from oyez.net.http.handshake import Handshake, PutOff, Refusal
from oyez.net.http.preflight import answer_preflight
from oyez.net.http.settings import HttpSettings
from oyez.net.stream import StreamConnection, StreamReceiver
from oyez.wire import commands, listen_query
from oyez.wire.commands import CommandError
from oyez.wire.eventsource import encode_heartbeat, encode_record
from oyez.wire.listen_query import ListenQuery

PATH = "/sse"

# A browser comes back after this time, in milliseconds. It is another for each, or all would come at once.
_RETRY_MS = (1_000, 3_000)

# EventSource gives up for good on any status but 200. So who finds no room, or is not let in, gets a stream, which ends
# with these words.
_RETRY_AT_CAPACITY_MS = (15_000, 45_000)

# A reader that has taken nothing while so many heartbeats were due is cut off. It can come back and name its position.
_HEARTBEATS_UNREAD = 3


_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx and those who copy it pass each record on at once
}


class EventStreamEndpoint:
    """What all streams share; ``paths`` are where they begin."""

    def __init__(self, context: DoorContext, settings: HttpSettings, paths: Sequence[str] = (PATH,)) -> None:
        self.context = context
        self.paths = paths
        self.settings = settings

    def routes(self) -> list[Route]:
        """Return the routes for what is no GET: a GET gets its socket for itself, see `admit`."""
        methods = ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
        return [Route(path, self._answer_others, methods=methods) for path in self.paths]

    async def _answer_others(self, request: Request) -> Response:
        origins, origin = self.context.origins, request.headers.get("Origin")
        if request.method == "OPTIONS":  # fetch asks before it sends a header; EventSource does not need to
            answer = answer_preflight(request, origins, "GET")
            answer.headers.setdefault("Access-Control-Allow-Headers", "Last-Event-ID")
            return answer
        words = _error("method-not-allowed", "A stream is asked for by GET")
        return Response(words, 405, origins.headers(origin) | {"Allow": "GET"}, media_type="application/json")

    def admit(self, request: Handshake) -> StreamReceiver | Refusal | PutOff:
        """Decide on a request: by the origin of its page, its query, and whether there is room for a listener.

        Who finds no room, or may not listen to a channel, gets a stream all the same, with a word of when to come back:
        a browser gives up for good on a refusal.
        """
        origin = request.first(b"origin")
        find_peer = self.context.peers.of_handshake_at_need(request)
        if not self.context.origins.allows(origin):
            self.context.note("bad-request", "a stream for a page of an origin that may not listen", find_peer)
            return Refusal(403, "Forbidden", _error("forbidden", "Pages of this origin may not listen"))
        limits, gate = self.context.limits, self.context.gate
        try:
            query = listen_query.parse_stream(
                request.query.encode("latin-1"),
                request.first(b"last-event-id"),
                max_channels=limits.max_subscriptions,
                max_length=limits.max_channel_length,
                measure=None if gate is None else gate.measure,
            )
        except ProtocolError as error:
            self.context.note("bad-request", f"a stream: {error}", find_peer)
            return Refusal(400, "Bad Request", _error(commands.INVALID_FILTER.code, str(error)))
        head = _head(self.context.origins.headers(origin))
        admitted = admit(gate, query.channels)
        if isinstance(admitted, CommandError):
            self.context.note("refused-command", admitted.code, find_peer)
            return _put_off(head, admitted)
        place = self.context.places.take_listener(self.context.peers.of_handshake_at_need(request), "a stream")
        if isinstance(place, NoPlace):
            return _put_off(head, commands.AT_CAPACITY, place.share)
        return StreamListener(self, place, head, admitted, query)


class StreamListener:
    """One stream: the receiver of its connection, and the hub's subscriber."""

    __slots__ = (
        "_admitted", "_connection", "_endpoint", "_head", "_place", "_query", "_subscription", "_unread", "tick_slot",
    )  # fmt: skip

    def __init__(
        self, endpoint: EventStreamEndpoint, place: SessionPlace, head: bytes, admitted: Admitted, query: ListenQuery
    ) -> None:
        self._endpoint = endpoint
        self._place = place
        self._head = head
        self._admitted: Admitted | None = admitted
        self._query: ListenQuery | None = query
        self._connection: StreamConnection | None = None
        self._subscription: Subscription | None = None
        self._unread = 0
        self.tick_slot = 0

    # What the connection asks for

    def opened(self, connection: StreamConnection) -> None:
        """Begin: the head, the status, and all that is newer than the position."""
        admitted, query = self._admitted, self._query
        self._admitted = self._query = None
        assert admitted is not None
        assert query is not None
        self._connection = connection
        connection.send(self._head)
        self._head = b""
        self._subscription = Subscription(self, STREAM_RECORDS, connection.write, self._place.ration)
        start = None if query.start is None else EventId(query.start)
        self._plan_heartbeat()
        context = self._endpoint.context
        context.hub.subscribe(self._subscription, [Channel(name) for name in admitted.channels], start)
        if context.gate is not None:
            context.gate.hold(self._subscription, admitted.grants)
        self._send_position()  # beyond its gaps: else it would be told of them again when it comes back
        if context.presence is not None and query.presence and self._subscription is not None:
            context.presence.ask(self._subscription, admitted.channels, self._tell_listeners)

    def drained(self) -> None:
        """Go on with what the listener missed while its socket was full."""
        self._unread = 0
        if self._subscription is not None:
            self._endpoint.context.hub.resume(self._subscription)

    def lost(self) -> None:
        """Unsubscribe, and free the seat: the connection has ended."""
        self._connection = None
        self._endpoint.context.ticker.clear(self)
        self._place.leave()
        if self._subscription is not None:
            forget_listener(self._endpoint.context, self._subscription)
            self._subscription = None

    # What the hub asks for

    def send_status(self, recovered: bool | None, gaps: Sequence[Gap]) -> None:
        """Send the record ``status`` with ``{"status":"success","recovered":true}``, then a ``gap`` for each.

        It names where the stream begins: a client that is cut off before its first event has a position even so.
        """
        assert self._subscription is not None
        self._send(
            encode_record(
                commands.encode_subscribed(recovered),
                event="status",
                position=self._subscription.position,
                retry_ms=randint(*_RETRY_MS),  # noqa: S311 - spread, not secret
            )
        )
        for gap in gaps:
            self.send_gap(gap)

    def send_gap(self, gap: Gap) -> None:
        """Name a channel with missing events."""
        self._send(encode_record(commands.encode_gap(gap.channel, gap.after, gap.oldest), event="gap"))

    def send_revoked(self, channel: Channel, reason: str) -> None:
        """Send the record ``revoked`` with ``{"channel":"a","reason":"expired"}``."""
        self._send(encode_record(commands.encode_revoked(channel, reason), event="revoked"))

    def cut_off(self) -> None:
        """Let the link break: its client comes back."""
        if self._connection is not None:
            self._connection.abort()

    def _tell_listeners(self, channel: str, count: int) -> None:
        """Send the record ``listeners`` with ``{"channel":"a","count":3}``; it does not move the position."""
        self._send(encode_record(commands.encode_listeners(channel, count), event="listeners"))

    def _send(self, record: bytes) -> None:
        if self._connection is not None:
            self._connection.send(record)

    # The clock

    def tick(self, now: float) -> None:
        """Send a heartbeat, or cut off a reader that has taken nothing for some of them."""
        connection = self._connection
        if connection is None:
            return
        if connection.blocked:
            self._unread += 1
            if self._unread >= _HEARTBEATS_UNREAD:
                who = connection.name_peer(self._place.address)
                self._endpoint.context.note("unread-stream", "a stream that nobody reads is cut off", who)
                connection.abort()
                return
        else:
            self._unread = 0
            self._send_position()
        self._plan_heartbeat()

    def _send_position(self) -> None:
        if self._subscription is not None:
            self._send(encode_heartbeat(self._endpoint.context.hub.position(self._subscription)))

    def _plan_heartbeat(self) -> None:
        ticker = self._endpoint.context.ticker
        ticker.set(self, ticker.clock() + self._endpoint.settings.stream_heartbeat_s)


def _put_off(head: bytes, reason: CommandError, share: Share | None = None) -> PutOff:
    """Write a stream of one record, which tells why there is no more, and when to come back."""
    retry_ms = randint(*_RETRY_AT_CAPACITY_MS)  # noqa: S311 - spread, not secret
    return PutOff(head + encode_record(reason.encode(), event="status", retry_ms=retry_ms), share)


def _head(cors: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**_HEADERS, "Connection": "close", **cors}.items())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1")


def _error(code: str, message: str) -> bytes:
    return msgspec.json.encode({"code": code, "message": message})
