"""One socket that speaks HTTP, and answers plain requests directly.

Knows when a request is plain, and when its answer is due. Must not know what is asked, nor who answers (`direct`).

ASGI's way of a request (a task, a scope, an event, four wrappers and two writes) was more than half of what a post by
HTTP cost. A request of which all but the length is as in the one before is not even parsed: that halved the rest.
`tests/fuzz/test_direct.py` holds all ways to the same answers. A poll that waits has nothing but its object.
"""

import logging
import os
from functools import partial
from typing import Any, NamedTuple

from oyez.access.peer import FarEnd
from oyez.access.shares import Share
from oyez.errors import ProtocolError
from oyez.net.http.body import BODY_TIME_S
from oyez.net.http.callbacks import HttpCallbacks
from oyez.net.http.connection import HttpConnection
from oyez.net.http.direct import INTERNAL_ERROR, SHORT_PATIENCE_S, AnswerBody, DirectDoor, DirectRequest, write_head
from oyez.net.http.direct_cycle import DirectCycle
from oyez.net.http.repeated_head import RepeatedHead, read_head
from oyez.net.socket import far_end_of, find_plain_fd
from oyez.wire import http_fields

logger = logging.getLogger(__name__)

# What a plain request does not have: they say that the body is coded, or waits for a word before it comes.
_NOT_PLAIN = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))

# What is longer is written by itself: listeners that do not read would hold a copy each of what is the same for all.
_JOINED_BYTES = 4096


class _Known(NamedTuple):
    """The head that came last, and who answers what has it."""

    head: RepeatedHead
    answer_body: AnswerBody
    door: DirectDoor
    """Says how long a body may be, and how long under way."""


