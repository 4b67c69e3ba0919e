"""The HTTP side of Engine.IO: handshakes, polls, posts, and who may become a WebSocket.

Knows requests and the protocol's error answers. Must not know what messages mean.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from oyez.access.origins import Origins
from oyez.access.peer import Peers
from oyez.access.places import AT_CAPACITY, NoPlace, Places, unlimited
from oyez.net.engineio.polling import PollingTransport
from oyez.net.engineio.posts import carry_out
from oyez.net.engineio.session import EngineServer, EngineSession
from oyez.net.http.body import TooLarge, read_body, until_disconnected
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.http.preflight import answer_preflight
from oyez.net.paced_refusals import PacedRefusals
from oyez.net.turns import Turns
from oyez.net.websocket.connection import FrameReceiver, WebSocketConnection
from oyez.wire import engineio, http_fields

# In octets. Clients of this protocol need a hundred; what a site adds may be as long as proxies take.
_LONGEST_QUERY = 8000

# Parsed queries are remembered, up to this length each: long ones differ from client to client, and what is made of
# them takes forty times their length.
_LONGEST_REMEMBERED = 64

_TRANSPORTS = ("polling", "websocket")

# The Python client gives a connection up when a poll brings more packets than this. Browsers take any number, and what
# they call themselves has begun with the same word for thirty years.
_PACKETS_OUTSIDE_BROWSERS = 16
_BROWSER = "Mozilla/"


class _EngineRefusal(NamedTuple):
    """An error of the protocol: ``{"code":3,"message":"Bad request"}``."""

    code: int
    message: str
    status: int = 400

    def body(self) -> bytes:
        return msgspec.json.encode({"code": self.code, "message": self.message})


# The numbers and words are the protocol's own; clients show them.
_UNKNOWN_TRANSPORT = _EngineRefusal(0, "Transport unknown")
_UNKNOWN_SID = _EngineRefusal(1, "Session ID unknown")
_BAD_METHOD = _EngineRefusal(2, "Bad handshake method")
_BAD_REQUEST = _EngineRefusal(3, "Bad request")
_FORBIDDEN = _EngineRefusal(4, "Forbidden", 403)
_BAD_VERSION = _EngineRefusal(5, "Unsupported protocol version")
_TOO_LONG = _EngineRefusal(3, f"Bad request: the query is too long, {_LONGEST_QUERY} octets at most", 414)
_JSONP = _EngineRefusal(3, "Bad request: JSONP is not spoken, ask by XMLHttpRequest or WebSocket")
# Ours; clients treat any refusal as one to come back from.
_AT_CAPACITY = _EngineRefusal(6, "Server at capacity", 503)
_TOO_MANY = _EngineRefusal(7, "Too many connections from your address", 429)


class EngineHttp:
    """An ASGI application, and the judge of WebSocket handshakes, for one Engine.IO server.

    Args:
        server: the sessions.
        peers: how clients are told apart.
        origins: whose pages may connect.
        places: room for sessions.
        refusals: when whoever finds none is told so.
    """

    def __init__(
        self,
        server: EngineServer,
        *,
        peers: Peers | None = None,
        origins: Origins | None = None,
        places: Places | None = None,
        refusals: PacedRefusals | None = None,
    ) -> None:
        self._server = server
        self._peers = peers or Peers()
        self._origins = origins or Origins()
        self._places = places or unlimited(server.ticker.clock)
        self._refusals = refusals or PacedRefusals(Turns(server.ticker.clock), server.ticker)

    # WebSocket

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Choose the session that a WebSocket opens or upgrades.

        NoPlace with the protocol's own errors: ``{"code":3,"message":"Bad request"}``.
        """
        refused, session = self._check(handshake.query, "GET", handshake.first(b"origin"))
        if refused is None and _first(_parse_query(handshake.query), "transport") != "websocket":
            refused = _BAD_REQUEST
        if refused is not None:
            self._server.note("bad-handshake", refused.message, self._peers.of_handshake_at_need(handshake))
            return Refusal(refused.status, HTTPStatus(refused.status).phrase, refused.body())
        if session is None:
            find = self._peers.of_handshake(handshake)
            place = self._places.take(find, "a session")
            if isinstance(place, NoPlace):
                refused = _refusal_of(place)
                phrase = HTTPStatus(refused.status).phrase
                return Refusal(refused.status, phrase, refused.body(), place.retry_after_s, place.share)
            return self._server.open_session(find, place, polling=False)
        if session.polling is None or session.is_upgrading:
            return _Dismissed()
        return session.try_upgrade()

    # HTTP

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, poll, post or handshake, unless its client has gone by then."""
        request = Request(scope, receive)
        response = await self._respond(request)
        if response is None:
            return
        response.headers["Cache-Control"] = "no-store"
        if request.method != "OPTIONS":
            response.headers.update(self._origins.headers(request.headers.get("Origin")))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response | None:
        if request.method == "OPTIONS":
            return answer_preflight(request, self._origins, "GET,POST")
        asked = request.scope["query_string"].decode("latin-1")
        refused, session = self._check(asked, request.method, request.headers.get("Origin"))
        query = _parse_query(asked) if refused is None else {}
        if refused is None and (_first(query, "transport") == "websocket" or (session and session.polling is None)):
            refused = _BAD_REQUEST  # a plain request where a WebSocket is named, or already carries the session
        if refused is not None:
            find_peer = partial(self._peers.of_scope, request.scope)
            self._server.note("bad-handshake" if session is None else "bad-request", refused.message, find_peer)
            return _error(refused)
        if session is None:
            return await self._open(request)
        mark = _first(query, "t")
        if request.method == "GET":
            return await self._poll(session, request, mark)
        if request.method == "POST":
            return await self._post(session, request, mark)
        return Response(status_code=400 if request.method == "HEAD" else 500)

    def _check(self, asked: str, method: str, origin: str | None) -> tuple[_EngineRefusal | None, EngineSession | None]:
        """Judge a request in the order in which the original does: transport, session, method, version."""
        query = _parse_query(asked) if len(asked) <= _LONGEST_QUERY else None
        if query is None:
            return _TOO_LONG, None
        refused = self._check_transport(query, origin)
        if refused is not None:
            return refused, None
        if "sid" in query:
            session = self._server.sessions.get(_first(query, "sid"))
            if session is not None:
                session.expire()
            if session is None or not session.is_open:
                return _UNKNOWN_SID, None
            return None, session
        if method != "GET":
            return (_BAD_REQUEST if method == "HEAD" else _BAD_METHOD), None
        if _first(query, "EIO") != engineio.PROTOCOL:
            return _BAD_VERSION, None
        return None, None

    def _check_transport(self, query: Mapping[str, list[str]], origin: str | None) -> _EngineRefusal | None:
        if _first(query, "transport") not in _TRANSPORTS:
            return _UNKNOWN_TRANSPORT
        if not self._origins.allows(origin):
            return _FORBIDDEN
        if "j" in query or "callback" in query:  # such a page would wait for a script, and never be told why
            return _JSONP
        return None

    async def _open(self, request: Request) -> Response:
        """Open a session that polls; the answer is ``0{"sid":"…","upgrades":["websocket"],…}``."""
        peer = self._peers.of_scope(request.scope)
        place = self._places.take(lambda: peer, "a session")
        if isinstance(place, NoPlace):
            await self._refusals.wait(place.share)
            return _error(_refusal_of(place), {"Retry-After": str(place.retry_after_s)})
        session = self._server.open_session(lambda: peer, place, polling=True)
        if session.polling is not None and not request.headers.get("User-Agent", "").startswith(_BROWSER):
            session.polling.max_packets = _PACKETS_OUTSIDE_BROWSERS
        return _text(session.open_packet(["websocket"]))

    async def _poll(self, session: EngineSession, request: Request, mark: str) -> Response | None:
        """Answer a GET with what waits, or with what comes first.

        Args:
            session: which polls.
            request: the GET.
            mark: what the client has marked it with (``t``), to keep caches from answering; empty: nothing.
        """
        polling = session.polling
        assert polling is not None
        if mark and mark == polling.answered:
            # Clients mark each request anew (Engine.IO 4, `t`). One that comes again was repeated by the client's HTTP
            # stack, for its answer got lost, and with it packets that nobody will miss: better an end than a hole.
            self._server.note("bad-request", "a poll that comes again, its answer got lost", session.find_peer)
            session.close(engineio.NOOP)
            return _error(_UNKNOWN_SID)
        if polling.waiting:
            # Engine.IO 4, "Transports": one GET at a time. The first is told to close, the second is refused.
            self._server.note("bad-request", "two polls at once", session.find_peer)
            session.close(engineio.CLOSE)
            return _error(_BAD_REQUEST)
        payload = b""
        session.begin_poll()
        try:
            if polling.empty:
                await self._wait_for_packets(session, polling, request)
            payload = polling.take()
        finally:
            session.end_poll(len(payload))
        if not payload:  # the session has ended meanwhile
            return _error(_UNKNOWN_SID)
        polling.answered = mark
        return _text(payload)

    async def _wait_for_packets(self, session: EngineSession, polling: PollingTransport, request: Request) -> None:
        watch = asyncio.ensure_future(until_disconnected(request))
        watch.add_done_callback(partial(self._poll_dropped, session))
        try:
            await polling.wait()
        finally:
            watch.cancel()

    def _poll_dropped(self, session: EngineSession, watch: asyncio.Future[None]) -> None:
        """End the session of a client that dropped its poll: it would never learn what it missed otherwise."""
        if not watch.cancelled() and session.polling is not None:
            session.close(engineio.NOOP)

    async def _post(self, session: EngineSession, request: Request, mark: str) -> Response | None:
        """Take the packets of a POST, and answer ``ok``; the arguments are those of `_poll`."""
        if http_fields.media_type(request.headers.get("Content-Type", "")) == "application/octet-stream":
            session.close()
            return _error(_BAD_REQUEST)
        try:
            body = bytes(
                await read_body(request, self._server.limits.body_timeout_s, lambda: session.max_message_bytes)
            )
        except TooLarge:
            self._server.note("too-big", "a body over the limit of its sender", session.find_peer)
            return Response(status_code=413)
        except TimeoutError:
            self._server.note("bad-request", "a body that does not end", session.find_peer)
            return Response(status_code=408, headers={"Connection": "close"})
        polling = session.polling
        if session.is_open and polling is not None and not (mark and mark == polling.received):
            if polling.posting:
                # Engine.IO 4, "Transports": one POST at a time. Else the packets would come out of order.
                self._server.note("bad-request", "two posts at once")
                session.close(engineio.CLOSE)
                return _error(_BAD_REQUEST)
            polling.received = mark  # of a request that is repeated, only the answer got lost
            await carry_out(session, polling, body)
        return Response(b"ok", media_type="text/html")


class _Dismissed:
    """The receiver of a WebSocket on a session that has one already: it is closed at once, the first one lives."""

    max_message_bytes = 0

    def opened(self, connection: WebSocketConnection) -> None:
        connection.close()

    def receive_text(self, data: bytes) -> None:
        """Do nothing: the connection is being closed."""

    def receive_binary(self, data: bytes) -> None:
        """Do nothing: the connection is being closed."""

    def drained(self) -> None:
        """Do nothing: nothing waits to be sent."""

    def lost(self) -> None:
        """Do nothing: the session lives on over the first one."""

    def leave(self) -> None:
        """Do nothing: the connection is closed already."""


def _refusal_of(refused: NoPlace) -> _EngineRefusal:
    return _AT_CAPACITY if refused.reason == AT_CAPACITY else _TOO_MANY


def _parse_query(query: str) -> Mapping[str, list[str]]:
    return _remembered_query(query) if len(query) <= _LONGEST_REMEMBERED else parse_qs(query)


@lru_cache(maxsize=64)  # most handshakes ask with the same words
def _remembered_query(query: str) -> Mapping[str, list[str]]:
    return parse_qs(query)


def _first(query: Mapping[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]


def _error(refused: _EngineRefusal, headers: dict[str, str] | None = None) -> Response:
    return Response(refused.body(), refused.status, headers, media_type="application/json")


def _text(payload: bytes) -> Response:
    return Response(payload, headers={"Content-Type": "text/plain; charset=UTF-8"})
