"""All parts of a run, put together: the daemon on its disk, the networks in front of it, posters, listeners.

Knows how many of each there are and how they are connected. Must not know when anything goes wrong.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import aiohttp

from tests.daemon import KEY
from tests.faults.checker import Record, Verdicts
from tests.faults.clients import JAVASCRIPT, PYTHON, ClientListener, open_javascript, open_python, start_node
from tests.faults.doors import DOORS, SocketIOUpgrade
from tests.faults.ledger import HEAVY, Ledger, Mark, Outcome, Post
from tests.faults.listeners import ENDS, LINK, PING_INTERVAL_S, PING_TIMEOUT_S, Listener
from tests.faults.posters import POSTERS, AmqpPoster, BatchPoster, Poster
from tests.faults.process import DaemonProcess
from tests.faults.report import Figures
from tests.faults.rules import RULES
from tests.faults.store import Store
from tests.inbox import PATIENCE_S
from tests.proxy import Proxy

DRAIN_DEADLINE_S = 2.0
KEPT_EVENTS = 500
_KEPT_IN_ALL = 60_000
_STALLED_BUFFER = 4096

_Poster = TypeVar("_Poster", bound=Poster)

POSTED = [f"ch-{number}" for number in range(10)] + ["kanał/ż", HEAVY]
_BUSY = POSTED[:-1]

SETTINGS = {
    "drain_deadline_s": DRAIN_DEADLINE_S,
    "post_listener.host": "",
    "poll_listener.host": "",
    "socketio.ping_interval_s": PING_INTERVAL_S,
    "socketio.ping_timeout_s": PING_TIMEOUT_S,
    "websocket.ping_interval_s": PING_INTERVAL_S,
    "websocket.ping_timeout_s": PING_TIMEOUT_S,
    "http.long_poll_timeout_s": PING_INTERVAL_S,
    "http.stream_heartbeat_s": PING_INTERVAL_S,
    "history.size": KEPT_EVENTS,
    "history.ttl_s": 86_400,  # clocks go back and forth: what is dropped by age is not what is looked at here
    "history.max_channels": 100_000,
    "limits.auth_failures_per_minute": 100_000,
    "channels": RULES,
}
SQLITE_SETTINGS = {"sqlite.max_events": _KEPT_IN_ALL, "sqlite.max_age_s": 30 * 86_400}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much there is of everything.

    Attributes:
        each: listeners of the harness for each door and each network.
        dripping: doors to which a listener is connected byte by byte.
        stallers: listeners that can stall, for each door that has a socket of its own.
        clients: whether real clients listen too.
        herd: listeners of the great restart; 0: there is none.
        fresh: listeners for each door that name old ids at the end.
        disk_mb: size of the disk under the store.
        pause_s: mean time between two bursts of a poster.
        pace: above 1 leaves less time between faults, and makes them shorter.
    """

    each: int
    dripping: int
    stallers: int
    clients: bool
    herd: int
    fresh: int
    disk_mb: int
    pause_s: float
    pace: float


