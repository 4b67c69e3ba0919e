"""The HTTP server: uvicorn, started and stopped by us, on sockets that we have bound.

Knows listeners and the pieces of a server. Must not know the paths, nor what is behind them.
"""

import asyncio
import logging
import os
import socket
import stat
from functools import partial
from typing import cast

from starlette.types import ASGIApp

from oyez.net.callbacks import OpenSocket
from oyez.net.http.callbacks import HttpCallbacks
from oyez.net.http.date import DatedState
from oyez.net.http.first_bytes import FirstBytes
from oyez.net.http.middleware import HttpMiddleware
from oyez.net.http.uvicorn_parts import Config, Server
from oyez.net.ticker import Ticker
from oyez.net.websocket.connection import WebSocketConnection

BACKLOG = 4096
"""Connects that may wait: after a restart all listeners come back within a second or two."""

# libuv takes one connect of a listening socket in each turn of the loop. While turns are long, because somebody asks
# for much, 150 were taken a second, the queue of connects was full, and neither visitors nor posters got in. So the
# socket is listened on so many times; a connect that comes alone costs a microsecond more for each.
_ACCEPTS_A_TURN = 8

# What one socket may hold back in the kernel. Left to itself Linux lets it grow to several MB, for each stalled reader.
_SEND_BUFFER_BYTES = 256 * 1024

# How long a Unix socket that is in the way may take to show that a daemon lives behind it.
_PROBE_TIMEOUT_S = 1.0


class HttpServer:
    """uvicorn, started and stopped by its owner: it has no say over signals, sockets or the time a stop may take.

    It may listen on several addresses, each with an application and callbacks of its own, which share one set of
    ``connections``.
    """

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker
        self._state = DatedState()
        self._servers: list[Server] = []
        self._upgraded: set[OpenSocket] = set()

    async def listen(self, listener: socket.socket, app: ASGIApp, callbacks: HttpCallbacks) -> None:
        """Serve on a bound socket.

        Args:
            listener: bound, not yet listening.
            app: answers all requests but those that take their socket.
            callbacks: what the connections of this address share.

        Raises:
            OSError: another one has bound the same address, and listens.
        """
        listener.listen(BACKLOG)  # uvloop would close the socket instead of telling that it cannot
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)  # accepted ones inherit it
        self._upgraded = callbacks.connections
        config = Config(
            HttpMiddleware(app, callbacks.settings, callbacks.origins),
            http=cast(type[asyncio.Protocol], partial(FirstBytes, callbacks)),
            ws=cast(type[asyncio.Protocol], WebSocketConnection),  # never made by uvicorn, see `FirstBytes`
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,  # our own bugs; what clients do wrong is counted by `note`
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
        )
        config.load()
        server = Server(config)
        server.server_state = self._state
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener, *(listener.dup() for _ in range(_ACCEPTS_A_TURN - 1))])
        self._servers.append(server)

    def stop_listening(self) -> None:
        """Close the listening sockets; connections that are open stay."""
        for server in self._servers:
            for listener in server.servers:
                listener.close()

    async def drain(self, deadline: float) -> int:
        """Wait until requests that are under way are answered and sockets have closed; cut off what is left.

        Args:
            deadline: seconds on the ticker's clock.

        Returns:
            How many sockets had to be cut off.
        """
        state = self._state
        for connection in list(state.connections):
            connection.shutdown()
        # Nobody says when uvicorn's set becomes empty, so it is looked at.
        while (state.connections or self._upgraded) and self._ticker.clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        left = [connection.transport for connection in state.connections]
        for transport in left:
            transport.abort()
        cut_off = len(left) + len(self._upgraded)
        for upgraded in list(self._upgraded):
            upgraded.abort()
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
        _keep_alive(listener)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _keep_alive(listener: socket.socket) -> None:
    """Let the system probe peers that are silent (RFC 9293 §3.8.4): those of posters, for one, are never pinged.

    Accepted sockets inherit it. A peer that is gone is noticed within two minutes, not two hours.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):  # macOS has other names; its default is two hours
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


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
        probe.settimeout(_PROBE_TIMEOUT_S)  # a daemon that hangs has its queue of connects full: it is alive
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
