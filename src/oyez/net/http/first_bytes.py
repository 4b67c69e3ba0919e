"""The first to see what comes over a new socket: plain requests for a WebSocket pass, all else goes to the HTTP side.

Knows how most clients write a WebSocket handshake. Must not know HTTP beyond that.

The HTTP side parses every request completely, which takes it a quarter of the time of a connect. After a restart
thousands of listeners connect at once, and they all write their handshake in one segment and in the plainest words.
Only those are read here (`python -m bench.compare --only burst` shows the gain); at the least doubt the HTTP side
decides. What may be a handshake is not even read before it is the turn of whoever sent it (`handshake_turns`).
"""

import asyncio
import re
from functools import partial
from typing import Any, cast

from oyez.access.peer import FarEnd, peer_at
from oyez.access.places import AT_CAPACITY, NoPlace
from oyez.access.shares import Share
from oyez.net.http.callbacks import HttpCallbacks
from oyez.net.http.direct_connection import DirectConnection
from oyez.net.http.handshake_turns import Judged, find_payer, judge_in_turn
from oyez.net.http.takeover import take_websocket
from oyez.net.http.uvicorn_parts import ServerState
from oyez.net.socket import far_end_of
from oyez.wire.authority import is_authority

# RFC 9112 §3 and §5, without anything that two parsers could read in two ways.
_PLAIN_REQUEST = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+: [ -~]*\r\n)+)\r\n")
_HEADER = re.compile(rb"([A-Za-z0-9-]+): ([ -~]*)\r\n")
_WEBSOCKET = b"pgrade: websocket\r\n"
_CONNECTION = (b"upgrade", b"keep-alive, upgrade")
_FORWARDED = re.compile(rb"(?i)\r\nx-forwarded-for:[ \t]*([^\r\n]*)")
_OF_BODY = frozenset((b"content-length", b"transfer-encoding", b"expect"))

# To make room for one socket, so many are judged that wait for their turn; each may be let in, and keep its own.
_MOST_JUDGED = 8


class FirstBytes(asyncio.Protocol):
    """A socket until its first bytes come. It is small, for as long as thousands of them wait.

    Args:
        callbacks: whom to ask.
        of_uvicorn: what uvicorn makes its protocols with; the HTTP side gets it.
    """

    __slots__ = ("_callbacks", "_far_end", "_of_uvicorn", "_share", "_sockets", "tick_slot", "transport")

    def __init__(self, callbacks: HttpCallbacks, **of_uvicorn: Any) -> None:
        self._callbacks = callbacks
        self._of_uvicorn = of_uvicorn
        self._sockets: set[object] = cast("ServerState", of_uvicorn["server_state"]).connections  # type: ignore[assignment]  # ours too
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._far_end: FarEnd | None = None
        self._share: Share | None = None  # of whoever is at the other end
        self.tick_slot = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first bytes, but not for ever."""
        self.transport = cast("asyncio.Transport", transport)
        callbacks = self._callbacks
        self._sockets.add(self)
        callbacks.ticker.set(self, callbacks.ticker.clock() + callbacks.limits.header_timeout_s)
        self._far_end = far_end_of(transport)
        share = callbacks.places.take_socket(self._far_end)
        if isinstance(share, NoPlace):
            self.transport.abort()
            return
        self._share = share
        callbacks.spare.offer(self, share)
        if len(self._sockets) + len(callbacks.connections) > callbacks.max_sockets:
            self._make_room()

    def _make_room(self) -> None:
        """Close the socket that has been without a request for longest, and is not the one that has just come.

        So sockets that say nothing push each other out, and whoever says what he wants is heard.
        """
        for _ in range(_MOST_JUDGED):
            longest = self._callbacks.spare.find_longest() or self
            if longest is self:
                break
            if longest.close_idle():
                return
        who = self._share or peer_at(self._far_end)
        self._callbacks.places.enforcement.count_refusal(AT_CAPACITY, "a socket over the limit", self._share, who)
        self.close_idle()

    def close_idle(self) -> bool:
        """Close: another one needs the room."""
        self._leave()
        self.transport.abort()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the socket: it is gone."""
        self._leave()
        if self._share is not None:
            self._share.sockets -= 1
            self._share = None

    def _leave(self) -> None:
        self._sockets.discard(self)
        self._callbacks.spare.keep(self)
        self._callbacks.ticker.clear(self)

    def data_received(self, data: bytes) -> None:
        """Pass the socket on: what may be a handshake when it is its turn, all else now."""
        self._leave()
        payer = self._find_payer(data)
        if payer is None:
            self._pass_on(data)
        else:
            judge = partial(self._pass_on, data, in_turn=True)
            judge_in_turn(self._callbacks, self.transport, self._share, payer, judge)

    def _find_payer(self, data: bytes) -> Share | None:
        """Find whose turn it takes to read what came; None: nobody's."""
        if _WEBSOCKET not in data or len(data) > self._callbacks.limits.max_header_bytes:
            return None
        if self._share is not None:
            return self._share  # no proxy: what it says of others is not even read
        entries = b",".join(_FORWARDED.findall(data)).decode("latin-1")
        return find_payer(self._callbacks, self._share, entries, lambda: self._far_end)

    def _pass_on(self, data: bytes, *, in_turn: bool = False) -> Judged:
        """Pass the socket on: to a WebSocket if these bytes are a plain request for one, else to the HTTP side."""
        request = _read_plain_request(data) if len(data) <= self._callbacks.limits.max_header_bytes else None
        if request is None:
            http = DirectConnection(self._callbacks, self._share, **self._of_uvicorn)
            http.connection_made(self.transport)
            self.transport.set_protocol(http)
            http.in_turn = in_turn
            http.data_received(data)
            http.in_turn = False
            return http
        return take_websocket(self._callbacks, self.transport, *request, share=self._share, far_end=self._far_end)

    def eof_received(self) -> bool | None:
        """Close when the peer does."""
        return None

    def tick(self, now: float) -> None:
        """Close the socket: nothing came in time."""
        self.transport.close()

    def shutdown(self) -> None:
        """Close the socket: the daemon stops, and no request is under way."""
        self.transport.close()


def _read_plain_request(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """Read a request for a WebSocket that is whole, and put in the plainest words.

    Returns:
        Its target, and its headers with names in lower case; None for anything else, which the HTTP side has to read.
    """
    if _WEBSOCKET not in data or b" \r\n" in data or b":  " in data:  # space around a value would be no part of it
        return None
    request = _PLAIN_REQUEST.fullmatch(data)
    if request is None or b"%" in request[1] or b"#" in request[1]:
        return None
    headers = [(name.lower(), value) for name, value in _HEADER.findall(request[2])]
    values = dict(headers)
    if (
        len(values) < len(headers)  # one of them comes twice
        or not _OF_BODY.isdisjoint(values)
        or values.get(b"upgrade") != b"websocket"
        or values.get(b"connection", b"").lower() not in _CONNECTION
        or not is_authority(values.get(b"host", b""))
    ):
        return None
    return request[1], headers
