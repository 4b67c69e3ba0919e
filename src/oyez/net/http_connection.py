"""One socket that speaks HTTP: uvicorn's protocol, held to bounds before a request is complete.

Knows requests as they come in. Must not know the paths, nor what is behind them.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import is_ssl

from oyez.errors import ProtocolError
from oyez.net.connection import WebSocketConnection
from oyez.net.gate import HttpGate
from oyez.net.peer import far_end_of
from oyez.net.stream import StreamConnection

# Whoever reads a body holds it to its time and answers; the socket itself is closed a little later.
_GRACE_S = 1.0


class HttpConnection(HttpToolsProtocol):
    """A socket until it is upgraded: uvicorn's protocol, with bounds on headers in bytes and in time."""

    def __init__(self, gate: HttpGate, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._gate = gate
        self._in_headers = True
        self._in_body = False
        self._header_bytes = 0
        self._is_stream = False
        self._stream_asked = False
        self.tick_slot = 0

    # The socket's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request. Addresses are asked for once somebody wants to know them."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self._set_deadline(self._gate.limits.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._gate.ticker.clear(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, as long as headers that are not complete stay within their bound."""
        self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > self._gate.limits.max_header_bytes:
            self._refuse(b"431 Request Header Fields Too Large", "headers that are too long")
        elif self._stream_asked and not self.transport.is_closing():
            self._hand_over(StreamConnection(self._gate))

    def handle_websocket_upgrade(self) -> None:
        """Hand the socket over, with the request as it was parsed here."""
        if self.parser.get_method() != b"GET":  # RFC 6455 §4.1
            self._refuse(b"405 Method Not Allowed", "a WebSocket asked for by another method than GET")
            return
        self._hand_over(WebSocketConnection(self._gate))

    def _hand_over(self, connection: WebSocketConnection | StreamConnection) -> None:
        self._gate.ticker.clear(self)
        self.connections.discard(self)
        connection.connection_made(self.transport)
        self.transport.set_protocol(connection)
        connection.begin(self.url, self.headers)
        self.parser = None  # type: ignore[assignment]  # it refers back to this object: both can go now

    def tick(self, now: float) -> None:
        """The headers did not come in time, or the body."""
        if self._in_headers and not self._in_body and self._header_bytes:
            self._refuse(b"408 Request Timeout", "headers that do not end")
        else:
            self.transport.close()

    # The parser's side

    def on_message_begin(self) -> None:
        """Begin to count a request's headers.

        Raises:
            ProtocolError: the answer to the request before is not complete. uvicorn would queue this one, and tell only
                the last of a queue when the client goes away; no client of today pipelines.
        """
        if self._is_stream or (self.cycle is not None and not self.cycle.response_complete):
            raise ProtocolError("a request before the answer to the one before")
        super().on_message_begin()
        self._in_headers = True
        self._in_body = False
        if not self.tick_slot:  # the first request's began with the connection
            self._set_deadline(self._gate.limits.header_timeout_s)

    def on_chunk_header(self) -> None:
        """Count again: behind the last chunk come headers. They are nothing to anybody."""
        self._in_headers = True
        self._header_bytes = 0
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Count no more: it was not the last chunk."""
        self._in_headers = False
        if not self._is_stream:
            super().on_body(body)

    def on_headers_complete(self) -> None:
        """Count no more, and begin to wait for the end of the body."""
        self._in_headers = False
        self._in_body = True
        if not self.parser.should_upgrade():
            self._set_deadline(self._gate.limits.body_timeout_s + _GRACE_S)
            self._is_stream = self.parser.get_method() == b"GET" and self._gate.is_stream(self.url)
            if self._is_stream:
                return  # no task is begun for it
            self.client = self.client or far_end_of(self.transport)
            self.scope["client"] = self.client
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another request, unless this one takes the socket for good."""
        self._stream_asked = self._is_stream
        if not self._is_stream:
            super().on_message_complete()
        self._header_bytes = 0
        self._gate.ticker.clear(self)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        self._gate.note("bad-request", "not HTTP")
        super().send_400_response(msg)

    def _set_deadline(self, delay_s: float) -> None:
        ticker = self._gate.ticker
        ticker.set(self, ticker.clock() + delay_s)

    def _refuse(self, status: bytes, detail: str) -> None:
        self._gate.note("bad-request", detail)
        self._gate.ticker.clear(self)
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status)
            self.transport.close()
