"""The way in from one address: the clock and limits that all its sockets share, and who takes which path.

Knows paths. Must not know what is behind them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from websockets.protocol import Protocol as FrameProtocol

from oyez.access.origins import Origins
from oyez.limits import LimitSettings
from oyez.net.callbacks import OpenSocket
from oyez.net.http.callbacks import IdleSocket
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.http.settings import HttpSettings
from oyez.net.stream import StreamReceiver
from oyez.net.ticker import Ticker
from oyez.net.websocket.connection import FrameReceiver
from oyez.notes import Notes

Judge = Callable[[Handshake], FrameReceiver | Refusal]
JudgeStream = Callable[[Handshake], StreamReceiver | Refusal]

_NOT_HERE = Refusal(404, "Not Found", b'{"code":"not-found","message":"No WebSocket is served here"}')


@dataclass(slots=True)
class Routes:
    """One address. Several may share their ``parsers``, ``connections`` and ``idle``.

    ``at``: judges of WebSockets by their path; ``below``: by its beginning; ``elsewhere``: of all other paths.
    ``streams``: judges of answers without an end. ``idle``: connections that wait for another request.
    """

    ticker: Ticker
    settings: HttpSettings
    limits: LimitSettings
    max_sockets: int
    note: Notes
    origins: Origins = field(default_factory=Origins)
    parsers: list[FrameProtocol] = field(default_factory=list)
    connections: set[OpenSocket] = field(default_factory=set)
    idle: dict[IdleSocket, None] = field(default_factory=dict)
    at: dict[str, Judge] = field(default_factory=dict)
    below: dict[str, Judge] = field(default_factory=dict)
    elsewhere: Judge | None = None
    streams: dict[str, JudgeStream] = field(default_factory=dict)

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Ask the judge of the handshake's path."""
        path = handshake.path
        judge = self.at.get(path.rstrip("/") or "/")
        if judge is None:
            judge = next((judge for prefix, judge in self.below.items() if path.startswith(prefix)), self.elsewhere)
        if judge is None:
            self.note("bad-handshake", "a WebSocket where there is none")
            return _NOT_HERE
        return judge(handshake)

    def is_stream(self, target: bytes) -> bool:
        """Tell whether a GET of this target has an answer without an end."""
        return bool(self.streams) and target.partition(b"?")[0].decode("latin-1") in self.streams

    def admit_stream(self, request: Handshake) -> StreamReceiver | Refusal:
        """Ask the judge of the request's path."""
        return self.streams[request.path](request)
