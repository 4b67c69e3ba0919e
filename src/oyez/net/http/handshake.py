"""The request that asks for a WebSocket, and the answer to it.

Knows RFC 6455's opening handshake (§4.2). Must not know who takes the connection, nor that there is one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from oyez.access.peer import FarEnd
from oyez.access.shares import Share
from oyez.errors import ProtocolError
from oyez.net.websocket.parser import quiet_logger
from oyez.wire.http_fields import read_subprotocols

# Judging a handshake needs no state of its own, so one judge serves all connections.
_judge = ServerProtocol(logger=quiet_logger)

_ACCEPTED = (
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: %s\r\n"
    "%s%s\r\n"
)

_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")  # RFC 6455 §4.1: 16 bytes in base64


class Handshake:
    """A request that asks for its whole socket: for a WebSocket, or for an answer without an end.

    Attributes:
        path: of its target, as it came, percent signs and all.
        query: behind the question mark, without it.
        headers: names in lower case, values as bytes.
        find_far_end: asks the system for the socket's other end.
        found: the first value of each header.
    """

    __slots__ = ("find_far_end", "found", "headers", "path", "query")

    def __init__(
        self, path: str, query: str, headers: Sequence[tuple[bytes, bytes]], find_far_end: Callable[[], FarEnd | None]
    ) -> None:
        self.path = path
        self.query = query
        self.headers = headers
        self.find_far_end = find_far_end
        self.found = dict(reversed(headers))

    def all(self, name: bytes) -> list[str]:
        """Return every value of a header, named in lower case; one that is a list is not taken apart."""
        if name not in self.found:
            return []
        return [value.decode("latin-1") for key, value in self.headers if key == name]

    def first(self, name: bytes) -> str | None:
        """Return the first value of a header, named in lower case; None: it is not there."""
        value = self.found.get(name)
        return None if value is None else value.decode("latin-1")


class Refusal(NamedTuple):
    """The answer to a request that does not get its socket.

    Attributes:
        status: of HTTP.
        reason: the phrase behind it.
        body: JSON, as bytes: ``{"code": "not-found", "message": "No WebSocket is served here"}``.
        retry_after_s: how long the client should stay away.
        share: of the address whose refusals are paced, if this is one of them.
    """

    status: int
    reason: str
    body: bytes
    retry_after_s: int | None = None
    share: Share | None = None

    def serialize(self, cors: Mapping[str, str]) -> bytes:
        """Return the whole response as bytes; ``cors`` are the headers that let the page that asks read it."""
        fields = {
            "Content-Type": "application/json",
            **({} if self.retry_after_s is None else {"Retry-After": self.retry_after_s}),
            "Content-Length": len(self.body),
            "Connection": "close",
            **cors,
        }
        lines = "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
        return f"HTTP/1.1 {self.status} {self.reason}\r\n{lines}\r\n".encode("latin-1") + self.body


class PutOff(NamedTuple):
    """The whole answer to a request that does not get its socket, ready as bytes, and whose refusal it is."""

    answer: bytes
    share: Share | None


class BadHandshake(Exception):  # noqa: N818 - an answer to give, not a failure of ours
    """The request does not ask for a WebSocket as it should; ``answer`` are the bytes that say so."""

    def __init__(self, detail: str, answer: bytes) -> None:
        super().__init__(detail)
        self.answer = answer


def accept(handshake: Handshake, cors: Mapping[str, str]) -> bytes:
    """Return the response with status 101 that accepts a handshake (RFC 6455 §4.2.2), as bytes.

    Args:
        handshake: a GET; its method and version of HTTP were checked before.
        cors: headers for the page that asks.

    Raises:
        BadHandshake: it breaks RFC 6455 §4.2.1.
    """
    key = _plain_key(handshake)
    accepted = _judge_words(handshake, cors) if key is None else accept_key(key)
    lines = "".join([f"{name}: {value}\r\n" for name, value in cors.items()])
    return (_ACCEPTED % (accepted, _choose_subprotocol(handshake, cors), lines)).encode()


def _judge_words(handshake: Handshake, cors: Mapping[str, str]) -> str:
    """Let the library judge, and return the value of Sec-WebSocket-Accept.

    It is shown neither what else the client would upgrade to, of which it allows nothing, nor the subprotocols, which
    are chosen here.
    """
    headers = Headers()
    for name, value in handshake.headers:
        if name not in (b"upgrade", b"sec-websocket-protocol"):
            headers[name.decode("latin-1")] = value.decode("latin-1")
    headers["Upgrade"] = "websocket"
    request = Request(handshake.path, headers)
    try:
        accepted, _, _ = _judge.process_request(request)
    except InvalidHandshake as error:
        raise BadHandshake(str(error), _serialize(_judge.accept(request), cors)) from error
    return accepted


def _choose_subprotocol(handshake: Handshake, cors: Mapping[str, str]) -> str:
    """Return the header line for the subprotocol that the client wants most, or nothing.

    They all mean the same here, but a browser that has named some fails the connection if none comes back (WebSockets
    Standard, "establish a WebSocket connection").
    """
    lines = handshake.all(b"sec-websocket-protocol")
    if not lines:
        return ""
    try:
        offered = read_subprotocols(*lines)
    except ProtocolError as error:
        refusal = Refusal(400, "Bad Request", b'{"code":"bad-request","message":"%b"}' % str(error).encode())
        raise BadHandshake(str(error), refusal.serialize(cors)) from error
    return f"Sec-WebSocket-Protocol: {offered[0]}\r\n" if offered else ""


def _plain_key(handshake: Handshake) -> str | None:
    """Return the key of a handshake that is put in the usual words; None: let the library judge.

    The library reads all that the grammar allows, which is an eighth of what a connect costs.
    """
    found = handshake.found
    key = found.get(b"sec-websocket-key", b"")
    plain = (
        len(found) == len(handshake.headers)  # none of them comes twice
        and found.get(b"upgrade", b"").lower() == b"websocket"
        and found.get(b"connection", b"").lower() == b"upgrade"
        and found.get(b"sec-websocket-version") == b"13"
        and _KEY.fullmatch(key)
    )
    return key.decode("ascii") if plain else None


def _serialize(response: Response, cors: Mapping[str, str]) -> bytes:
    response.headers.update(cors)
    return response.serialize()
