"""The HTTP server: uvicorn, with limits on what arrives before a request is complete.

Knows sockets, headers and the pieces of a server. Must not know the paths, nor what is behind them.
"""

import asyncio
import logging
import os
import socket
import stat
from functools import partial
from typing import Any, Protocol, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr, is_ssl

from oyez.errors import ProtocolError
from oyez.net.connection import WebSocketConnection
from oyez.net.gate import Gate

logger = logging.getLogger(__name__)

BACKLOG = 4096
"""Connects that may wait: after a restart all listeners come back within a second or two."""

# What one socket may hold back in the kernel. Left to itself Linux lets it grow to several MB, for each stalled reader.
_SEND_BUFFER_BYTES = 256 * 1024


# Whoever reads a body holds it to its time and answers; the socket itself is closed a little later.
_GRACE_S = 1.0


class HttpLimits(Protocol):
    """What the HTTP side is held to."""

    @property
    def max_header_bytes(self) -> int:
        """Longest headers of one request."""
        ...

    @property
    def header_timeout_s(self) -> float:
        """How long they may take, in seconds."""
        ...

    @property
    def body_timeout_s(self) -> float:
        """How long the body may take."""
        ...


class HttpGate(Gate, Protocol):
    """What HTTP connections share."""

    @property
    def limits(self) -> HttpLimits:
        """Bounds on headers."""
        ...

    @property
    def max_sockets(self) -> int:
        """How many sockets may be open, of all kinds."""
        ...


class HttpConnection(HttpToolsProtocol):
    """A socket until it is upgraded: uvicorn's protocol, with bounds on headers in bytes and in time."""

    def __init__(self, gate: HttpGate, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._gate = gate
        self._in_headers = True
        self._in_body = False
        self._header_bytes = 0
        self.tick_slot = 0

    # The socket's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request. Addresses are asked for once somebody wants to know them."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        self._set_deadline(self._gate.limits.header_timeout_s)
        if len(self.connections) + len(self._gate.connections) > self._gate.max_sockets:
            self._gate.note("at-capacity", "a socket over the limit is closed")
            transport.abort()

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

    def handle_websocket_upgrade(self) -> None:
        """Hand the socket over, with the request as it was parsed here."""
        if self.parser.get_method() != b"GET":  # RFC 6455 §4.1
            self._refuse(b"405 Method Not Allowed", "a WebSocket asked for by another method than GET")
            return
        self._gate.ticker.clear(self)
        self.connections.discard(self)
        connection = WebSocketConnection(self._gate)
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
        if self.cycle is not None and not self.cycle.response_complete:
            raise ProtocolError("a request before the answer to the one before")
        super().on_message_begin()
        self._in_headers = True
        self._in_body = False
        if not self.tick_slot:  # the first request's began with the connection
            self._set_deadline(self._gate.limits.header_timeout_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those that follow a body in chunks are nothing to anybody."""
        if not self._in_body:
            super().on_header(name, value)

    def on_chunk_header(self) -> None:
        """Count again: behind the last chunk come headers."""
        self._in_headers = True
        self._header_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Count no more: it was not the last chunk."""
        self._in_headers = False
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Count no more, and begin to wait for the end of the body."""
        self._in_headers = False
        self._in_body = True
        self._set_deadline(self._gate.limits.body_timeout_s + _GRACE_S)
        if not self.parser.should_upgrade():
            self.client = self.client or get_remote_addr(self.transport)
            self.scope["client"] = self.client
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another request."""
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


class HttpServer:
    """uvicorn, started and stopped by its owner: it has no say over signals, sockets or the time a stop may take."""

    def __init__(self, app: ASGIApp, gate: HttpGate) -> None:
        self._gate = gate
        self._config = uvicorn.Config(
            app,
            http=cast(type[asyncio.Protocol], partial(HttpConnection, gate)),
            ws=cast(type[asyncio.Protocol], WebSocketConnection),  # made by `handle_websocket_upgrade`
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,  # our own bugs; what clients do wrong is noted by the gate
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
        )
        self._server = uvicorn.Server(self._config)
        self._main: asyncio.Task[None] | None = None

    async def start(self, sockets: list[socket.socket]) -> None:
        """Serve on bound sockets."""
        for listener in sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)  # accepted ones inherit it
        self._config.load()
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup(sockets=sockets)
        self._main = asyncio.create_task(self._server.main_loop())

    def stop_listening(self) -> None:
        """Accept nobody any more."""
        self._server.should_exit = True
        for server in self._server.servers:
            server.close()

    async def drain(self, deadline: float) -> int:
        """Let requests that are under way finish, and sockets close, until ``deadline`` on the ticker's clock.

        Returns:
            How many sockets had to be cut off.
        """
        state = self._server.server_state
        for connection in list(state.connections):
            connection.shutdown()
        # Nobody says when uvicorn's set becomes empty, so it is looked at.
        while (state.connections or self._gate.connections) and self._gate.ticker.clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        left = [connection.transport for connection in state.connections]
        for transport in left:
            transport.abort()
        cut_off = len(left) + len(self._gate.connections)
        for upgraded in list(self._gate.connections):
            upgraded.abort()
        if self._main is not None:
            await self._main
        return cut_off


def bind_tcp(host: str, port: int) -> socket.socket:
    """Bind a TCP socket; port 0 picks a free one.

    Raises:
        OSError: the address is taken, not this machine's, or not allowed.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def bind_unix(path: str) -> socket.socket:
    """Bind a Unix socket that all users may connect to; one that a dead daemon left behind is replaced.

    Raises:
        OSError: a living daemon has it, or the folder is not writable.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_left_behind(path):
            os.unlink(path)
        listener.bind(path)
        os.chmod(path, 0o666)  # noqa: S103 - as with TCP on loopback: who may post is decided by the key
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _is_left_behind(path: str) -> bool:
    if not os.path.exists(path) or not stat.S_ISSOCK(os.stat(path).st_mode):
        return False  # nothing there, or what is no business of ours
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
