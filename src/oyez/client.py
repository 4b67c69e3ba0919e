"""A blocking poster for back ends: `Poster(url, key).post(channel, message)` returns the id of the event.

It must not know the server's side; it speaks plain HTTP, so that a web worker loads nothing more for it.
"""
# ruff: noqa: N818 - the errors are named after what happened, as in `except Unreachable`

import http.client
import json
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import Url, parse_url

from oyez.errors import ConfigError, OyezError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_TIMEOUT_S = 0.5
CALL_TIMEOUT_S = 2.0
_POOL_SIZE = 64  # idle connections kept; more threads than that work too, each call then connecting anew
_MAX_ANSWER_BYTES = 65_536
_SCHEMES = ("http", "https", "ws", "wss")
_UNIX_SCHEME = "http+unix://"
_URL_FORM = "a URL such as http://host:port, https://…, ws://…, wss://… or http+unix:///path/of/the/socket"


class PosterError(OyezError):
    """A call that brought no id.

    Attributes:
        uncertain: True when a post may have left and was not answered, so that the event may have been taken even so.

    """

    def __init__(self, message: str, *, uncertain: bool = False) -> None:
        super().__init__(message)
        self.uncertain = uncertain


class Unreachable(PosterError):
    """Nobody answers at the address, or the connection broke before the answer."""


class TimedOut(PosterError):
    """The time for the call, or for its connect, ran out."""


class BadAnswer(PosterError):
    """What answers is not the daemon: no HTTP, no JSON, or not the JSON that was asked for."""


class Refused(PosterError):
    """The daemon said no.

    Attributes:
        status: the HTTP status.
        code: the daemon's word for the reason, such as ``invalid-channel``; empty when it gave none.
        message: the same for people.

    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message or 'refused'} ({f'{code}, ' if code else ''}HTTP status {status})")
        self.status = status
        self.code = code
        self.message = message


class Unauthorized(Refused):
    """The key is missing or wrong, or back ends may not post from this address."""


class Poster:
    """Posts events to a daemon. Threads may share it, and so may processes forked after it was made.

    A call ends within `timeout_s` of its start: connecting (`CONNECT_TIMEOUT_S` an attempt), sending and receiving all
    draw on that account, however slowly the bytes trickle. Only the system's look-up of a host name cannot be bounded
    from here; where that matters, write an address into the URL.

    What is tried a second time: any call for which no connection could be made, and `last`. Never a post of which a
    byte may have left, not even over a kept connection that turns out dead: the daemon may have taken it before the
    link broke, and an error that says `uncertain` is better than the same event twice. (A kept connection that the
    daemon closed before the call began is noticed and replaced.)

    The path of the URL is put before the paths of the API, for a daemon behind a proxy.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        if not key.isprintable():
            raise ConfigError("key", "***", "printable characters in one line")
        self._target, self._socket_path = parse_target(url)
        credentials = f"Bearer {key}".encode().decode("latin-1")  # http.client writes Latin-1; the daemon reads UTF-8
        self._headers = {"Authorization": credentials, "Content-Type": "application/json"}
        self._timeout_s = timeout_s
        self._pool: tuple[int, urllib3.HTTPConnectionPool] | None = None  # with the process it belongs to

    def post(self, channel: str, message: object) -> int:
        """Post any JSON value to a channel and return the id of the event.

        Raises TypeError or ValueError when the message is not JSON, PosterError when it could not be posted.
        """
        began = time.monotonic()
        return self._call(began, "POST", "/api/publish", _encode({"channel": channel, "message": message}))

    def last(self) -> int:
        """Return the newest id that the daemon has given. Raises PosterError."""
        return self._call(time.monotonic(), "GET", "/api/last", None)

    def close(self) -> None:
        """Close the idle connections. A later call opens new ones."""
        kept, self._pool = self._pool, None
        if kept is not None:
            kept[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, began: float, method: str, path: str, body: bytes | None) -> int:
        _clock.deadline = began + self._timeout_s
        try:
            try:
                return self._exchange(method, path, body)
            except ConnectTimeoutError:  # of which a refused connect is a kind
                return self._exchange(method, path, body)
            except ProtocolError:
                if method != "GET":
                    raise
                return self._exchange(method, path, body)
        except HTTPError as error:
            raise self._explained(error, posting=method == "POST") from error
        finally:
            _clock.deadline = math.inf

    def _exchange(self, method: str, path: str, body: bytes | None) -> int:
        answer = self._connections().urlopen(
            method,
            (self._target.path or "").rstrip("/") + path,
            body,
            self._headers,
            retries=False,  # ours are in _call: urllib3 would log a warning for each
            redirect=False,
            timeout=self._timeout_s,  # for each step; the sum is kept by the sockets
            preload_content=False,
            decode_content=False,
        )
        try:
            content = answer.read(_MAX_ANSWER_BYTES + 1)
        finally:
            answer.close()  # a connection that was read to the answer's end is back in the pool by now
        return _read_id(answer.status, content)

    def _connections(self) -> urllib3.HTTPConnectionPool:
        """Return this process's pool: a forked child that used its parent's sockets would take its parent's answers."""
        process = os.getpid()
        kept = self._pool
        if kept is None or kept[0] != process:  # no lock: it could be held at a fork, and a second pool does no harm
            kept = self._pool = (process, _open_pool(self._target, self._socket_path))
        return kept[1]

    def _explained(self, error: HTTPError, *, posting: bool) -> PosterError:
        where = self._socket_path or f"{self._target.host}:{self._target.port or self._target.scheme}"
        unsent = isinstance(error, ConnectTimeoutError | SSLError)
        uncertain = posting and not unsent
        if isinstance(error, NewConnectionError):
            return Unreachable(f"cannot connect to {where}: {error.__cause__ or error}")
        if isinstance(error, ConnectTimeoutError | ReadTimeoutError) or _is_time_out(error):
            limit = min(CONNECT_TIMEOUT_S, self._timeout_s) if unsent else self._timeout_s
            return TimedOut(f"{where} did not answer within {limit:g} s", uncertain=uncertain)
        if _is_nonsense(error):
            return BadAnswer(f"{where} does not speak HTTP: {error}", uncertain=uncertain)
        return Unreachable(f"the connection to {where} broke: {error}", uncertain=uncertain)


