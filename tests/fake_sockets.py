"""Stand-ins for what connections lean on: an event loop that waits to be turned, a socket, and who uses it."""

import asyncio
from collections.abc import Callable

from oyez.access.origins import Origins
from oyez.access.peer import Peers, Who
from oyez.access.places import unlimited
from oyez.limits import LimitSettings
from oyez.net.callbacks import OpenSocket
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.late_answers import LateAnswers
from oyez.net.paced_refusals import PacedRefusals
from oyez.net.spare_sockets import SpareSockets
from oyez.net.ticker import Ticker
from oyez.net.turns import Turns
from oyez.net.websocket.connection import FrameReceiver
from oyez.net.websocket.parser import FrameParser
from tests.fakes import Clock


class Timer:
    """What `Loop` has planned."""

    def __init__(self, loop: "Loop", planned: tuple[float, Callable[[], object]]) -> None:
        self._loop = loop
        self._planned = planned

    def cancel(self) -> None:
        if self._planned in self._loop.later:
            self._loop.later.remove(self._planned)


class Loop:
    """An event loop of which nothing runs by itself."""

    def __init__(self, monkeypatch_loop: Callable[[str, object], None]) -> None:
        self.ready: list[Callable[[], object]] = []
        self.later: list[tuple[float, Callable[[], object]]] = []
        monkeypatch_loop("asyncio.get_running_loop", lambda: self)

    def call_soon(self, function: Callable[[], object]) -> asyncio.Handle | None:
        self.ready.append(function)
        return None

    def call_later(self, delay: float, function: Callable[[], object]) -> Timer:
        self.later.append((delay, function))
        return Timer(self, (delay, function))

    def run(self) -> None:
        """Call what is ready, until nothing is."""
        while self.ready:
            self.ready.pop(0)()


class Socket(asyncio.Transport):
    """A transport that keeps what is written to it. It calls itself encrypted, so that nobody goes past it."""

    def __init__(self) -> None:
        super().__init__({"sslcontext": True})
        self.written = b""
        self.writes = 0
        self.reading = True
        self.ended = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Whoever takes the socket over is called by the test."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True


class Messages:
    """A receiver of frames that keeps the messages."""

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self.got: list[str | bytes] = []
        self.drains = 0
        self.losses = 0

    def opened(self, connection: object) -> None:
        """Nothing to say."""

    def receive_text(self, data: bytes) -> None:
        self.got.append(data.decode())

    def receive_binary(self, data: bytes) -> None:
        self.got.append(data)

    def drained(self) -> None:
        self.drains += 1

    def lost(self) -> None:
        self.losses += 1

    def leave(self) -> None:
        """Nobody stops here."""


class Callbacks:
    """What connections share, with one receiver for each that comes."""

    limits = LimitSettings()

    def __init__(self, max_message_bytes: int = 10_000) -> None:
        self.ticker = Ticker(clock=Clock())
        self.parsers: list[FrameParser] = []
        self.origins = Origins()
        self.places = unlimited(self.ticker.clock, self.note)
        self.peers = Peers()
        self.turns = Turns(self.ticker.clock)
        self.late_answers = LateAnswers()
        self.refusals = PacedRefusals(self.turns, self.ticker)
        self.connections: set[OpenSocket] = set()
        self.spare = SpareSockets()
        self.notes: list[str] = []
        self.receivers: list[Messages] = []
        self._receiver_bytes = max_message_bytes

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        self.receivers.append(Messages(self._receiver_bytes))
        return self.receivers[-1]

    def note(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        self.notes.append(reason)
