"""Sockets that wait no longer than the calling thread has time, and the connections and pools made of them.

It must not know what is said over them. A time-out of urllib3 starts anew with every read; so a thread carries one
deadline (`until`), which its sockets obey in every step.
"""

import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse

from oyez.client.names import Address, look_up
from oyez.client.target import Target

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_TIMEOUT_S = 0.5
_POOL_SIZE = 64  # idle connections kept; more threads than that work too, each call then connecting anew
_KEEP_ALIVE_TIMEOUT = re.compile(r"\btimeout\s*=\s*([0-9]{1,9})", re.ASCII | re.IGNORECASE)
_KEPT_UNANNOUNCED_S = 5  # the shortest default among servers and proxies: uvicorn's, Node's, Apache's
_LONGEST_KEPT_S = 3600


class _ThreadDeadline(threading.local):
    deadline = math.inf


_this_thread = _ThreadDeadline()


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Let no socket of this thread wait beyond `deadline` (of `time.monotonic`); it then raises TimeoutError."""
    _this_thread.deadline = deadline
    try:
        yield
    finally:
        _this_thread.deadline = math.inf


class _ClockedSocket(socket.socket):
    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        self._set_clock()
        return super().recv_into(buffer, nbytes or memoryview(buffer).nbytes, flags)

    def send(self, data: "ReadableBuffer", flags: int = 0, **more: Any) -> int:  # gevent's `sendall` names a time-out
        self._set_clock()
        return super().send(data, flags, **more)

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        self._set_clock()
        super().sendall(data, flags)

    def _set_clock(self) -> None:
        left = _this_thread.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time of the call is used up")
        self.settimeout(None if math.isinf(left) else left)


class _ClockedTLSSocket(_ClockedSocket, ssl.SSLSocket):
    def do_handshake(self, *block: bool) -> None:  # gevent's takes none
        self._set_clock()
        super().do_handshake(*block)


class _PoolConnection(HTTPConnection):
    """A connection that is taken from the pool only as long as its server surely keeps it."""

    _kept_until = math.inf

    def _new_conn(self) -> socket.socket:
        return _dial_host(self)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        answer = super().getresponse()
        self._kept_until = time.monotonic() + idle_time_s(answer.headers.get("Keep-Alive", ""))
        return answer

    @property
    def is_connected(self) -> bool:
        """Whether another request may go over it, which is what the pool asks."""
        return super().is_connected and time.monotonic() < self._kept_until


class _TLSConnection(_PoolConnection, HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLError as error:  # told from one that comes when a request may have left
            raise NewConnectionError(self, str(error)) from error


def idle_time_s(keep_alive: str) -> float:
    """Return for how long an idle connection may be used, by the header in which the server says how long it keeps it.

    A request that sets out as the server gives up is lost. So a fifth of the time is left for the way there and back.
    """
    found = _KEEP_ALIVE_TIMEOUT.search(keep_alive)
    return 0.8 * (min(int(found[1]), _LONGEST_KEPT_S) if found else _KEPT_UNANNOUNCED_S)


def _unix_connection(path: str) -> type[HTTPConnection]:
    class UnixConnection(_PoolConnection):
        def _new_conn(self) -> socket.socket:
            return _dial(self, [(socket.AF_UNIX, path)], _deadline(self))

    return UnixConnection


def open_pool(target: Target) -> urllib3.HTTPConnectionPool:
    """Make a pool of connections, none of them made yet. Their connect time-out is that of each request."""
    host, port = target.url.host or "", target.url.port
    if target.is_secure:
        secure = urllib3.HTTPSConnectionPool(host, port, maxsize=_POOL_SIZE, ssl_context=_tls())
        secure.ConnectionCls = _TLSConnection
        return secure
    pool = urllib3.HTTPConnectionPool(host, port, maxsize=_POOL_SIZE)
    pool.ConnectionCls = _plain_connection(target)
    return pool


def connect(target: Target, timeout_s: float) -> tuple[HTTPConnection, socket.socket]:
    """Make a single connection; of the time, `timeout_s` is for the connect, the TLS handshake draws on `until` only.

    Raises HTTPError of urllib3, or OSError.
    """
    host, port = target.url.host or "", target.url.port
    if target.is_secure:
        connection: HTTPConnection = _TLSConnection(host, port, timeout=timeout_s, ssl_context=_tls())
    else:
        connection = _plain_connection(target)(host, port, timeout=timeout_s)
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection, cast("socket.socket", connection.sock)


def cut(sock: socket.socket) -> None:
    """End a connection from any thread: one that waits in it wakes up at once and finds its end.

    Below TLS, whose own `shutdown` must not be called while another thread reads. What eventlet puts in the place of a
    plain socket is none, and has the method in each object.
    """
    with suppress(OSError):
        if isinstance(sock, socket.SocketType):
            socket.SocketType.shutdown(sock, socket.SHUT_RDWR)
        else:
            sock.shutdown(socket.SHUT_RDWR)


def dial_first(
    addresses: Iterable[Address], deadline: float, make: Callable[[int, int], socket.socket] = socket.socket
) -> socket.socket:
    """Connect to the first address that takes it, by the deadline for all of them together.

    Args:
        addresses: to try, in this order.
        deadline: of `time.monotonic`.
        make: makes the socket of a family and a kind.

    Raises OSError: why the last one did not take it.
    """
    refusal = OSError("the name has no address")
    for family, address in addresses:
        sock = make(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))  # 0 would mean "do not wait"
            sock.connect(address)  # type: ignore[arg-type]  # as getaddrinfo gave it
        except OSError as error:
            sock.close()
            refusal = error
        else:
            if family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise refusal


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.sslsocket_class = _ClockedTLSSocket
    return context


def _plain_connection(target: Target) -> type[HTTPConnection]:
    return _unix_connection(target.socket_path) if target.socket_path else _PoolConnection


def _dial_host(connection: HTTPConnection) -> socket.socket:
    deadline = _deadline(connection)
    try:
        found = look_up(connection.host, connection.port, deadline)
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, str(error)) from error
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except UnicodeError as error:  # a label longer than DNS allows
        raise NewConnectionError(connection, "no valid host name") from error
    return _dial(connection, found, deadline)


def _deadline(connection: HTTPConnection) -> float:
    """Find until when a connection has to be made: its own time-out, and the thread's deadline."""
    return min(time.monotonic() + (connection.timeout or math.inf), _this_thread.deadline)


def _dial(connection: HTTPConnection, addresses: Iterable[Address], deadline: float) -> socket.socket:
    try:
        return dial_first(addresses, deadline, _ClockedSocket)
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "no connection in time") from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error
