"""What sockets ask of the rest of the daemon.

Knows interfaces. Must not know who implements them.
"""

from typing import TYPE_CHECKING, Protocol

from websockets.protocol import Protocol as FrameProtocol

from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.origins import Origins
from oyez.net.ticker import Ticker

if TYPE_CHECKING:
    from oyez.net.stream import StreamConnection
    from oyez.net.websocket import WebSocketConnection


class OpenSocket(Protocol):
    """A socket that is no longer HTTP's."""

    def close(self, code: int | None = None) -> None:
        """End it in an orderly way; ``code`` is for protocols that know one."""
        ...

    def leave(self) -> None:
        """End it because the daemon stops."""
        ...

    def abort(self) -> None:
        """End it now."""
        ...


class IdleSocket(Protocol):
    """A socket that is kept in case its client asks for more."""

    def close_idle(self) -> None:
        """Close it: another one needs the room."""
        ...


class FrameReceiver(Protocol):
    """What a connection asks of who uses it."""

    @property
    def max_message_bytes(self) -> int:
        """Longest message that the peer may send now; longer ones end the connection with 1009."""
        ...

    def opened(self, connection: "WebSocketConnection") -> None:
        """Begin: the handshake's answer is on its way."""
        ...

    def receive_text(self, data: bytes) -> None:
        """Take a text message, known to be UTF-8."""
        ...

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message."""
        ...

    def drained(self) -> None:
        """The socket takes bytes again, after a write that returned False."""
        ...

    def lost(self) -> None:
        """The connection has ended. Called once, and last."""
        ...

    def leave(self) -> None:
        """End the connection, soon: the daemon stops, and those who were connected will come back to another."""
        ...


class StreamReceiver(Protocol):
    """What an answer without an end asks of who writes it."""

    def opened(self, connection: "StreamConnection") -> None:
        """Begin: the head of the answer is to be written too."""
        ...

    def drained(self) -> None:
        """The socket takes bytes again, after a write that returned False."""
        ...

    def lost(self) -> None:
        """The connection has ended. Called once, and last."""
        ...


class Gate(Protocol):
    """What connections share: who takes them, and what has to be counted."""

    @property
    def ticker(self) -> Ticker:
        """The clock."""
        ...

    @property
    def max_message_bytes(self) -> int:
        """Longest message that any peer may send."""
        ...

    @property
    def parsers(self) -> list[FrameProtocol]:
        """Frame parsers that no connection needs just now."""
        ...

    @property
    def connections(self) -> set[OpenSocket]:
        """All sockets that are no longer HTTP's."""
        ...

    @property
    def origins(self) -> Origins:
        """Whose pages may read what is answered to a request for a socket."""
        ...

    def admit(self, handshake: Handshake) -> "FrameReceiver | Refusal":
        """Choose who takes a new connection."""
        ...

    def note(self, reason: str, detail: str) -> None:
        """Count what a peer did wrong, and log it now and then."""
        ...


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

    @property
    def keep_alive_s(self) -> float:
        """How long clients are told that a connection without a request is kept."""
        ...

    @property
    def idle(self) -> dict[IdleSocket, None]:
        """Connections without a request, the one that has been so for longest first."""
        ...

    def is_stream(self, target: bytes) -> bool:
        """Tell whether a GET of this target has an answer without an end."""
        ...

    def admit_stream(self, request: Handshake) -> "StreamReceiver | Refusal":
        """Choose who writes such an answer."""
        ...