class DirectConnection(HttpConnection):
    """A socket for as long as it speaks HTTP/1.1; plain requests to a `DirectDoor` are answered without a task.

    Where a request is not plain, or its door declines, all is as without this class.
    """

    def __init__(self, callbacks: HttpCallbacks, share: Share | None, **of_uvicorn: Any) -> None:
        super().__init__(callbacks, share, **of_uvicorn)
        self._answer_body: AnswerBody | None = None  # to the request that is being read
        self._direct_body = b""
        self._patience_s = SHORT_PATIENCE_S  # with that body
        self._is_over = False  # the last answer was given
        self._known: _Known | None = None
        self._held = b""  # a request with the known head, whose body is under way
        self._is_between = True  # the parser is at the beginning of a request
        self._heads = 0  # that were begun in what is being read
        self._lines_of: list[tuple[bytes, bytes]] | None = None
        self._kept_lines = self._last_lines = b""  # of every answer: of one that goes on, and of the last
        self._may_come_again: tuple[AnswerBody, DirectDoor] | None = None  # what is `_Known` of the last one
        self._fd: int | None = None  # where the transport can be gone past, once it is known

    # Requests with the head of the one before

    def data_received(self, data: bytes) -> None:
        """Answer a request whose head is known, or parse."""
        is_more = bool(self._held)
        if is_more:
            data, self._held = self._held + data, b""
        known = self._known
        if (
            known is None
            or self._unanswered
            or self.flow.write_paused
            or not self._take_known(known, data, is_more=is_more)
        ):
            self._read(data)

    def _take_known(self, known: _Known, data: bytes, *, is_more: bool) -> bool:
        """Answer what has the known head, or hold it until its body is there; False: it is to be parsed.

        Args:
            known: the head.
            data: of one request, from its first byte on.
            is_more: whether its beginning was held: its time runs already.
        """
        found = known.head.match(data)
        if found is None or not self._is_between or self._ends_with_answer or self._is_over:
            return False
        begin, length = found
        end = begin + length
        if length > known.door.max_bytes or len(data) > end:
            return False
        self._callbacks.spare.keep(self)
        if len(data) == end:
            return self._answer(known.answer_body, data[begin:], keep_alive=True)
        self._held = data
        self._callbacks.spare.offer(self, self._share)
        if not is_more:
            self._patience_s = known.door.patience_s
            self._set_deadline(self._patience_s)
        return True

    def _read(self, data: bytes) -> None:
        """Parse, and remember a head that may come again."""
        was_between, self._heads, self._may_come_again = self._is_between, 0, None
        super().data_received(data)
        self._is_between = not (self._in_headers or self._in_body)
        if self._may_come_again is not None and was_between and self._heads == 1:
            head = read_head(data)
            if head is not None and len(head) <= self._callbacks.limits.max_header_bytes:
                self._known = _Known(head, *self._may_come_again)

    # Requests that are parsed

    def on_message_begin(self) -> None:
        """Begin another request.

        Raises:
            ProtocolError: the answer to the last one has been given.
        """
        if self._is_over:
            raise ProtocolError("a request behind the last one")
        if self._heads and not self.flow.write_paused:
            self._callbacks.spare.keep(self)  # with the answer to the one before, others were offered the socket
        self._heads += 1
        super().on_message_begin()

    def _begin_answer(self) -> None:
        self._answer_body = self._find_answer()
        if self._answer_body is None:
            super()._begin_answer()
        else:
            self._set_deadline(self._patience_s)

    def _find_answer(self) -> AnswerBody | None:
        """Find who answers the request whose head is complete; None: the usual way."""
        door = self._callbacks.find_direct(self.parser.get_method(), self.url)
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
            peer = self._callbacks.peers.finder(self.headers, partial(_known_end, self.client))()
            answer_body = door.judge(DirectRequest(self.url, fields, peer, wants_gzip))
        except Exception:
            logger.exception("a request goes the usual way after an error of ours")
            return None
        if answer_body is not None and door.max_bytes and self.parser.should_keep_alive():
            self._may_come_again = answer_body, door
        self._patience_s = door.patience_s
        return answer_body

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
        self._end_request()
        if self._answer(self._answer_body, self._direct_body, keep_alive=self.parser.should_keep_alive()):
            self._answer_body, self._direct_body = None, b""
        else:
            self._begin_usual_answer()
            super().on_message_complete()

    def _begin_usual_answer(self, *, has_time: bool = True) -> None:
        """Go the usual way after all, with as much of the body as has come, and maybe no time for the rest."""
        if self._held:
            data, self._held = self._held, b""
            self._read(data)
        if self._answer_body is not None:
            body, self._direct_body, self._answer_body = self._direct_body, b"", None
            super()._begin_answer()
            if not has_time:
                self.scope[BODY_TIME_S] = 0.0  # type: ignore[literal-required]  # a key of ours
            self._wait_for_body()
            if body:
                super().on_body(body)

    # Answers

    def _answer(self, answer_body: AnswerBody, body: bytes, *, keep_alive: bool) -> bool:
        """Have a request answered; False: it is to go the usual way."""
        cycle = DirectCycle(self, keep_alive=keep_alive)
        try:
            if not answer_body(body, cycle):
                cycle.end()
                return False
        except Exception:
            logger.exception("a request is answered with the status 500 after an error of ours")
            cycle(*INTERNAL_ERROR)
        if not cycle.response_complete:
            self._callbacks.ticker.clear(self)
            self.cycle = cycle
            self._unanswered.append(cycle)
            return True
        self.server_state.total_requests += 1
        if not self._is_over:
            self._wait_for_request()
        return True

    def write_answer(self, cycle: DirectCycle, status: int, lines: bytes, body: bytes, *, compress: bool) -> None:
        """Write what answers a request, compressed if it is long and that is wanted."""
        compression = self._callbacks.compression
        if len(body) >= compression.from_bytes:
            lines += b"vary: Accept-Encoding\r\n"
            if compress:
                lines += b"content-encoding: gzip\r\n"
                compression.compress(body, partial(self._write_whole, cycle, status, lines))
                return
        self._write_whole(cycle, status, lines, body)

    def _write_whole(self, cycle: DirectCycle, status: int, lines: bytes, body: bytes) -> None:
        if not cycle.is_due:
            return
        cycle.end()
        cycle.keep_alive = cycle.keep_alive and status != INTERNAL_ERROR[0]
        if self._lines_of is not self.server_state.default_headers:  # once a second, with the date
            self._write_lines()
        own_lines = self._kept_lines if cycle.keep_alive else self._last_lines
        head = write_head(status, own_lines, lines, len(body))
        if len(body) < _JOINED_BYTES:
            self._write_through(head + body)
        else:
            self._write_through(head)
            self._write_through(body)
        if not cycle.keep_alive:
            self._is_over = True
            self.transport.close()
        if self._unanswered:  # it was waited for
            self.on_response_complete()

    def _write_through(self, data: bytes) -> None:
        """Pass an answer to the system, and what it does not take to the transport.

        The transport would write at the end of the turn, behind all that others have to do in it; and going past it
        saves what `SocketConnection._write_through` saves, where it says why that is safe.
        """
        rest: bytes | memoryview = data
        if self._fd is None:
            self._fd = find_plain_fd(self.transport)
        if self._fd >= 0 and not self.transport.get_write_buffer_size():
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:  # the client is gone
                self.transport.abort()
                return
            if sent == len(data):
                return
            if sent:
                rest = memoryview(data)[sent:]
        self.transport.write(rest)

    def _write_lines(self) -> None:
        """Write the header lines that all answers have."""
        self._lines_of = self.server_state.default_headers
        default_lines = b"".join([b"%b: %b\r\n" % line for line in self._lines_of])
        self._kept_lines = b"%bkeep-alive: timeout=%d\r\n" % (default_lines, self._callbacks.settings.keep_alive_s)
        self._last_lines = b"%bconnection: close\r\n" % default_lines

    # Whatever is not plain any more

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave to the usual way what a client has begun and not ended, unless it has had its time here."""
        if not self._is_patient:
            self._begin_usual_answer()
        super().connection_lost(exc)

    def tick(self, now: float) -> None:
        """The body takes its time, or what else there is a time for is over."""
        if self._held or self._answer_body is not None:
            self._begin_usual_answer(has_time=not self._is_patient)
        else:
            super().tick(now)

    @property
    def _is_patient(self) -> bool:
        """Whether a body has all of its time here."""
        return self._patience_s >= self._callbacks.limits.body_timeout_s

    def shutdown(self) -> None:
        """The daemon stops."""
        self._begin_usual_answer()
        super().shutdown()

    def _refuse_broken(self, reason: BaseException | None) -> None:
        if not self._is_over:  # what comes behind the last request is nothing to anybody
            super()._refuse_broken(reason)


def _known_end(far_end: FarEnd | None) -> FarEnd | None:
    return far_end
