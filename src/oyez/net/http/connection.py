"""One socket that speaks HTTP: uvicorn's protocol, held to bounds before a request is complete.

Knows requests as they come in. Must not know the paths, nor what is behind them.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

import httptools

from oyez.access.locality import FORWARDED_FOR
from oyez.access.peer import Peer
from oyez.access.shares import Share
from oyez.errors import ProtocolError
from oyez.net.http.callbacks import HttpCallbacks
from oyez.net.http.handshake_turns import Judged, find_payer, judge_in_turn
from oyez.net.http.middleware import IS_KEPT
from oyez.net.http.takeover import take_stream, take_websocket
from oyez.net.http.uvicorn_parts import FlowControl, HttpToolsProtocol, RequestResponseCycle, is_ssl
from oyez.net.socket import far_end_of
from oyez.wire import http_fields
from oyez.wire.http_target import ASTERISK, check_host, read_target

# Whoever reads a body holds it to its time and answers; the socket itself is closed a little later.
_GRACE_S = 1.0

# How much longer an idle connection is kept than its client was told: a request that sets out at the last moment comes
# a little later.
_KEPT_LONGER_S = 2.0

_HEADER_FRAME = len(": \r\n")

# Requests that may wait for the answer to the one before. Their heads together may be as long as one may.
_MOST_PIPELINED = 16

# Fields of one head. Browsers send twenty, and proxies add ten; lines of a few bytes would cost thirty times as much.
_MOST_FIELDS = 100


class _HeadTooLongError(ProtocolError):
    """The head of a request has more bytes than it may."""

    def __init__(self) -> None:
        super().__init__("headers that are too long")


def _is_kept(find_cycle: Callable[[], RequestResponseCycle | None]) -> bool:
    """Return whether the connection goes on after an answer.

    The cycle holds the scope that this is in: a reference back would leave each request to the collector, which stops
    the loop for 140 milliseconds to free five thousand of them.
    """
    cycle = find_cycle()
    return cycle is not None and cycle.keep_alive


class HttpConnection(HttpToolsProtocol):
    """A socket for as long as it speaks HTTP/1.1.

    It differs from uvicorn's protocol in this: heads have bounds in bytes and in time, bodies in time; what is broken
    is answered by the status that says why; wishes for other protocols are passed over; few requests wait for the
    answer to the one before; and requests for a WebSocket or a stream take the socket, without a task.

    Args:
        callbacks: whom to ask, and what connections share.
        share: of the address at the other end, where the socket is counted; None: nowhere.
        of_uvicorn: what uvicorn makes its protocols with.
    """

    def __init__(self, callbacks: HttpCallbacks, share: Share | None, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._callbacks = callbacks
        self._share = share
        self._in_headers = True
        self._in_body = False
        self._header_bytes = 0
        self._pipelined_bytes = 0
        self._is_stream = False
        self._stream_asked = False
        self._unanswered: list[RequestResponseCycle] = []  # in the order in which they came
        self._ends_with_answer = False
        self.in_turn = False  # what comes is read in the turn of whoever sent it: no request waits for it here
        self.tick_slot = 0

    # The socket's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn wants no less
        """Begin to wait for a request. Addresses cost calls of the system: they are asked for at need."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self._set_deadline(self._callbacks.limits.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline, and wake those who work on an answer: nobody is there to read it."""
        self._callbacks.ticker.clear(self)
        self._callbacks.spare.keep(self)
        if self._share is not None:
            self._share.sockets -= 1
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, for as long as headers that are not complete stay within their bound."""
        if not self.flow.write_paused:
            self._callbacks.spare.keep(self)
        if self._ends_with_answer:
            return
        self._header_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            if not self._stream_asked:  # what comes behind its request is nothing to anybody
                self._refuse_broken(error.__context__)
                return
        if self._in_headers and self._header_bytes > self._callbacks.limits.max_header_bytes:
            self._refuse_broken(_HeadTooLongError())
        elif self._stream_asked and not self.transport.is_closing():
            self._hand_over(take_stream)
        elif (self._in_headers or self._in_body) and not self._unanswered[1:]:
            self._callbacks.spare.offer(self, self._share)  # what is only half asked for may make room for others

    def _parse(self, data: bytes) -> None:
        """Feed the parser, which stops at each request that asks for another protocol.

        Only a WebSocket is to be had. Other wishes are passed over (RFC 9110 §7.8): the request is parsed once more,
        without its wish, and with what comes behind it.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                rest = data[stopped.args[0] :]
            else:
                return
            if self._asks_for_websocket():
                self._begin_websocket(rest)
                return
            data = self._head_without_upgrade() + rest

    def _all(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for key, value in self.headers if key == name]

    def _asks_for_websocket(self) -> bool:
        return self.parser.get_method() == b"GET" and "websocket" in http_fields.lower_elements(*self._all(b"upgrade"))

    def _begin_websocket(self, rest: bytes) -> None:
        """Hand the socket over, with the request as it was parsed here."""
        if self._is_busy:
            self._refuse(b"400 Bad Request", "a WebSocket asked for before the answer to the request before")
        elif any(length.strip("0") for length in self._all(b"content-length")) or self._all(b"transfer-encoding"):
            self._refuse(b"400 Bad Request", "a WebSocket asked for with a body")
        else:
            judged = self._hand_over(take_websocket)
            if rest:  # a client that did not wait for the answer
                judged.data_received(rest)

    def _head_without_upgrade(self) -> bytes:
        """Write the head of the request that was parsed anew, as it would be without its wish."""
        request = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%b: %b" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([request, *lines, b"", b""])

    def _hand_over(self, take: Callable[..., Judged]) -> Judged:
        """Let the request that was parsed take the socket, when it is its turn."""
        self._callbacks.ticker.clear(self)
        self._callbacks.spare.keep(self)
        self.connections.discard(self)
        self._in_headers = self._in_body = False  # it is no HTTP any more, and nobody's at need
        share, self._share = self._share, None
        judge = partial(take, self._callbacks, self.transport, self.url, self.headers, share=share)
        self.parser = None  # type: ignore[assignment]  # it refers back to this object: both can go now
        entries, find_far_end = ",".join(self._all(FORWARDED_FOR)), partial(far_end_of, self.transport)
        payer = None if self.in_turn else find_payer(self._callbacks, share, entries, find_far_end)
        return judge_in_turn(self._callbacks, self.transport, share, payer, judge)

    def tick(self, now: float) -> None:
        """The headers did not come in time, or the body, or another request on a connection that is kept."""
        if self._in_headers and not self._in_body and self._header_bytes:
            self._refuse(b"408 Request Timeout", "headers that do not end")
        elif self._is_busy:
            self._end_with_answer()
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The client does not take its answer: whoever needs the socket may have it."""
        super().pause_writing()
        self._callbacks.spare.offer(self, self._share)

    def resume_writing(self) -> None:
        """The client has taken it."""
        super().resume_writing()
        if self._unanswered:
            self._callbacks.spare.keep(self)

    def close_idle(self) -> bool:
        """Close: somebody else needs the room, and no request is under way here that its client waits for."""
        self._callbacks.spare.keep(self)
        if self.flow.write_paused:
            self.transport.abort()
        else:
            self.transport.close()
        return True

    # The parser's side

    def on_message_begin(self) -> None:
        """Begin to count a request's headers.

        Raises:
            ProtocolError: too many wait already, or the socket is a stream's.
        """
        most_bytes = self._callbacks.limits.max_header_bytes
        if self._is_stream or len(self._unanswered) > _MOST_PIPELINED or self._pipelined_bytes > most_bytes:
            raise ProtocolError("too many requests before their answers")
        super().on_message_begin()
        self._in_headers = True
        self._in_body = False
        self._set_deadline(self._callbacks.limits.header_timeout_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field.

        Raises:
            ProtocolError: there are too many.
        """
        super().on_header(name, value)
        if len(self.headers) > _MOST_FIELDS:
            raise _HeadTooLongError

    def on_chunk_header(self) -> None:
        """Count again: behind the last chunk come headers (RFC 9112 §7.1.2), which are dropped."""
        self._in_headers = True
        self._header_bytes = 0
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Stop counting heads: it was not the last chunk. A body that waits with its request counts as they do.

        Raises:
            ProtocolError: too much of it waits.
        """
        self._in_headers = False
        if len(self._unanswered) > 1:
            self._pipelined_bytes += len(body)
            if self._pipelined_bytes > self._callbacks.limits.max_header_bytes:
                raise ProtocolError("too many requests before their answers")
        if not self._is_stream:
            super().on_body(body)

    def on_headers_complete(self) -> None:
        """Judge the head, stop counting, and begin to wait for the end of the body.

        Raises:
            ProtocolError: the request asks for what no server has, or its words contradict each other.
        """
        self._in_headers = False
        self._in_body = True
        self._check_length()
        self._read_target()
        if self.parser.should_upgrade():
            return  # `_parse` decides what becomes of it
        self._wait_for_body()
        self._is_stream = self.parser.get_method() == b"GET" and self._callbacks.is_stream(self.url)
        if self._is_stream:
            if self._is_busy:
                raise ProtocolError("a stream asked for before the answer to the request before")
            return  # no task is begun for it
        self._begin_answer()

    def _check_length(self) -> None:
        """Hold a head that came in one piece to the same bound as one that trickles in."""
        length = len(self.url) + sum([len(name) + len(value) + _HEADER_FRAME for name, value in self.headers])
        if length > self._callbacks.limits.max_header_bytes:
            raise _HeadTooLongError
        self._pipelined_bytes += length if self._unanswered else 0

    def _read_target(self) -> None:
        """Bring the target into origin form, and the Host header in line with it (RFC 9112 §3.2)."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise ProtocolError("this is no proxy")
        check_host(self.headers)
        self.url, authority = read_target(method, self.url)
        if authority is not None:  # RFC 9112 §3.2.2: it replaces the header
            lines = [(name, authority if name == b"host" else value) for name, value in self.headers]
            self.headers[:] = lines if (b"host", authority) in lines else [*lines, (b"host", authority)]

    def _begin_answer(self) -> None:
        """Let uvicorn begin its task. The target ``*`` is no path: it sees ``/``, and the scope says what it was."""
        self.client = self.client or far_end_of(self.transport)
        self.scope["client"] = self.client
        is_for_all = self.url == ASTERISK
        if is_for_all:
            self.url = b"/"
        super().on_headers_complete()
        if is_for_all:
            self.scope["path"], self.scope["raw_path"] = ASTERISK.decode(), ASTERISK
        self.scope[IS_KEPT] = partial(_is_kept, ref(self.cycle))  # type: ignore[literal-required]  # a key of ours
        self._unanswered.append(self.cycle)
        self.flow.resume_reading()  # else nobody would see a client go that has asked for more

    def on_message_complete(self) -> None:
        """What comes next is another request, unless this one takes the socket for good."""
        if self.parser.should_upgrade():
            return
        self._stream_asked = self._is_stream
        self._end_request()
        if self._is_stream:
            return
        super().on_message_complete()
        if self.cycle.response_complete:  # it did not wait for the body
            self._wait_for_request()

    def _end_request(self) -> None:
        """Stop counting, and waiting for the end of its body."""
        self._header_bytes = 0
        self._in_headers = self._in_body = False
        self._callbacks.ticker.clear(self)

    # Answers

    @property
    def _is_busy(self) -> bool:
        """Whether a request is complete, and its answer is not."""
        return bool(self._unanswered) and not self._unanswered[0].more_body

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        answered = self._unanswered.pop(0)
        answered.body = bytearray()  # what came of one that nobody asked for would stay until the next request
        if not self._unanswered:
            self._pipelined_bytes = 0
        super().on_response_complete()
        self._unset_keepalive_if_required()
        if not (self._unanswered or self._in_headers or self._in_body or self.transport.is_closing()):
            self._wait_for_request()

    def _wait_for_request(self) -> None:
        """Wait for the next one: whoever needs a socket may have this one."""
        self._callbacks.spare.offer(self, self._share)
        self._set_deadline(self._callbacks.settings.keep_alive_s + _KEPT_LONGER_S)

    def _wait_for_body(self) -> None:
        self._set_deadline(self._callbacks.limits.body_timeout_s + _GRACE_S)

    def _set_deadline(self, delay_s: float) -> None:
        ticker = self._callbacks.ticker
        ticker.set(self, ticker.clock() + delay_s)

    def _refuse_broken(self, reason: BaseException | None) -> None:
        """Refuse what the parser stopped at."""
        status = b"431 Request Header Fields Too Large" if isinstance(reason, _HeadTooLongError) else b"400 Bad Request"
        self._refuse(status, str(reason) if isinstance(reason, ProtocolError) else "not HTTP")

    def _refuse(self, status: bytes, detail: str) -> None:
        """Answer what cannot be served, and close; if answers to earlier requests are due, the next is the last."""
        self._callbacks.note("bad-request", detail, self._find_peer)
        if self._is_busy:
            self._end_with_answer()
        elif not self.transport.is_closing():
            self._callbacks.ticker.clear(self)
            if not (self._unanswered and self._unanswered[0].response_started):
                self.transport.write(self._write_refusal(status, detail))
            self.transport.close()

    def _find_peer(self) -> Peer:
        """Find out who asks, as far as the head has come."""
        return self._callbacks.peers.finder(self.headers or (), partial(far_end_of, self.transport))()

    def _write_refusal(self, status: bytes, detail: str) -> bytes:
        origin = next(iter(self._all(b"origin")), None) if self.headers else None
        body = detail.encode("ascii", "backslashreplace")
        fields = {
            "Connection": "close",
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            **self._callbacks.origins.headers(origin),
        }
        lines = "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
        return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, lines.encode("latin-1"), body)

    def _end_with_answer(self) -> None:
        """Close with the answer that is due; it says so, and who has asked for more asks again (RFC 9112 §9.3.2)."""
        self._callbacks.ticker.clear(self)
        self._ends_with_answer = True
        self._unanswered[0].keep_alive = False
        self.pipeline.clear()
        del self._unanswered[1:]  # nobody will answer them, and their heads may be long