@dataclass(slots=True)
class World:
    """One run's parts; `open` makes them, and `stack` ends them."""

    folder: Path
    broker: str
    seed: int
    scale: Scale
    verdicts: Verdicts
    random: Random
    stack: AsyncExitStack
    listeners: list[Listener | ClientListener] = field(default_factory=list)
    stallers: list[Listener] = field(default_factory=list)
    posters: list[Poster] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)
    store: Store = field(init=False)
    ledger: Ledger = field(init=False)
    daemon: DaemonProcess = field(init=False)
    network: Proxy = field(init=False)
    drip: Proxy = field(init=False)
    session: aiohttp.ClientSession = field(init=False)
    narrow: aiohttp.ClientSession = field(init=False)

    async def open(self) -> None:
        """Start the daemon, and make the networks in front of it."""
        self.store = Store(self.broker, self.folder, self.scale.disk_mb)
        await self.store.open(self.stack)
        self.ledger = Ledger(self.seed, kept=KEPT_EVENTS, kept_in_all=_KEPT_IN_ALL - 2000, skew=self.store.skew)
        settings = SETTINGS | (SQLITE_SETTINGS if self.broker == "sqlite" else {})
        self.daemon = DaemonProcess(
            self.folder, self.store.url, settings, lambda what: self.verdicts.add("daemon", "the daemon", what)
        )
        self.stack.push_async_callback(self.daemon.kill)
        await self.daemon.start()
        self.network = self.stack.enter_context(Proxy(self.daemon.port))
        self.drip = self.stack.enter_context(Proxy(self.daemon.port))
        self.drip.bytewise = True
        self.session = await self.stack.enter_async_context(_session(None))
        self.narrow = await self.stack.enter_async_context(_session(_STALLED_BUFFER))
        if self.broker == "stream":
            # After a restart nothing is promised of what was before the first record, or near it: clocks differ.
            await self.post(["before"])
            await asyncio.sleep(2 * self.store.skew / 1e6 + 0.1)
        await self.ask_mark()
        self.ledger.excuse()  # of the time before the run nothing is promised

    # Who posts and who listens

    async def populate(self) -> None:
        """Let posters and listeners begin, on every door, through every network."""
        networks = {"direct": self._direct, "network": self._through, "drip": self._dripping}
        dripping = self.random.sample(list(DOORS), self.scale.dripping)
        for door, kind in DOORS.items():
            for network, url in networks.items():
                for number in range(int(door in dripping) if network == "drip" else self.scale.each):
                    channels = self._some_channels()
                    record = await self.new_record(f"{door}, {network}, {number}", channels)
                    self._begin(kind(record, url, self.session, self._random()))
            if kind is not SocketIOUpgrade:
                for number in range(self.scale.stallers):
                    record = await self.new_record(f"{door}, staller {number}", [HEAVY, self.random.choice(_BUSY)])
                    self.stallers.append(kind(record, self._direct, self.narrow, self._random()))
                    self._begin(self.stallers[-1])
        if self.scale.clients:
            await self._open_clients()
        for door, poster in POSTERS.items():
            for network in ("direct", "network"):
                self._add_poster(poster, f"poster by {door}, {network}", networks[network], _BUSY)
        if self.store.rabbitmq is not None:
            for number in range(2):
                self._add_poster(AmqpPoster, f"poster by AMQP, {number}", lambda: "", _BUSY)
        self._add_poster(POSTERS["HTTP API, batch"], "poster of heavy events", self._direct, [HEAVY], rest=4)

    async def _open_clients(self) -> None:
        node = start_node(self.stack)
        for version, transports in JAVASCRIPT:
            record = await self.new_record(f"socket.io-client {version}, {transports}", self._some_channels())
            self.listeners.append(open_javascript(node, version, transports, self.network.url, record))
        for transports in PYTHON:
            record = await self.new_record(f"python-socketio, {transports}", self._some_channels())
            self.listeners.append(await open_python(transports, self.network.url, record))

    def _begin(self, listener: Listener) -> None:
        self.listeners.append(listener)
        listener.begin()

    def _add_poster(
        self, kind: type[Poster], who: str, url: Callable[[], str], channels: Sequence[str], *, rest: float = 1
    ) -> None:
        self.posters.append(self._make(kind, who, url, channels, rest=rest))
        self.posters[-1].begin()

    def _make(
        self, kind: type[_Poster], who: str, url: Callable[[], str], channels: Sequence[str], *, rest: float = 1
    ) -> _Poster:
        return kind(
            *(who, channels, url, self.session, self.ledger, self.verdicts, self._random(), self.store.rabbitmq),
            pause_s=self.scale.pause_s * rest,
            most=12,
        )

    def _some_channels(self) -> list[str]:
        return self.random.sample(_BUSY, self.random.randint(1, 3))

    def _random(self) -> Random:
        return Random(self.random.random())

    def _direct(self) -> str:
        return self.daemon.url

    def _through(self) -> str:
        return self.network.url

    def _dripping(self) -> str:
        return self.drip.url

    async def post(self, channels: Sequence[str]) -> list[Post]:
        """Post to each of these channels, again and again until all is acknowledged."""
        posts = await self.try_to_post(channels)
        while not all(post.outcome is Outcome.ACKNOWLEDGED for post in posts):
            await asyncio.sleep(0.1)
            posts = await self.try_to_post(channels)
        return posts

    async def try_to_post(self, channels: Sequence[str]) -> list[Post]:
        """Post to each of these channels, in one request."""
        poster = self._make(BatchPoster, "the harness", self._direct, channels)
        posts = [self.ledger.begin(channel) for channel in channels]
        with suppress(*ENDS):
            await poster.send(posts)
        for post in posts:
            if post.outcome is Outcome.UNDER_WAY:
                self.ledger.settle(post, Outcome.UNKNOWN)
        return posts

    # Asking the daemon

    async def new_record(self, who: str, channels: list[str], mark: Mark | None = None) -> Record:
        """Make the record of one more listener, which begins at the newest id unless a mark is given."""
        record = Record(who, channels, mark or await self.ask_mark(), self.ledger, self.verdicts)
        self.records.append(record)
        return record

    def forget(self, records: Iterable[Record]) -> None:
        """Let records go that were checked to their end."""
        gone = set(map(id, records))
        self.records = [record for record in self.records if id(record) not in gone]

    async def ask_mark(self) -> Mark:
        """Ask for the newest id, as a page's server does before it reads its data."""
        asked, acknowledged = self.ledger.tick(), self.ledger.newest_acknowledged
        answer = await self.get("/api/last")
        if answer["id"] < acknowledged <= self.ledger.newest_acknowledged:
            self.verdicts.add("I4", "the newest id", f"is {answer['id']}, and {acknowledged} was acknowledged before")
        return self.ledger.mark(answer["id"], asked)

    async def get(self, target: str) -> Any:
        """Read something of the API, from a daemon that is well."""
        headers = {"Authorization": f"Bearer {KEY}"}
        for attempt in range(5):
            try:
                async with self.session.get(self.daemon.url + target, headers=headers, timeout=LINK) as answer:
                    answer.raise_for_status()
                    return await answer.json()
            except (aiohttp.ClientConnectionError, TimeoutError):
                if attempt == 4:
                    raise
                await asyncio.sleep(PATIENCE_S / 20)
        raise AssertionError("not reached")


def _session(receive_buffer: int | None) -> aiohttp.ClientSession:
    """Make what connects; with a small buffer a reader that stops is a stalled one soon."""

    def open_socket(address: Any) -> socket.socket:
        family, kind, protocol, _, _ = address
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        if receive_buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        return opened

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, socket_factory=open_socket))
