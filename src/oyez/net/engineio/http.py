"""The HTTP side of Engine.IO: handshakes, polls, posts, and who may become a WebSocket.

Knows requests and the protocol's error answers. Must not know what messages mean.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from oyez.access.origins import Origins
from oyez.access.peer import FindPeer, Peers
from oyez.access.places import AT_CAPACITY, NoPlace, Places, unlimited
from oyez.net.engineio.pending_poll import Finish, PendingPoll
from oyez.net.engineio.posts import PostedPackets
from oyez.net.engineio.session import EngineServer, EngineSession
from oyez.net.http.body import BODY_TIME_S, TooLarge, read_body, wait_for_answer
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

Query = Mapping[str, list[str]]
"""The fields of a query, each with its values."""

_TRANSPORTS = ("polling", "websocket")

# The Python client gives a connection up when a poll brings more packets than this. Browsers take any number, and what
# they call themselves has begun with the same word for thirty years.
_PACKETS_OUTSIDE_BROWSERS = 16
_BROWSER = "Mozilla/"


class EngineRefusal(NamedTuple):
    """An error of the protocol: ``{"code":3,"message":"Bad request"}``."""

    code: int
    message: str
    status: int = 400

    def body(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.encode({"code": self.code, "message": self.message})


# The numbers and words are the protocol's own; clients show them.
_UNKNOWN_TRANSPORT = EngineRefusal(0, "Transport unknown")
UNKNOWN_SID = EngineRefusal(1, "Session ID unknown")
_BAD_METHOD = EngineRefusal(2, "Bad handshake method")
_BAD_REQUEST = EngineRefusal(3, "Bad request")
_FORBIDDEN = EngineRefusal(4, "Forbidden", 403)
_BAD_VERSION = EngineRefusal(5, "Unsupported protocol version")
_TOO_LONG = EngineRefusal(3, f"Bad request: the query is too long, {_LONGEST_QUERY} octets at most", 414)
_JSONP = EngineRefusal(3, "Bad request: JSONP is not spoken, ask by XMLHttpRequest or WebSocket")
# Ours; clients treat any refusal as one to come back from.
_AT_CAPACITY = EngineRefusal(6, "Server at capacity", 503)
_TOO_MANY = EngineRefusal(7, "Too many connections from your address", 429)


class EngineHttp:
    """An ASGI application, and the judge of WebSocket handshakes, for one Engine.IO server.

    Args:
        server: the sessions.
        peers: how clients are told apart.
        origins: whose pages may connect.
        places: room for sessions.
        refusals: when an address that had its share is told so.
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

    @property
    def body_timeout_s(self) -> float:
        """How long the body of a POST may take."""
        return self._server.limits.body_timeout_s

    @property
    def max_receiver_message_bytes(self) -> int:
        """How long the message of a session may be that has not shown the key."""
        return self._server.limits.max_receiver_message_bytes

    # WebSocket

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Choose the session that a WebSocket opens or upgrades.

        NoPlace with the protocol's own errors: ``{"code":3,"message":"Bad request"}``.
        """
        query = _parse_query(handshake.query) if len(handshake.query) <= _LONGEST_QUERY else None
        refused, session = self._check(query, "GET", handshake.first(b"origin"))
        if refused is None and first_of(query or {}, "transport") != "websocket":
            refused = _BAD_REQUEST
        if refused is not None:
            self._server.note("bad-handshake", refused.message, self._peers.of_handshake_at_need(handshake))
            return Refusal(refused.status, HTTPStatus(refused.status).phrase, refused.body())
        if session is None:
            find = self._peers.of_handshake(handshake)
            place = self._places.take(find, "a session")
            if isinstance(place, NoPlace):
                refused = refusal_of(place)
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
        query = read_query(request.scope["query_string"])
        find_peer = partial(self._peers.of_scope, request.scope)
        refused, session = self.find_session(query, request.method, request.headers.get("Origin"), find_peer)
        if refused is not None:
            return _error(refused)
        if session is None:
            return await self._open(request)
        mark = first_of(query or {}, "t")
        if request.method == "GET":
            return await self._poll(session, request, mark)
        if request.method == "POST":
            return await self._post(session, request, mark)
        return Response(status_code=400 if request.method == "HEAD" else 500)

    def find_session(
        self, query: Query | None, method: str, origin: str | None, find_peer: FindPeer
    ) -> tuple[EngineRefusal | None, EngineSession | None]:
        """Judge a plain request: why it is refused, which is counted; else its session, None: it opens one."""
        refused, session = self._check(query, method, origin)
        if refused is None and (
            first_of(query or {}, "transport") == "websocket" or (session and session.polling is None)
        ):
            refused = _BAD_REQUEST  # a plain request where a WebSocket is named, or already carries the session
        if refused is not None:
            self._server.note("bad-handshake" if session is None else "bad-request", refused.message, find_peer)
        return refused, session

    def _check(
        self, query: Query | None, method: str, origin: str | None
    ) -> tuple[EngineRefusal | None, EngineSession | None]:
        """Judge a request in the order in which the original does: transport, session, method, version."""
        if query is None:
            return _TOO_LONG, None
        refused = self._check_transport(query, origin)
        if refused is not None:
            return refused, None
        if "sid" in query:
            session = self._server.sessions.get(first_of(query, "sid"))
            if session is not None:
                session.expire()
            if session is None or not session.is_open:
                return UNKNOWN_SID, None
            return None, session
        if method != "GET":
            return (_BAD_REQUEST if method == "HEAD" else _BAD_METHOD), None
        if first_of(query, "EIO") != engineio.PROTOCOL:
            return _BAD_VERSION, None
        return None, None

    def _check_transport(self, query: Query, origin: str | None) -> EngineRefusal | None:
        if first_of(query, "transport") not in _TRANSPORTS:
            return _UNKNOWN_TRANSPORT
        if not self._origins.allows(origin):
            return _FORBIDDEN
        if "j" in query or "callback" in query:  # such a page would wait for a script, and never be told why
            return _JSONP
        return None

    async def _open(self, request: Request) -> Response:
        """Open a session that polls; the answer is ``0{"sid":"…","upgrades":["websocket"],…}``."""
        peer = self._peers.of_scope(request.scope)
        opened = self.open_polling(lambda: peer, request.headers.get("User-Agent", ""))
        if isinstance(opened, NoPlace):
            await self._refusals.wait(opened.share)
            return _error(refusal_of(opened), {"Retry-After": str(opened.retry_after_s)})
        return _text(opened)

    def open_polling(self, find_peer: FindPeer, agent: str) -> bytes | NoPlace:
        """Open a session that polls, and return its first packet; or why there is no room.

        Args:
            find_peer: whose it is.
            agent: what the client calls itself.
        """
        place = self._places.take(find_peer, "a session")
        if isinstance(place, NoPlace):
            return place
        session = self._server.open_session(find_peer, place, polling=True)
        if session.polling is not None and not agent.startswith(_BROWSER):
            session.polling.max_packets = _PACKETS_OUTSIDE_BROWSERS
        return session.open_packet(["websocket"])

    def refuse_late(self, refused: NoPlace, answer: Callable[[], None]) -> None:
        """Have a refusal for want of room given, when its address may be told so."""
        self._refusals.add(refused.share, answer)

    def begin_poll(self, session: EngineSession, mark: str, finish: Finish) -> PendingPoll | EngineRefusal:
        """Let a GET wait, or answer it with what waits for it; the arguments are those of `PendingPoll`."""
        polling = session.polling
        assert polling is not None
        if mark and mark == polling.answered:
            # Clients mark each request anew (Engine.IO 4, `t`). One that comes again was repeated by the client's HTTP
            # stack, for its answer got lost, and with it packets that nobody will miss: better an end than a hole.
            self._server.note("bad-request", "a poll that comes again, its answer got lost", session.find_peer)
            session.close(engineio.NOOP)
            return UNKNOWN_SID
        if polling.waiting:
            # Engine.IO 4, "Transports": one GET at a time. The first is told to close, the second is refused.
            self._server.note("bad-request", "two polls at once", session.find_peer)
            session.close(engineio.CLOSE)
            return _BAD_REQUEST
        poll = PendingPoll(session, polling, mark, finish)
        poll.begin()
        return poll

    async def _poll(self, session: EngineSession, request: Request, mark: str) -> Response | None:
        """Answer a GET; most are answered by `DirectPolls`."""
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        poll = self.begin_poll(session, mark, answer.set_result)
        if isinstance(poll, EngineRefusal):
            return _error(poll)
        try:
            if not await wait_for_answer(request, answer):
                return None
        finally:
            poll.drop()  # harmless once it is answered
        payload = answer.result()
        if payload is None:
            return Response("Internal Server Error", 500, {"Connection": "close"}, media_type="text/plain")
        return _text(payload) if payload else _error(UNKNOWN_SID)

    async def _post(self, session: EngineSession, request: Request, mark: str) -> Response | None:
        """Take the packets of a POST, and answer ``ok``; ``mark`` is as `PendingPoll` has it."""
        if http_fields.media_type(request.headers.get("Content-Type", "")) == "application/octet-stream":
            session.close()
            return _error(_BAD_REQUEST)
        try:
            time_s = request.scope.get(BODY_TIME_S, self.body_timeout_s)
            body = bytes(await read_body(request, time_s, lambda: session.max_message_bytes))
        except TooLarge:
            self._server.note("too-big", "a body over the limit of its sender", session.find_peer)
            return Response(status_code=413)
        except TimeoutError:
            self._server.note("bad-request", "a body that does not end", session.find_peer)
            return Response(status_code=408, headers={"Connection": "close"})
        posted = self.begin_post(session, mark, body)
        if isinstance(posted, EngineRefusal):
            return _error(posted)
        if posted is not None and not posted.go_on():
            await posted.finish()
        return Response(b"ok", media_type="text/html")

    def begin_post(self, session: EngineSession, mark: str, body: bytes) -> PostedPackets | EngineRefusal | None:
        """Take a POST in: what is to be carried out of it, or why nothing is; None: it was, and its answer got lost.

        Args:
            session: which got it, and may have ended since.
            mark: as `PendingPoll` has it.
            body: of the request.
        """
        polling = session.polling
        if not session.is_open or polling is None or (mark and mark == polling.received):
            return None
        if polling.posting:
            # Engine.IO 4, "Transports": one POST at a time. Else the packets would come out of order.
            self._server.note("bad-request", "two posts at once")
            session.close(engineio.CLOSE)
            return _BAD_REQUEST
        polling.received = mark  # of a request that is repeated, only the answer got lost
        return PostedPackets(session, polling, body)


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


def refusal_of(refused: NoPlace) -> EngineRefusal:
    """Return how the protocol says that there is no room."""
    return _AT_CAPACITY if refused.reason == AT_CAPACITY else _TOO_MANY


def read_query(asked: bytes) -> Query | None:
    """Return the fields of a query; None: it is too long."""
    return _parse_query(asked.decode("latin-1")) if len(asked) <= _LONGEST_QUERY else None


def _parse_query(query: str) -> Query:
    return _remembered_query(query) if len(query) <= _LONGEST_REMEMBERED else parse_qs(query)


@lru_cache(maxsize=64)  # most handshakes ask with the same words
def _remembered_query(query: str) -> Query:
    return parse_qs(query)


def first_of(query: Query, name: str) -> str:
    """Return the first value of a field; empty: there is none."""
    return query.get(name, [""])[0]


def _error(refused: EngineRefusal, headers: dict[str, str] | None = None) -> Response:
    return Response(refused.body(), refused.status, headers, media_type="application/json")


def _text(payload: bytes) -> Response:
    return Response(payload, headers={"Content-Type": "text/plain; charset=UTF-8"})
