"""The same bytes to a daemon that answers plain requests directly, and to one that answers none so."""

import asyncio
import gzip
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from uvicorn.config import Config
from uvicorn.server import ServerState

from oyez.access.settings import KeySettings
from oyez.config.tree import Settings
from oyez.hub.broker import Settle
from oyez.hub.publication import Channel, EventId, Post
from oyez.net.http.direct import AnswerBody, DirectDoor, DirectRequest
from oyez.net.http.direct_connection import DirectConnection
from oyez.net.http.middleware import HttpMiddleware
from oyez.net.http.settings import HttpSettings
from oyez.server.assembly import Assembly
from tests.fake_sockets import Socket
from tests.fakes import Clock

KEY = "right-key"
ONE = b'{"channel":"a","message":{"type":"update"}}'
SETTINGS = Settings(
    key=KEY,
    broker="memory://",
    keys=(
        KeySettings(name="some", key="some-key", may_post=("a*",)),
        KeySettings(name="far", key="far-key", from_=("10.0.0.9",)),
    ),
)
LOOPBACK = ("127.0.0.1", 40_000)

_IS_OLDEST = version("uvicorn").startswith("0.50.")  # that is supported: see `_as_of_the_newest_uvicorn`

_DATE = [(b"date", b"Fri, 27 Nov 2026 12:00:00 GMT")]


class Outcome(NamedTuple):
    """What came of some bytes, as far as anybody outside can tell."""

    answers: tuple[tuple[str, ...], ...]
    """Of each answer the status line, the header lines in the order of the alphabet, and the body."""
    closed: bool
    refusals: dict[str, int]
    posts: dict[str, int]
    channels: tuple[str, ...]


class CountedDoor:
    """A door that counts what is answered directly."""

    def __init__(self, door: DirectDoor) -> None:
        self._door = door
        self.judged = self.taken = 0

    @property
    def max_bytes(self) -> int:
        return self._door.max_bytes

    @property
    def patience_s(self) -> float:
        return self._door.patience_s

    def judge(self, request: DirectRequest) -> AnswerBody | None:
        answer = self._door.judge(request)
        self.judged += 1
        return None if answer is None else lambda body, respond: self._count(answer(body, respond))

    def _count(self, is_taken: bool) -> bool:
        self.taken += is_taken
        return is_taken


class Road:
    """One daemon without sockets of its own; its events have the ids 1001, 1002 …

    Args:
        direct: whether plain requests are answered directly.
        trusted: whether it is the posters' own address.
        settings: of the daemon.
        hold: whether what is posted waits in the store until `Client.settle`.
    """

    def __init__(
        self, *, direct: bool, trusted: bool = False, settings: Settings = SETTINGS, hold: bool = False
    ) -> None:
        self.assembly = assembly = Assembly(settings, lambda: True, lambda: 0)
        self.doors: list[CountedDoor] = []
        self.held: list[Callable[[], None]] = []
        main = assembly.main_doors()
        self._doors = assembly.post_doors(main, trusted=True) if trusted else main
        routes = self._doors.routes
        if direct:
            below = [door for doors in routes.direct_below.values() for door in doors.values()]
            counted = {door: CountedDoor(door) for door in (*routes.direct.values(), *below)}
            self.doors = list(counted.values())
            routes.direct = {asked: counted[door] for asked, door in routes.direct.items()}
            routes.direct_below = {
                method: {beginning: counted[door] for beginning, door in doors.items()}
                for method, doors in routes.direct_below.items()
            }
        else:
            routes.direct, routes.direct_below = {}, {}
        config = Config(
            HttpMiddleware(self._doors.app, HttpSettings(), assembly.context.origins), lifespan="off", log_config=None
        )
        config.load()
        self.state = ServerState()
        self.state.default_headers = _DATE
        self._of_uvicorn: dict[str, Any] = {"config": config, "server_state": self.state, "app_state": {}}
        broker: Any = assembly.broker
        broker._wall_clock = Clock(1.0)
        broker._last = EventId(1000)
        if hold:
            publish = broker.publish
            broker.publish = lambda posts, settle: self.held.append(lambda: publish(posts, settle))

    @property
    def taken(self) -> int:
        """How many requests were answered directly."""
        return sum(door.taken for door in self.doors)

    async def connect(self, far_end: tuple[str, int] = LOOPBACK) -> "Client":
        """Start the daemon, and connect."""
        await self.assembly.hub.start()
        return Client(self, far_end)

    def break_broker(self, publish: Callable[[Sequence[Post], Settle], None]) -> None:
        """Have another function take what is posted."""
        broker: Any = self.assembly.broker
        broker.publish = publish


