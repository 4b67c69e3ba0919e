"""Those who must not notice: listeners at every door, posters of even pace, and newcomers.

Knows what they were promised and how long it took. Must not know who attacks.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import aiohttp

from tests.daemon import KEY
from tests.faults.checker import Record, Verdicts
from tests.faults.doors import SOCKETIO, BatchedLongPoll, EventStream, RawWebSocket, SocketIOPolling, SocketIOWebSocket
from tests.faults.ledger import Ledger, Mark, Outcome, Post
from tests.faults.listeners import ENDS, LINK, WEBSOCKET, Listener, Lost, receive_text
from tests.siege.latencies import Latencies

CHANNEL = "siege"
PER_DOOR = 10
DOORS: dict[str, type[Listener]] = {
    "Socket.IO, WebSocket": SocketIOWebSocket,
    "Socket.IO, polling": SocketIOPolling,
    "raw WebSocket": RawWebSocket,
    "event stream": EventStream,
    "long poll": BatchedLongPoll,
}

_AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
_NEWCOMER_EVERY_S = 0.25
_NEWCOMER_WITHIN_S = 2.0


class TimedRecord(Record):
    """What one bystander heard, and how long each event took from its post to here."""

    def __init__(self, who: str, mark: Mark, ledger: Ledger, verdicts: Verdicts, deliveries: Latencies) -> None:
        super().__init__(who, [CHANNEL], mark, ledger, verdicts)
        self._posts = ledger
        self._times = deliveries

    def message(self, event: Any) -> None:
        now = time.monotonic()
        message = event.get("message")
        post = self._posts.find(CHANNEL, message.get("n") if isinstance(message, dict) else None)
        if post is not None:
            self._times.add(post.time, now)
        super().message(event)


class Bystanders:
    """Fifty listeners that come from addresses of their own, a fifth of them at each door.

    Args:
        url: the daemon.
        mark: where they begin.
    """

    def __init__(self, url: str, mark: Mark, ledger: Ledger, seed: int) -> None:
        self.verdicts = Verdicts()
        self.deliveries = Latencies()
        self.ledger = ledger
        self.records: list[TimedRecord] = []
        self.listeners: list[Listener] = []
        self._heard = 0  # a serial: all before it was heard by all
        self._sessions: list[aiohttp.ClientSession] = []
        random = Random(seed)
        for number in range(PER_DOOR):
            session = _session(f"127.0.1.{number + 1}")
            self._sessions.append(session)
            for door, kind in DOORS.items():
                record = TimedRecord(f"{door}, {number}", mark, ledger, self.verdicts, self.deliveries)
                self.records.append(record)
                self.listeners.append(kind(record, lambda: url, session, Random(random.random())))

    @property
    def are_back(self) -> bool:
        return all(listener.is_back for listener in self.listeners)

    @property
    def links(self) -> dict[str, int]:
        """How many each has had so far, one and no more unless it lost its seat."""
        return {listener.record.who: listener.links for listener in self.listeners}

    @property
    def gaps(self) -> int:
        return sum(record.gaps for record in self.records)

    def oldest_unheard(self) -> float:
        """Return when the oldest event was posted that some have not heard; infinity: all have heard all."""
        posts = self.ledger.posts(CHANNEL)
        while self._heard < len(posts):
            post = posts[self._heard]
            is_due = post.outcome in {Outcome.ACKNOWLEDGED, Outcome.UNDER_WAY}
            if is_due and not all(record.is_content(post) for record in self.records):
                return post.time
            self._heard += 1
        return float("inf")

    def missing(self) -> int:
        """Return how many deliveries of acknowledged events are still to come."""
        posts = [post for post in self.ledger.posts(CHANNEL)[self._heard :] if post.outcome is Outcome.ACKNOWLEDGED]
        return sum(not record.is_content(post) for record in self.records for post in posts)

    def give_up(self) -> None:
        """Wait no more for what has not come by now."""
        self._heard = len(self.ledger.posts(CHANNEL))

    def begin(self) -> None:
        for listener in self.listeners:
            listener.begin()

    async def end(self) -> None:
        await asyncio.gather(*(listener.end() for listener in self.listeners))
        for session in self._sessions:
            await session.close()


class SteadyPoster:
    """Posts at an even pace whether answers come or not, and notes how long each took.

    Args:
        begin: makes a post of the ledger, or of none, and its body.
    """

    def __init__(
        self,
        url: str,
        per_second: float,
        begin: Callable[[], tuple[Post | None, Any]],
        ledger: Ledger,
        acknowledged: Latencies,
    ) -> None:
        self.acknowledged = acknowledged
        self.links = 0
        self._url = url
        self._pause_s = 1 / per_second
        self._begin = begin
        self._ledger = ledger
        self._waiting: dict[int, tuple[float, Post | None]] = {}
        self._numbers = count()

    async def live(self) -> None:
        async with _session("127.0.0.1") as session:
            while True:
                with contextlib.suppress(*ENDS):
                    await self._work(session)
                for began, post in self._waiting.values():
                    self.acknowledged.lose(began)
                    if post is not None:
                        self._ledger.settle(post, Outcome.UNKNOWN)
                self._waiting.clear()
                await asyncio.sleep(0.05)

    async def _work(self, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(self._url + SOCKETIO + "websocket", timeout=WEBSOCKET) as link:
            await receive_text(link)
            await link.send_str("40" + json.dumps({"role": "sender", "token": KEY}))
            if not (joined := await receive_text(link)).startswith("40{"):
                raise Lost(joined)
            self.links += 1
            posting = asyncio.create_task(self._post(link))
            try:
                while True:
                    await self._take(link, await receive_text(link))
            finally:
                posting.cancel()

    async def _post(self, link: aiohttp.ClientWebSocketResponse) -> None:
        due = time.monotonic()
        while True:
            number, (post, body) = next(self._numbers), self._begin()
            self._waiting[number] = time.monotonic(), post
            await link.send_str(f"42{number}" + json.dumps(["post", body]))
            due += self._pause_s
            await asyncio.sleep(due - time.monotonic())

    async def _take(self, link: aiohttp.ClientWebSocketResponse, packet: str) -> None:
        now = time.monotonic()
        if packet == "2":
            await link.send_str("3")
            return
        begin = packet.index("[")
        began, post = self._waiting.pop(int(packet[2:begin]))
        answer = json.loads(packet[begin:])[0]
        if "id" not in answer:
            self.acknowledged.lose(began)
        else:
            self.acknowledged.add(began, now)
        if post is not None:
            known = answer.get("id")
            self._ledger.settle(post, Outcome.REFUSED if known is None else Outcome.ACKNOWLEDGED, known)

    @property
    def oldest_waiting(self) -> float:
        """When the oldest post without an answer began."""
        return min((began for began, _ in self._waiting.values()), default=float("inf"))


class Newcomers:
    """One who posts with the key from the daemon's own machine, and one who listens, every quarter of a second anew.

    Attributes:
        refused: at which moments somebody was not served within two seconds, and who and why.
    """

    def __init__(self, url: str) -> None:
        self.refused: list[tuple[float, str]] = []
        self.tried = 0
        self._url = url

    async def live(self) -> None:
        visits: set[asyncio.Task[None]] = set()
        for number in count():
            for who, address in (("poster", "127.0.0.1"), ("listener", f"127.0.2.{number % 250 + 1}")):
                visit = asyncio.create_task(self._visit(who, address))
                visits.add(visit)
                visit.add_done_callback(visits.discard)
            await asyncio.sleep(_NEWCOMER_EVERY_S)

    async def _visit(self, who: str, address: str) -> None:
        began = time.monotonic()
        self.tried += 1
        try:
            async with asyncio.timeout(_NEWCOMER_WITHIN_S), _session(address) as session:
                await (self._post(session) if who == "poster" else self._listen(session))
        except ENDS as error:
            self.refused.append((began, f"{who}: {error!r}"[:120]))

    async def _post(self, session: aiohttp.ClientSession) -> None:
        body = {"channel": "newcomers", "message": 1}
        async with session.post(self._url + "/api/publish", json=body, headers=_AUTHORIZED, timeout=LINK) as answer:
            answer.raise_for_status()

    async def _listen(self, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(self._url + "/event/", timeout=WEBSOCKET) as link:
            await link.send_str(json.dumps({"command": "set-filter", "filter": ["nobody"], "notify": True}))
            if "success" not in (reply := await receive_text(link)):
                raise Lost(reply)

    def between(self, begin: float, end: float) -> list[str]:
        return [what for began, what in self.refused if begin <= began < end]


class Machine:
    """How late a process answers that nobody attacks; see `echo`."""

    def __init__(self, port: int, per_second: float) -> None:
        self.answered = Latencies()
        self._port = port
        self._pause_s = 1 / per_second

    async def live(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while True:
            began = time.monotonic()
            writer.write(b"x\n")
            await reader.readline()
            self.answered.add(began, time.monotonic())
            await asyncio.sleep(self._pause_s)


def _session(address: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, local_addr=(address, 0)))
