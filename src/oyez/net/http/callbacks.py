"""What the HTTP side asks of the rest of the daemon: its limits, and who takes a request that wants its whole socket.

Knows interfaces. Must not know who implements them (`server.routes`).
"""

from typing import Protocol

from oyez.access.origins import Origins
from oyez.access.peer import Peers
from oyez.access.places import Places
from oyez.net.callbacks import SocketCallbacks
from oyez.net.http.compression import Compression
from oyez.net.http.direct import DirectDoor
from oyez.net.http.handshake import Handshake, PutOff, Refusal
from oyez.net.http.settings import HttpSettings
from oyez.net.stream import StreamReceiver
from oyez.net.websocket.connection import FrameReceiver


class HttpCallbacks(SocketCallbacks, Protocol):
    """What HTTP connections share, and whom they ask."""

    @property
    def max_sockets(self) -> int:
        """How many sockets may be open, of all kinds."""
        ...

    @property
    def settings(self) -> HttpSettings:
        """How long a connection without a request is kept."""
        ...

    @property
    def places(self) -> Places:
        """Room for sockets, and what each address may have."""
        ...

    @property
    def origins(self) -> Origins:
        """Whose pages may read what is answered to a request for a socket."""
        ...

    @property
    def peers(self) -> Peers:
        """How clients are told apart."""
        ...

    def find_direct(self, method: bytes, target: bytes) -> DirectDoor | None:
        """Find who answers a plain request directly; None: it goes the usual way."""
        ...

    @property
    def compression(self) -> Compression:
        """Which answers are compressed for who likes them so."""
        ...

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Choose who takes a new WebSocket."""
        ...

    def is_stream(self, target: bytes) -> bool:
        """Return whether a GET of this target has an answer without an end."""
        ...

    def admit_stream(self, request: Handshake) -> StreamReceiver | Refusal | PutOff:
        """Choose who writes such an answer."""
        ...
