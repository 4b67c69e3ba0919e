"""A daemon's side of new sockets, with room for two: what `FirstBytes` and who takes over from it share."""

import asyncio
import socket

from oyez.access.ip_addresses import parse_networks
from oyez.access.peer import Peers
from oyez.access.shares import Share
from oyez.limits import LimitSettings
from oyez.net.http.first_bytes import FirstBytes
from oyez.net.http.handshake import Handshake, PutOff, Refusal
from oyez.net.http.settings import HttpSettings
from oyez.net.ticker import Ticker
from oyez.net.websocket.connection import FrameReceiver
from tests.fake_sockets import Callbacks, Socket
from tests.fakes import Clock, places_with

HANDSHAKE = (
    b"GET /event/ HTTP/1.1\r\nHost: judge.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
STREAM = b"/sse"
"""Where a stream is, of which nobody gets any."""
BUSY_S = 0.001
"""Longer than anybody's slice of a turn, and not as long as a turn."""


def handshake_of(visitor: str) -> bytes:
    """Write a handshake as a proxy passes it on."""
    return HANDSHAKE.replace(b"Upgrade: websocket", b"X-Forwarded-For: %b\r\nUpgrade: websocket" % visitor.encode())


class ServerState:
    """What of uvicorn's state a socket enters itself in."""

    def __init__(self) -> None:
        self.connections: set[object] = set()


class SocketFrom(Socket):
    """A socket whose other end is known: somebody far away, or the proxy of this machine.

    Attributes:
        protocol: who has it.
        real: a socket of the system that stands for it.
    """

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host
        self.protocol: asyncio.BaseProtocol | None = None
        self.real: socket.socket | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str, default: object = None) -> object:
        known = {"peername": (self.host, 40_312), "socket": self.real}
        return known.get(name) or super().get_extra_info(name, default)


class Side(Callbacks):
    """What sockets share, with room for two of them."""

    max_sockets = 2
    settings = HttpSettings()

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.ticker = Ticker(clock=self.clock)
        self.state = ServerState()
        self.of_uvicorn: dict[str, object] = {"server_state": self.state}

    def connect(self, transport: Socket | None = None) -> tuple[FirstBytes, Socket]:
        transport = transport or Socket()
        first = FirstBytes(self, **self.of_uvicorn)  # type: ignore[arg-type]
        first.connection_made(transport)
        return first, transport


class BusySide(Side):
    """One with a proxy on this machine, and a share for each address; whoever is busy has no time left in this turn.

    Attributes:
        refusal: of all WebSockets; None: they are let in.
    """

    def __init__(self, *busy: str, max_sockets: int = 99, **limits: int) -> None:
        super().__init__()
        self.max_sockets = max_sockets
        self.places = places_with(LimitSettings(**limits), self.clock)  # type: ignore[arg-type]
        self.peers = Peers(parse_networks(("127.0.0.1",)))
        self.refusal: Refusal | None = None
        for host in busy:
            self.turns.count(self.share(host), BUSY_S)

    def share(self, host: str) -> Share:
        share = self.places.shares.of_host(host)
        assert share is not None
        return share

    def shake_hands(self, host: str, data: bytes = HANDSHAKE) -> SocketFrom:
        """Have a handshake come on a new socket."""
        new = SocketFrom(host)
        self.connect(new)[0].data_received(data)
        return new

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        return self.refusal or super().admit(handshake)

    def is_stream(self, target: bytes) -> bool:
        return target == STREAM

    def admit_stream(self, request: Handshake) -> PutOff:
        return PutOff(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", None)

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits for anything."""
        return not (self.connections or self.state.connections or len(self.spare))
