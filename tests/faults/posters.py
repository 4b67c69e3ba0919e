"""Posters on every door: each post is entered into the ledger before it leaves, and its outcome when it is known.

Knows how posts are made and answered. Must not know who listens.
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random

import aiohttp
import pika
import pika.exceptions

from tests.daemon import KEY
from tests.faults.checker import Verdicts
from tests.faults.doors import SOCKETIO
from tests.faults.ledger import Ledger, Outcome, Post
from tests.faults.listeners import ENDS, LINK, SILENCE_S, WEBSOCKET, Lost, receive_text
from tests.faults.store import EXCHANGE
from tests.rabbitmq import RabbitMQ

_AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


class Poster(ABC):
    """One that posts bursts until it is told to stop.

    Args:
        who: its name in a verdict.
        channels: it chooses among them for each post.
        rabbitmq: where `AmqpPoster` publishes.
        pause_s: the mean time between two bursts.
        most: posts in a burst.
    """

    def __init__(
        self,
        who: str,
        channels: Sequence[str],
        url: Callable[[], str],
        session: aiohttp.ClientSession,
        ledger: Ledger,
        verdicts: Verdicts,
        random: Random,
        rabbitmq: RabbitMQ | None,
        *,
        pause_s: float,
        most: int,
    ) -> None:
        self.who = who
        self.session = session
        self._channels = channels
        self._url = url
        self._ledger = ledger
        self._verdicts = verdicts
        self._random = random
        self.rabbitmq = rabbitmq
        self._pause_s = pause_s
        self._most = most
        self._stopping = False
        self._living: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return self._url()

    def begin(self) -> None:
        self._living = asyncio.create_task(self._live())

    async def end(self) -> None:
        """Post no more; every post under way gets its outcome before this returns."""
        self._stopping = True
        if self._living is not None:
            done, _ = await asyncio.wait([self._living], timeout=2 * SILENCE_S)
            if not done:
                self._living.cancel()
                await asyncio.wait([self._living])

    async def _live(self) -> None:
        while not self._stopping:
            try:
                await self.connect()
            except ENDS:
                await asyncio.sleep(self._random.uniform(0.02, 0.2))
            except Exception as error:
                self._verdicts.add("answers", self.who, f"cannot be understood: {error!r}")
                await asyncio.sleep(1)

    async def work(self, send: Callable[[list[Post]], Awaitable[None]]) -> None:
        """Post burst after burst over one link, as long as it holds."""
        while not self._stopping:
            count = self._random.randint(1, self._most)
            posts = [self._ledger.begin(self._random.choice(self._channels)) for _ in range(count)]
            try:
                await send(posts)
            finally:
                for post in posts:
                    if post.outcome is Outcome.UNDER_WAY:
                        self._ledger.settle(post, Outcome.UNKNOWN)
            await asyncio.sleep(self._random.uniform(0, 2 * self._pause_s))

    def body(self, post: Post) -> dict[str, object]:
        return {"channel": post.channel, "message": self._ledger.message(post)}

    def answered(self, post: Post, answer: dict[str, object]) -> None:
        """Take the daemon's answer to a post."""
        event_id, code = answer.get("id"), answer.get("code")
        if type(event_id) is int:
            if wrong := self._ledger.settle(post, Outcome.ACKNOWLEDGED, event_id):
                self._verdicts.add("I4", self.who, f"{post.channel}#{post.serial} {wrong}")
        else:
            self._ledger.settle(post, Outcome.REFUSED)
            if code != "unavailable":
                self._verdicts.add("answers", self.who, f"a post was answered by {answer}")

    @abstractmethod
    async def connect(self) -> None:
        """Connect, and `work` over that link."""


class SocketIOPoster(Poster):
    """Socket.IO on a WebSocket, with an acknowledgement for each post and many under way at once."""

    async def connect(self) -> None:
        async with self.session.ws_connect(self.url + SOCKETIO + "websocket", timeout=WEBSOCKET) as link:
            await receive_text(link)
            await link.send_str("40" + json.dumps({"role": "sender", "token": KEY}))
            if not (joined := await receive_text(link)).startswith("40{"):
                raise Lost(joined)
            await self.work(lambda posts: self._send(link, posts))

    async def _send(self, link: aiohttp.ClientWebSocketResponse, posts: list[Post]) -> None:
        for number, post in enumerate(posts):
            await link.send_str(f"42{number}" + json.dumps(["post", self.body(post)]))
        left = len(posts)
        while left:
            packet = await receive_text(link)
            if packet == "2":
                await link.send_str("3")
                continue
            begin = packet.index("[")
            self.answered(posts[int(packet[2:begin])], json.loads(packet[begin:])[0])
            left -= 1