class Client:
    """One connection to one of the two."""

    def __init__(self, road: Road, far_end: tuple[str, int]) -> None:
        self.road = road
        self.socket = Socket()
        self.socket.get_extra_info = {"peername": far_end}.get  # type: ignore[method-assign, assignment]
        self.connection = DirectConnection(road._doors.routes, None, **road._of_uvicorn)
        self.connection.connection_made(self.socket)
        self._has_left = self._was_closed = False

    async def send(self, *segments: bytes) -> None:
        """Send segments, each read by itself."""
        for segment in segments:
            if not self.socket.ended:
                self.connection.data_received(segment)
            await self.work()

    async def ask(self, *segments: bytes) -> None:
        """Send segments whose answers may be long in coming."""
        for segment in segments:
            self.connection.data_received(segment)
            await self.turn()

    async def turn(self) -> None:
        """Let the daemon do what it can do without waiting for anything."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def settle(self) -> None:
        """Let what waits in the store be posted."""
        held, self.road.held[:] = self.road.held[:], []
        for post in held:
            post()
        await self.work()

    async def work(self) -> None:
        """Let the daemon do what it can do now: a request that is complete has its answer then, unless it is held."""
        await self.turn()
        if self.road.held:
            return
        if self._has_left and self.road.state.tasks:
            await asyncio.wait(self.road.state.tasks, timeout=10)
        deadline = time.monotonic() + 10
        while self.connection._is_busy and not self._has_left and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody says so
            await asyncio.sleep(0.0005)  # long work is done in slices, with rests

    def leave(self) -> None:
        """Go away, unless the daemon has closed already."""
        if self._has_left:
            return
        self._has_left, self._was_closed = True, self.socket.ended
        if not self.socket.ended:
            self.connection.connection_lost(None)

    def outcome(self) -> Outcome:
        assembly = self.road.assembly
        history = assembly.hub
        found = {name: [event.id for event in history.recent(Channel(name), None)[0]] for name in history.channels()}
        outcome = Outcome(
            tuple(_split_answers(self.socket.written)),
            self._was_closed,
            dict(assembly.notes.counts),
            assembly.check.count_posts(),
            tuple(f"{name}: {ids}" for name, ids in sorted(found.items())),
        )
        return _as_of_the_newest_uvicorn(outcome)


def _split_answers(data: bytes) -> list[tuple[str, ...]]:
    """Take answers apart, so that the order of header lines is of no matter, nor how something was compressed."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        length = re.search(rb"content-length: ([0-9]+)", head.lower())
        size = int(length[1]) if length and b"HTTP/1.1 1" not in head else 0
        body = data[:size]
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
            lines = ["content-length: any" if line.lower().startswith("content-length") else line for line in lines]
        answers.append((status, *_join_lines(lines), body.decode("latin-1")))
        data = data[size:]
    return answers


def _join_lines(lines: Sequence[str]) -> list[str]:
    """Bring lines into the order of the alphabet; several of one name are one list (RFC 9110 §5.3)."""
    joined: dict[str, str] = {}
    for line in lines:
        name, _, value = line.lower().partition(": ")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return [f"{name}: {value}" for name, value in sorted(joined.items())]


def play_on(
    play: Callable[[Client], Awaitable[None]],
    *,
    direct: bool,
    trusted: bool = False,
    hold: bool = False,
    far_end: tuple[str, int] = LOOPBACK,
    settings: Settings = SETTINGS,
) -> tuple[Outcome, int]:
    """Play a scene with one of the two; return how it ends, and how many requests were answered directly."""
    road = Road(direct=direct, trusted=trusted, hold=hold, settings=settings)

    async def run() -> Outcome:
        client = await road.connect(far_end)
        await play(client)
        client.leave()
        await client.work()
        return client.outcome()

    return asyncio.run(run()), road.taken


def _as_of_the_newest_uvicorn(outcome: Outcome) -> Outcome:
    """Where the connection ends, have the last answer say so and nothing of Keep-Alive: the oldest one does not."""
    if not (_IS_OLDEST and outcome.closed and outcome.answers):
        return outcome
    *before, (status, *fields, body) = outcome.answers
    fields = sorted({"connection: close", *(line for line in fields if not line.startswith("keep-alive:"))})
    return outcome._replace(answers=(*before, (status, *fields, body)))


def compare(
    play: Callable[[Client], Awaitable[None]],
    *,
    trusted: bool = False,
    hold: bool = False,
    far_end: tuple[str, int] = LOOPBACK,
    settings: Settings = SETTINGS,
) -> tuple[Outcome, int]:
    """Play a scene with both, and require that it ends in the same way; return what `play_on` does."""
    usual, _ = play_on(play, direct=False, trusted=trusted, hold=hold, far_end=far_end, settings=settings)
    outcome, taken = play_on(play, direct=True, trusted=trusted, hold=hold, far_end=far_end, settings=settings)
    assert outcome == usual
    return outcome, taken


def publish(body: bytes, *lines: str, key: str = KEY) -> bytes:
    head = ["POST /api/publish HTTP/1.1", "Host: judge.example", f"Content-Length: {len(body)}"]
    if key:
        head.append(f"Authorization: Bearer {key}")
    return "".join(f"{line}\r\n" for line in [*head, *lines]).encode() + b"\r\n" + body


def statuses(outcome: Outcome) -> list[int]:
    return [int(answer[0].split()[1]) for answer in outcome.answers]


def bodies(outcome: Outcome) -> list[str]:
    return [answer[-1] for answer in outcome.answers]


def send(*segments: bytes, trusted: bool = False, far_end: tuple[str, int] = ("127.0.0.1", 5)) -> tuple[Outcome, int]:
    async def play(client: Client) -> None:
        await client.send(*segments)

    return compare(play, trusted=trusted, far_end=far_end)
