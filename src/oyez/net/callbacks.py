"""What open sockets ask of the rest of the daemon: who uses them, and what all of them share.

Knows interfaces. Must not know who implements them (`server.routes` and the endpoints), nor the sockets that call them:
each kind of socket names beside itself what more it asks of its user (`FrameReceiver`, `StreamReceiver`), and HTTP what
it asks before a socket is anybody's (`http.callbacks`).
"""

from typing import Protocol

from oyez.access.peer import Who
from oyez.limits import LimitSettings
from oyez.net.late_answers import LateAnswers
from oyez.net.paced_refusals import PacedRefusals
from oyez.net.spare_sockets import SpareSockets
from oyez.net.ticker import Ticker
from oyez.net.turns import Turns
from oyez.net.websocket.parser import FrameParser


class OpenSocket(Protocol):
    """A socket that is no longer HTTP's, as the daemon sees it when it stops."""

    def close(self, code: int | None = None) -> None:
        """End it in an orderly way; ``code`` is for protocols that know one."""
        ...

    def leave(self) -> None:
        """End it because the daemon stops."""
        ...

    def abort(self) -> None:
        """Close the socket at once, with what was not sent."""
        ...


class Receiver(Protocol):
    """Who uses a socket, whatever is spoken on it."""

    def drained(self) -> None:
        """The socket takes bytes again, after a write that returned False."""
        ...

    def lost(self) -> None:
        """The connection has ended. Called once, and last."""
        ...


class SocketCallbacks(Protocol):
    """What all open sockets share, and where they report."""

    @property
    def ticker(self) -> Ticker:
        """The clock, and the deadlines of all sockets."""
        ...

    @property
    def turns(self) -> Turns:
        """Who may read now, and who waits for a turn of the loop."""
        ...

    @property
    def late_answers(self) -> LateAnswers:
        """The sockets whose answers wait for the end of this turn of the loop."""
        ...

    @property
    def refusals(self) -> PacedRefusals:
        """When an address that had its share is told so."""
        ...

    @property
    def limits(self) -> LimitSettings:
        """How much a peer may ask for."""
        ...

    @property
    def parsers(self) -> list[FrameParser]:
        """Frame parsers that no connection needs just now."""
        ...

    @property
    def spare(self) -> SpareSockets:
        """Sockets that others may have at need."""
        ...

    @property
    def connections(self) -> set[OpenSocket]:
        """All sockets that are no longer HTTP's. Each enters itself, and takes itself out at its end."""
        ...

    def note(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        """Count what a peer did wrong, and log it now and then, with who it was."""
        ...
