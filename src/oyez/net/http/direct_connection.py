"""One socket that speaks HTTP, and answers plain requests directly.

Knows when a request is plain, and when its answer is due. Must not know what is asked, nor who answers (`direct`).

ASGI's way of a request (a task, a scope, an event, four wrappers and two writes) is two thirds of what a post by HTTP
costs: with this one it costs a third (`tests/unit/test_direct_answers.py` holds both to the same answers).
"""

import logging
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from oyez.access.shares import Share
from oyez.errors import ProtocolError
from oyez.net.http.callbacks import HttpCallbacks
from oyez.net.http.connection import HttpConnection
from oyez.net.http.direct import INTERNAL_ERROR, AnswerBody, DirectRequest, write_answer
from oyez.net.socket import far_end_of
from oyez.wire import http_fields

logger = logging.getLogger(__name__)

# What a plain request does not have: a body that is not as it is meant, or that waits for a word before it comes.
_NOT_PLAIN = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))

# How long a body may be under way until it is read the usual way, which has a time for it. Nearly all clients send it
# right behind the head, in a segment of its own.
_PATIENCE_S = 0.25


class _Awaited:
    """What of a cycle's event is called: nobody waits for it."""

    def set(self) -> None:
        """Wake nobody."""


class _DirectCycle(RequestResponseCycle):
    """A request that is complete and waits for its answer, as far as the connection looks at it."""

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = self.more_body = self.response_started = self.response_complete = False
        self.body = bytearray()
        self.message_event = _Awaited()  # type: ignore[assignment]  # of an event it has what is called


class DirectConnection(HttpConnection):
    """A socket for as long as it speaks HTTP/1.1; plain requests to a `DirectDoor` are answered without a task.

    Where a request is not plain, or its door declines, all is as without this class.
    """

    def __init__(self, callbacks: HttpCallbacks, share: Share | None, **of_uvicorn: Any) -> None:
        super().__init__(callbacks, share, **of_uvicorn)
        self._answer_body: AnswerBody | None = None  # to the request that is being read
        self._direct_body = b""
        self._is_over = False  # the last answer was given

    # The request

    def on_message_begin(self) -> None:
        """Begin another request.

        Raises:
            ProtocolError: the answer to the last one has been given.
        """
        if self._is_over:
            raise ProtocolError("a request behind the last one")
        super().on_message_begin()

    def _begin_answer(self) -> None:
        self._answer_body = self._find_answer()
        if self._answer_body is None:
            super()._begin_answer()
        else:
            self._set_deadline(_PATIENCE_S)

    def _find_answer(self) -> AnswerBody | None:
        """Find who answers the request whose head is complete; None: the usual way."""
        door = self._callbacks.direct.get((self.parser.get_method(), self.url))
        if door is None or self._unanswered or self.flow.write_paused or self.parser.get_http_version() != "1.1":
            return None
        fields = dict(self.headers)
        if len(fields) < len(self.headers) or not _NOT_PLAIN.isdisjoint(fields):
            return None
        if int(fields.get(b"content-length", b"0")) > door.max_bytes:
            return None
        self.client = self.client or far_end_of(self.transport)
        codings = fields.get(b"accept-encoding", b"identity")
        wants_gzip = codings != b"identity" and http_fields.prefers_gzip(codings.decode("latin-1"))
        try:
            return door.judge(DirectRequest(fields, self.headers, self.client, wants_gzip))
        except Exception:
            logger.exception("a request goes the usual way after an error of ours")
            return None

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if self._answer_body is None:
            super().on_body(body)
        else:
            self._direct_body += body

    def on_message_complete(self) -> None:
        """Answer, now that all is there."""
        if self._answer_body is None:
            super().on_message_complete()
            return
        answer_body, body = self._answer_body, self._direct_body
        cycle = _DirectCycle(keep_alive=self.parser.should_keep_alive())
        respond = partial(self._respond, cycle)
        try:
            is_taken = answer_body(body, respond)
        except Exception:
            logger.exception("a request is answered with the status 500 after an error of ours")
            is_taken = True
            respond(*INTERNAL_ERROR)
        if not is_taken:
            self._begin_usual_answer()
            super().on_message_complete()
            return
        self._answer_body, self._direct_body = None, b""
        self._end_request()
        if cycle.response_complete:
            self.server_state.total_requests += 1
            if not self._is_over:
                self._wait_for_request()
        else:
            self.cycle = cycle
            self._unanswered.append(cycle)

    def _begin_usual_answer(self) -> None:
        """Go the usual way after all, with as much of the body as has come."""
        if self._answer_body is None:
            return
        body, self._direct_body, self._answer_body = self._direct_body, b"", None
        super()._begin_answer()
        if body:
            super().on_body(body)

    # The answer

    def _respond(self, cycle: _DirectCycle, status: int, lines: bytes, body: bytes) -> None:
        if cycle.disconnected or cycle.response_complete:
            return
        cycle.response_complete = True
        cycle.keep_alive = cycle.keep_alive and status != INTERNAL_ERROR[0]
        if len(body) >= self._callbacks.compressed_from:
            lines += b"vary: Accept-Encoding\r\n"
        lines += self._kept_line if cycle.keep_alive else b"connection: close\r\n"
        default_lines = b"".join([b"%b: %b\r\n" % line for line in self.server_state.default_headers])
        self.transport.write(write_answer(status, default_lines, lines, body))
        if not cycle.keep_alive:
            self._is_over = True
            self.transport.close()
        if self._unanswered:  # it was waited for
            self.on_response_complete()

    @property
    def _kept_line(self) -> bytes:
        return b"keep-alive: timeout=%d\r\n" % self._callbacks.settings.keep_alive_s

    # Whatever is not plain any more

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave to the usual way what a client has begun and not ended."""
        self._begin_usual_answer()
        super().connection_lost(exc)

    def tick(self, now: float) -> None:
        """The body takes its time, or what else there is a time for is over."""
        if self._answer_body is None:
            super().tick(now)
        else:
            self._begin_usual_answer()

    def shutdown(self) -> None:
        """The daemon stops."""
        self._begin_usual_answer()
        super().shutdown()

    def _refuse_broken(self, reason: BaseException | None) -> None:
        if not self._is_over:  # what comes behind the last request is nothing to anybody
            super()._refuse_broken(reason)
