"""Plain requests of sessions, answered without a task: handshakes, polls in the step that writes their packets, posts.

Knows which requests those are, and how answers are written. Must not know the rules, which stand in `http`.
"""

import asyncio
from functools import partial

from oyez.access.origins import Origins
from oyez.access.places import NoPlace
from oyez.net.engineio.http import (
    UNKNOWN_SID,
    EngineHttp,
    EngineRefusal,
    Query,
    first_of,
    read_query,
    refusal_of,
)
from oyez.net.engineio.posts import PostedPackets
from oyez.net.engineio.session import EngineSession
from oyez.net.http.direct import INTERNAL_ERROR, SHORT_PATIENCE_S, DirectRequest, Respond, write_lines
from oyez.net.http.direct_pacing import Begin
from oyez.wire import http_fields

_PAYLOAD_LINES = write_lines({"Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store"})
_ERROR_LINES = write_lines({"Content-Type": "application/json", "Cache-Control": "no-store"})
_TAKEN_LINES = write_lines({"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})


class _DirectRequests:
    """What both kinds of requests have in common.

    Args:
        http: the way of all others.
        origins: whose pages may connect.
    """

    def __init__(self, http: EngineHttp, origins: Origins) -> None:
        self._http = http
        self._origins = origins

    def _find_session(
        self, request: DirectRequest, query: Query, method: str
    ) -> tuple[bytes, EngineRefusal | None, EngineSession | None]:
        """Return the header lines that answer the page's origin, and what `EngineHttp.find_session` does."""
        origin = request.text(b"origin")
        refused, session = self._http.find_session(query, method, origin, lambda: request.peer)
        return write_lines(self._origins.headers(origin)), refused, session


class DirectPolls(_DirectRequests):
    """Answers GETs that poll, and those that open a session."""

    max_bytes = 0
    patience_s = SHORT_PATIENCE_S

    def judge(self, request: DirectRequest) -> Begin | None:
        """Return what answers a GET or has it wait; None: something is wrong with it."""
        query = _read_polling_query(request)
        return None if query is None else partial(self._begin, request, query)

    def _begin(self, request: DirectRequest, query: Query, _: bytes, respond: Respond) -> None:
        lines, refused, session = self._find_session(request, query, "GET")
        if refused is not None:
            _refuse(respond, lines, refused)
        elif session is None:
            self._open(request, lines, respond)
        else:
            finish = partial(_finish, respond, lines, request.wants_gzip)
            poll = self._http.begin_poll(session, first_of(query, "t"), finish)
            if isinstance(poll, EngineRefusal):
                _refuse(respond, lines, poll)
            else:
                respond.watch(poll.drop)

    def _open(self, request: DirectRequest, lines: bytes, respond: Respond) -> None:
        opened = self._http.open_polling(lambda: request.peer, request.text(b"user-agent") or "")
        if not isinstance(opened, NoPlace):
            respond(200, _PAYLOAD_LINES + lines, opened)
            return
        lines += write_lines({"Retry-After": str(opened.retry_after_s)})
        self._http.refuse_late(opened, partial(_refuse, respond, lines, refusal_of(opened)))


class DirectPosts(_DirectRequests):
    """Answers POSTs of sessions; those that have to wait for their client are carried on by a task."""

    def __init__(self, http: EngineHttp, origins: Origins) -> None:
        super().__init__(http, origins)
        self._waiting: set[asyncio.Task[None]] = set()

    @property
    def max_bytes(self) -> int:
        """The longest body of a listener: who has shown the key may send more, and goes the usual way."""
        return self._http.max_receiver_message_bytes

    @property
    def patience_s(self) -> float:
        """All the time that a body has: a task for each that trickles would cost half of what it may cost."""
        return self._http.body_timeout_s

    def judge(self, request: DirectRequest) -> Begin | None:
        """Return what carries a POST out; None: something is wrong with it."""
        query = _read_polling_query(request)
        if query is None or "sid" not in query or _is_binary(request):
            return None
        return partial(self._begin, request, query)

    def _begin(self, request: DirectRequest, query: Query, body: bytes, respond: Respond) -> None:
        lines, refused, session = self._find_session(request, query, "POST")
        if refused is not None or session is None:
            _refuse(respond, lines, refused or UNKNOWN_SID)
            return
        posted = self._http.begin_post(session, first_of(query, "t"), body)
        if isinstance(posted, EngineRefusal):
            _refuse(respond, lines, posted)
        elif posted is None or posted.go_on():
            respond(200, _TAKEN_LINES + lines, b"ok")
        else:
            task = asyncio.get_running_loop().create_task(_finish_post(posted, respond, lines))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)


async def _finish_post(posted: PostedPackets, respond: Respond, lines: bytes) -> None:
    await posted.finish()
    respond(200, _TAKEN_LINES + lines, b"ok")


def _read_polling_query(request: DirectRequest) -> Query | None:
    asked = request.target.partition(b"?")[2]
    query = read_query(asked) if asked.isascii() else None
    return query if query is not None and first_of(query, "transport") == "polling" else None


def _is_binary(request: DirectRequest) -> bool:
    return http_fields.media_type(request.text(b"content-type") or "") == "application/octet-stream"


def _finish(respond: Respond, lines: bytes, wants_gzip: bool, payload: bytes | None) -> None:
    if payload:
        respond(200, _PAYLOAD_LINES + lines, payload, compress=wants_gzip)
    elif payload is None:
        respond(*INTERNAL_ERROR)
    else:
        _refuse(respond, lines, UNKNOWN_SID)


def _refuse(respond: Respond, lines: bytes, refused: EngineRefusal) -> None:
    respond(refused.status, _ERROR_LINES + lines, refused.body())
