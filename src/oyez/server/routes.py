"""Who takes which path at one address, and what all sockets of the address share.

Knows paths. Must not know what is behind them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from oyez.access.origins import Origins
from oyez.access.peer import Peers
from oyez.access.places import Places
from oyez.limits import LimitSettings
from oyez.net.callbacks import OpenSocket
from oyez.net.http.compression import Compression
from oyez.net.http.direct import DirectDoor
from oyez.net.http.handshake import Handshake, PutOff, Refusal
from oyez.net.http.settings import HttpSettings
from oyez.net.late_answers import LateAnswers
from oyez.net.paced_refusals import PacedRefusals
from oyez.net.spare_sockets import SpareSockets
from oyez.net.stream import StreamReceiver
from oyez.net.ticker import Ticker
from oyez.net.turns import Turns
from oyez.net.websocket.connection import FrameReceiver
from oyez.net.websocket.parser import FrameParser
from oyez.notes import Notes

Admit = Callable[[Handshake], FrameReceiver | Refusal]
"""Decides on a request for a WebSocket: who receives its frames, or how it is refused."""

AdmitStream = Callable[[Handshake], StreamReceiver | Refusal | PutOff]
"""The same for a request that is answered by a stream."""

_NOT_HERE = Refusal(404, "Not Found", b'{"code":"not-found","message":"No WebSocket is served here"}')


@dataclass(slots=True)
class Routes:
    """The routes of one address. Those of several may share all from ``turns`` to ``spare``.

    Attributes:
        ticker: the clock of all sockets.
        settings: of HTTP.
        limits: how much one client may ask for.
        max_sockets: how many may be open, of all kinds and on all addresses.
        note: counts what peers did wrong.
        places: room for sockets, and what each address may have.
        origins: whose pages may read answers.
        peers: how clients are told apart.
        turns: of the loop, shared over addresses.
        late_answers: sockets whose answers wait for the end of a turn.
        refusals: when an address that had its share is told so; left out: these routes have a pace of their own.
        parsers: frame parsers that no connection needs just now.
        connections: sockets that are no longer HTTP's.
        spare: sockets that others may have at need.
        at: who decides on WebSockets at a path.
        below: who decides on WebSockets at all paths with this beginning.
        elsewhere: who decides on WebSockets at all other paths; None: they are refused.
        streams: who decides on streams at a path.
        direct: who answers plain requests directly, by method and target.
        direct_below: the same, by method and how the target begins.
        compression: which answers are compressed for who likes them so.
    """

    ticker: Ticker
    settings: HttpSettings
    limits: LimitSettings
    max_sockets: int
    note: Notes
    places: Places
    origins: Origins = field(default_factory=Origins)
    peers: Peers = field(default_factory=Peers)
    turns: Turns = field(default_factory=Turns)
    late_answers: LateAnswers = field(default_factory=LateAnswers)
    refusals: PacedRefusals = None  # type: ignore[assignment]  # made below
    parsers: list[FrameParser] = field(default_factory=list)
    connections: set[OpenSocket] = field(default_factory=set)
    spare: SpareSockets = field(default_factory=SpareSockets)
    at: dict[str, Admit] = field(default_factory=dict)
    below: dict[str, Admit] = field(default_factory=dict)
    elsewhere: Admit | None = None
    streams: dict[str, AdmitStream] = field(default_factory=dict)
    direct: dict[tuple[bytes, bytes], DirectDoor] = field(default_factory=dict)
    direct_below: dict[bytes, dict[bytes, DirectDoor]] = field(default_factory=dict)
    compression: Compression = field(default_factory=Compression)

    def __post_init__(self) -> None:
        self.refusals = self.refusals or PacedRefusals(self.turns, self.ticker)

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Have whoever is at the handshake's path decide on it."""
        path = handshake.path
        admit = self.at.get(path.rstrip("/") or "/")
        if admit is None:
            admit = next((admit for prefix, admit in self.below.items() if path.startswith(prefix)), self.elsewhere)
        if admit is None:
            self.note("bad-handshake", "a WebSocket where there is none", self.peers.of_handshake_at_need(handshake))
            return _NOT_HERE
        return admit(handshake)

    def find_direct(self, method: bytes, target: bytes) -> DirectDoor | None:
        """Find who answers a plain request directly; None: it goes the usual way."""
        door = self.direct.get((method, target))
        if door is not None:
            return door
        below = self.direct_below.get(method, {})
        return next((door for beginning, door in below.items() if target.startswith(beginning)), None)

    def is_stream(self, target: bytes) -> bool:
        """Return whether a GET of this target has an answer without an end."""
        return bool(self.streams) and target.partition(b"?")[0].decode("latin-1") in self.streams

    def admit_stream(self, request: Handshake) -> StreamReceiver | Refusal | PutOff:
        """Have whoever is at the request's path decide on it; there is somebody where `is_stream` says so."""
        return self.streams[request.path](request)