class RawPoster(Poster):
    """The raw WebSocket: one reply for each request, in order."""

    async def connect(self) -> None:
        async with self.session.ws_connect(self.url + "/post", timeout=WEBSOCKET) as link:
            await link.send_str(json.dumps({"command": "auth", "key": KEY}))
            if json.loads(await receive_text(link)) != {"status": "success"}:
                raise ValueError("the key was refused")
            await self.work(lambda posts: self._send(link, posts))

    async def _send(self, link: aiohttp.ClientWebSocketResponse, posts: list[Post]) -> None:
        for post in posts:
            await link.send_str(json.dumps({"command": "post", **self.body(post)}))
        for post in posts:
            self.answered(post, json.loads(await receive_text(link)))


class ApiPoster(Poster):
    """The HTTP API, a request for each event."""

    async def connect(self) -> None:
        async with self.session.get(self.url + "/healthz", timeout=LINK) as answer:  # no posts into the void
            if answer.status != 200:
                raise Lost(str(answer.status))
        await self.work(self.send)

    async def send(self, posts: list[Post]) -> None:
        for post in posts:
            self.answered(post, await self.publish(self.body(post)))

    async def publish(self, body: dict[str, object]) -> dict[str, object]:
        async with self.session.post(
            self.url + "/api/publish", json=body, headers=_AUTHORIZED, timeout=LINK
        ) as response:
            answer: dict[str, object] = await response.json(content_type=None)
        if response.status not in {200, 503}:
            raise ValueError(f"status {response.status}: {answer}")
        return answer


class BatchPoster(ApiPoster):
    """The HTTP API, all events of a burst in one request: all or none are taken."""

    async def send(self, posts: list[Post]) -> None:
        answer = await self.publish({"events": [self.body(post) for post in posts]})
        ids = answer.get("ids")
        for number, post in enumerate(posts):
            self.answered(post, {"id": ids[number]} if isinstance(ids, list) else answer)


class AmqpPoster(Poster):
    """Past the daemon: pika publishes to the exchange, and RabbitMQ confirms. No ids are answered."""

    async def connect(self) -> None:
        try:
            connection = await asyncio.to_thread(self._open)
        except pika.exceptions.AMQPError as error:
            raise Lost(repr(error)) from error
        try:
            await self.work(lambda posts: self._send(connection, posts))
        finally:
            with suppress(pika.exceptions.AMQPError, OSError):
                await asyncio.to_thread(connection.close)

    def _open(self) -> pika.BlockingConnection:
        assert self.rabbitmq is not None
        return self.rabbitmq.connect()

    async def _send(self, connection: pika.BlockingConnection, posts: list[Post]) -> None:
        confirmed = await asyncio.to_thread(self._publish, connection, [self.body(post) for post in posts])
        for post in posts[:confirmed]:
            self._ledger.settle(post, Outcome.ACKNOWLEDGED)
        if confirmed < len(posts):
            raise Lost("RabbitMQ")

    def _publish(self, connection: pika.BlockingConnection, bodies: list[dict[str, object]]) -> int:
        """Publish in a thread; gives how many were confirmed."""
        confirmed = 0
        with suppress(pika.exceptions.AMQPError, OSError):
            channel = connection.channel()
            channel.confirm_delivery()
            for body in bodies:
                event = {"id": time.time_ns() // 1000, **body}
                channel.basic_publish(EXCHANGE, "#", json.dumps(event).encode())
                confirmed += 1
            channel.close()
        return confirmed


POSTERS: dict[str, type[Poster]] = {
    "Socket.IO": SocketIOPoster,
    "raw WebSocket": RawPoster,
    "HTTP API": ApiPoster,
    "HTTP API, batch": BatchPoster,
}
