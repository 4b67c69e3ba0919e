"""Requests that take their whole socket: the answer is written, and a connection of its own goes on with it.

Knows handshakes and whom to ask for a receiver. Must not know frames, records, nor how the request was parsed.
"""

import asyncio
from collections.abc import Callable

from oyez.access.locality import RawHeaders
from oyez.access.peer import FarEnd
from oyez.access.shares import Share
from oyez.access.work import REQUEST
from oyez.net.http.callbacks import HttpCallbacks
from oyez.net.http.handshake import BadHandshake, Handshake, PutOff, Refusal, accept
from oyez.net.socket import SocketConnection
from oyez.net.stream import StreamConnection
from oyez.net.websocket.connection import WebSocketConnection


def take_websocket(
    callbacks: HttpCallbacks,
    transport: asyncio.Transport,
    target: bytes,
    headers: RawHeaders,
    *,
    share: Share | None = None,
    far_end: FarEnd | None = None,
) -> WebSocketConnection:
    """Make a WebSocket of a connection, or refuse and close it.

    Args:
        callbacks: whom to ask.
        transport: the connection; from now on the WebSocket is its protocol.
        target: of the request, in origin form.
        headers: of the request, names in lower case.
        share: where the socket was counted; from now on it is counted as a session.
        far_end: the socket's other end, where that is known: asking the system costs a twentieth of a connect.
    """
    _leave(share)
    connection = WebSocketConnection(callbacks)
    find_far_end = connection.find_far_end if far_end is None else _KnownEnd(far_end)
    handshake = _begin(connection, transport, target, headers, find_far_end)
    cors = callbacks.origins.headers(handshake.first(b"origin"))
    try:
        answer = accept(handshake, cors)
    except BadHandshake as error:
        find_peer = callbacks.peers.of_handshake_at_need(handshake)
        callbacks.note("bad-handshake", str(error), find_peer)
        share = callbacks.places.shares.of_peer(find_peer())
        if share is not None:
            callbacks.places.work.charge_address(share, REQUEST)  # it is closed, and waits with what it asks for next
        _refuse(callbacks, connection, error.answer, None)
        return connection
    receiver = callbacks.admit(handshake)
    if isinstance(receiver, Refusal):
        _refuse(callbacks, connection, receiver.serialize(cors), receiver.share)
    else:
        connection.open(answer, receiver)
    return connection


def take_stream(
    callbacks: HttpCallbacks,
    transport: asyncio.Transport,
    target: bytes,
    headers: RawHeaders,
    *,
    share: Share | None = None,
) -> StreamConnection:
    """Make a stream of a connection, or refuse and close it; the arguments are those of `take_websocket`."""
    _leave(share)
    connection = StreamConnection(callbacks)
    request = _begin(connection, transport, target, headers, connection.find_far_end)
    receiver = callbacks.admit_stream(request)
    if isinstance(receiver, Refusal):
        answer = receiver.serialize(callbacks.origins.headers(request.first(b"origin")))
        _refuse(callbacks, connection, answer, receiver.share)
    elif isinstance(receiver, PutOff):
        _refuse(callbacks, connection, receiver.answer, receiver.share)
    else:
        connection.open(receiver)
    return connection


def _leave(share: Share | None) -> None:
    if share is not None:
        share.sockets -= 1


def _refuse(callbacks: HttpCallbacks, connection: SocketConnection, answer: bytes, share: Share | None) -> None:
    connection.hold_back(answer)
    callbacks.refusals.add(share, connection.refuse_now)


def _begin(
    connection: SocketConnection,
    transport: asyncio.Transport,
    target: bytes,
    headers: RawHeaders,
    find_far_end: Callable[[], FarEnd | None],
) -> Handshake:
    connection.connection_made(transport)
    transport.set_protocol(connection)
    path, _, query = target.decode("latin-1").partition("?")
    return Handshake(path, query, headers, find_far_end)


class _KnownEnd:
    """Returns the other end that was asked for before. Each session keeps one; a `partial` is five times as large."""

    __slots__ = ("_far_end",)

    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end

    def __call__(self) -> FarEnd:
        return self._far_end
