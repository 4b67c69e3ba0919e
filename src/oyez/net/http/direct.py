"""Plain requests that are answered as soon as they are complete: no task, no ASGI, one write.

Knows what such a request and its answer are made of. Must not know who answers, nor what is asked.

Whoever answers directly may decline, at the head of a request or when its body is there: then it goes the usual way, as
if nothing had been. So each rule stands in one place, and what is seldom is told there.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple, Protocol

from oyez.access.peer import Peer


class Respond(Protocol):
    """The way of an answer back to one request."""

    def __call__(self, status: int, lines: bytes, body: bytes, *, compress: bool = False) -> None:
        """Write the whole answer; whoever has gone away, or was answered already, gets none.

        Args:
            status: such as 200.
            lines: of the head, ``name: value`` and a line break each; that of the length is added.
            body: as it is.
            compress: whether it is compressed if it is long.
        """
        ...

    @property
    def is_due(self) -> bool:
        """Whether the client is there, and waits."""
        ...

    def watch(self, gone: Callable[[], None]) -> None:
        """Have a function called if the client goes away before it is answered."""
        ...


AnswerBody = Callable[[bytes, Respond], bool]
"""Answers a request by its body: now, or later. False: it has done nothing, and the request is to go the usual way.

It is called for each request of a connection that has the same head, but for its length."""


SHORT_PATIENCE_S = 0.25
"""Nearly all clients send a body right behind the head, in a segment of its own."""

INTERNAL_ERROR = (500, b"content-type: text/plain; charset=utf-8\r\n", b"Internal Server Error")
"""What is answered after an error of ours; the connection ends with it."""


class DirectRequest(NamedTuple):
    """The head of a plain request.

    Attributes:
        target: what is asked for, in origin form and as it is on the wire.
        fields: its headers, names in lower case; each comes once.
        peer: who asks.
        wants_gzip: whether a long answer would be compressed.
    """

    target: bytes
    fields: Mapping[bytes, bytes]
    peer: Peer
    wants_gzip: bool

    def text(self, name: bytes) -> str | None:
        """Return a header as text; None: it was not sent."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")


class DirectDoor(Protocol):
    """Who answers a method at a path directly."""

    @property
    def max_bytes(self) -> int:
        """The longest body that is read in one go."""
        ...

    @property
    def patience_s(self) -> float:
        """How long a body may be under way until its request goes the usual way.

        If that is all the time that a body has, the usual way says that it is over, and hears of no client that goes.
        """
        ...

    def judge(self, request: DirectRequest) -> AnswerBody | None:
        """Decide by the head alone; None: the request is to go the usual way, which decides on whatever is in doubt."""
        ...


def write_lines(fields: Mapping[str, str]) -> bytes:
    """Return header fields as `Respond` takes them."""
    return "".join([f"{name.lower()}: {value}\r\n" for name, value in fields.items()]).encode("latin-1")


def write_head(status: int, common_lines: bytes, lines: bytes, length: int) -> bytes:
    """Return the head of an answer with a body of so many bytes; both kinds of lines are as `Respond` takes them."""
    return b"HTTP/1.1 %b\r\n%b%bcontent-length: %d\r\n\r\n" % (_STATUS_LINES[status], common_lines, lines, length)


_STATUS_LINES = {status.value: b"%d %b" % (status.value, status.phrase.encode()) for status in HTTPStatus}