def parse_target(url: str) -> tuple[Url, str]:
    """Split a daemon's URL into an http or https target and the path of a Unix socket, empty when it names none.

    Raises ConfigError.
    """
    if url.startswith(_UNIX_SCHEME):
        path = unquote(url.removeprefix(_UNIX_SCHEME))
        if path.startswith("/"):
            return Url(scheme="http", host="localhost"), path
        raise ConfigError("url", url, _URL_FORM)
    try:
        target = parse_url(url)
    except LocationParseError as error:
        raise ConfigError("url", url, _URL_FORM) from error
    if target.scheme not in _SCHEMES or not target.host:
        raise ConfigError("url", url, _URL_FORM)
    return target._replace(scheme="https" if target.scheme in {"https", "wss"} else "http"), ""


def _encode(value: object) -> bytes:
    def write(*, escaped: bool) -> bytes:
        return json.dumps(value, ensure_ascii=escaped, allow_nan=False, separators=(",", ":")).encode()

    try:
        try:
            return write(escaped=False)
        except UnicodeEncodeError:  # a lone surrogate: legal in JSON, but only as an escape
            return write(escaped=True)
    except RecursionError as error:
        raise ValueError("the message is nested too deeply") from error


def _read_id(status: int, content: bytes) -> int:
    try:
        parsed: object = json.loads(content) if len(content) <= _MAX_ANSWER_BYTES else None
    except (ValueError, RecursionError):
        parsed = None
    answer: dict[str, object] = parsed if isinstance(parsed, dict) else {}
    if status == http.client.OK:
        given = answer.get("id")
        if isinstance(given, int) and not isinstance(given, bool):
            return given
        raise BadAnswer(f"the answer holds no id: {content[:80]!r}", uncertain=True)
    code, message = (str(answer.get(name, "")) for name in ("code", "message"))
    kind = Unauthorized if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN} else Refused
    raise kind(status, code, message or http.client.responses.get(status, ""))


# A time-out of urllib3 starts anew with every read. So the calling thread carries one deadline, which its sockets obey.


class _Clock(threading.local):
    deadline = math.inf


_clock = _Clock()


class _ClockedSocket(socket.socket):
    """Waits in each step no longer than the call of this thread has left."""

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        self._set_clock()
        return super().recv_into(buffer, nbytes or memoryview(buffer).nbytes, flags)

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        self._set_clock()
        return super().send(data, flags)

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        self._set_clock()
        super().sendall(data, flags)

    def _set_clock(self) -> None:
        left = _clock.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time of the call is used up")
        self.settimeout(None if math.isinf(left) else left)


class _ClockedTLSSocket(_ClockedSocket, ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        self._set_clock()
        super().do_handshake(block)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _dial_host(self)


class _TLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _dial_host(self)


def _unix_connection(path: str) -> type[HTTPConnection]:
    class UnixConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _dial(self, [(socket.AF_UNIX, path)])

    return UnixConnection


def _open_pool(target: Url, socket_path: str) -> urllib3.HTTPConnectionPool:
    host, port = target.host or "", target.port
    if target.scheme == "https":
        context = ssl.create_default_context()
        context.sslsocket_class = _ClockedTLSSocket
        secure = urllib3.HTTPSConnectionPool(host, port, maxsize=_POOL_SIZE, ssl_context=context)
        secure.ConnectionCls = _TLSConnection
        return secure
    pool = urllib3.HTTPConnectionPool(host, port, maxsize=_POOL_SIZE)
    pool.ConnectionCls = _unix_connection(socket_path) if socket_path else _Connection
    return pool


def _dial_host(connection: HTTPConnection) -> socket.socket:
    try:
        found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except UnicodeError as error:  # a label longer than DNS allows
        raise NewConnectionError(connection, "no valid host name") from error
    return _dial(connection, ((family, address) for family, _, _, _, address in found))


def _dial(connection: HTTPConnection, addresses: Iterable[tuple[int, object]]) -> socket.socket:
    """Connect to the first address that takes it, within `CONNECT_TIMEOUT_S` for all of them together."""
    deadline = min(time.monotonic() + CONNECT_TIMEOUT_S, _clock.deadline)
    refusal = OSError("the name has no address")
    for family, address in addresses:
        sock = _ClockedSocket(family, socket.SOCK_STREAM)
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
    if isinstance(refusal, TimeoutError):
        raise ConnectTimeoutError(connection, "no connection in time") from refusal
    raise NewConnectionError(connection, str(refusal)) from refusal


def _is_time_out(error: BaseException) -> bool:
    return any(isinstance(link, TimeoutError) for link in (error, error.__cause__, *error.args))


def _is_nonsense(error: BaseException) -> bool:
    """Tell broken HTTP from a connection that merely ended."""
    return any(
        isinstance(link, http.client.HTTPException)
        and not isinstance(link, http.client.RemoteDisconnected | http.client.IncompleteRead)
        for link in (error, *error.args)
    )
