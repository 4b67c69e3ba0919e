"""A hub with an AMQP broker, without a daemon around it, and posters as sites have them.

Every wait has a deadline. Which server it is, and what is wrong with it, is the test's business.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel

from oyez.brokers.rabbitmq.broker import SETTLE_TIMEOUT_S, AmqpBroker
from oyez.brokers.rabbitmq.connection import ANSWER_TIMEOUT_S
from oyez.brokers.rabbitmq.intake import IntakeContext
from oyez.brokers.rabbitmq.url import AmqpUrl, parse_amqp_url
from oyez.errors import BrokerError
from oyez.hub.history import History
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from tests.fakes import Listener
from tests.inbox import PATIENCE_S

LIMITS = LimitSettings(max_sender_message_bytes=6850)  # 100,000 bytes for an event
HISTORY = HistorySettings(size=10_000, ttl_s=600.0, max_channels=1000)
MOST_S = 110.0


class Site:
    """``async with Site(url) as site``: a hub that is started, and stopped in the end.

    Attributes:
        delivered: what the broker handed over.
        lost: the ids up to which it said that events may be missing.
        notes: what it counted.
        horizon: what it gave at the start.
    """

    def __init__(
        self,
        url: str | AmqpUrl,
        *,
        limits: LimitSettings = LIMITS,
        wall_clock: Callable[[], float] = time.time,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        settle_timeout_s: float = SETTLE_TIMEOUT_S,
    ) -> None:
        self.delivered: list[Publication] = []
        self.lost: list[EventId] = []
        self.notes: Counter[str] = Counter()
        self.horizon = EventId(0)
        self._happened = asyncio.Event()
        self.broker = AmqpBroker(
            parse_amqp_url(url) if isinstance(url, str) else url,
            IntakeContext(limits, HISTORY, self._note, wall_clock=wall_clock),
            answer_timeout_s=answer_timeout_s,
            settle_timeout_s=settle_timeout_s,
        )
        self.history = History(HISTORY)
        self.hub = Hub(
            self.broker,
            self.history,
            call_soon=lambda function: asyncio.get_running_loop().call_soon(function),
            call_later=lambda delay_s, function: asyncio.get_running_loop().call_later(delay_s, function),
            clock=time.monotonic,
        )
        self._outages: asyncio.Queue[None] = asyncio.Queue()
        self._watch_hub()
        self._watch_connection()

    def _watch_hub(self) -> None:
        deliver, lose = self.hub.deliver, self.hub.lose

        def delivered(publications: Sequence[Publication]) -> None:
            self.delivered += publications
            deliver(publications)
            self.tell()

        def lost(up_to: EventId) -> None:
            self.lost.append(up_to)
            lose(up_to)
            self.tell()

        self.hub.deliver, self.hub.lose = delivered, lost  # type: ignore[method-assign]

    def _watch_connection(self) -> None:
        went_away = self.broker._went_away

        def lost(connection: "asyncio.Future[BrokerError]") -> None:
            went_away(connection)
            self._outages.put_nowait(None)

        self.broker._went_away = lost  # type: ignore[method-assign, assignment]

    async def __aenter__(self) -> Self:
        await self.hub.start()
        self.horizon = self.history.horizon
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hub.stop()

    def _note(self, reason: str, _: str) -> None:
        self.notes[reason] += 1
        self.tell()

    def tell(self) -> None:
        self._happened.set()

    async def until(self, holds: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
        """Wait until something holds; looked at whenever something happens here, and now and then."""
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, f"no {what} within {within_s} s; {self._summary()}"
            self._happened.clear()
            try:
                async with asyncio.timeout(0.02):
                    await self._happened.wait()
            except TimeoutError:
                continue

    def _summary(self) -> str:
        tail = [(each.id, each.channel, each.message) for each in self.delivered[-5:]]
        return f"{len(self.delivered)} delivered, last {tail}; lost {self.lost}; notes {dict(self.notes)}"

    async def messages(self, count: int) -> list[Any]:
        """Wait for so many events; their messages."""
        await self.until(lambda: len(self.delivered) >= count, f"{count} events")
        return [None if each.message is None else json.loads(each.message) for each in self.delivered]

    @property
    def ids(self) -> list[int]:
        return [publication.id for publication in self.delivered]

    def post(self, *messages: object, channel: str = "a") -> "asyncio.Future[list[EventId] | BrokerError]":
        """Post in one call; the outcome."""
        settled: asyncio.Future[list[EventId] | BrokerError] = asyncio.get_running_loop().create_future()
        posts = [Post(Channel(channel), json.dumps(message).encode()) for message in messages]
        self.hub.publish(posts, settled.set_result)
        return settled

    async def taken(self, *messages: object) -> list[EventId]:
        """Post, and wait until it is taken."""
        async with asyncio.timeout(PATIENCE_S):
            outcome = await self.post(*messages)
        assert not isinstance(outcome, BrokerError), outcome
        return outcome

    async def refused(self, *messages: object) -> BrokerError:
        """Post, and wait until it is refused."""
        async with asyncio.timeout(PATIENCE_S):
            outcome = await self.post(*messages)
        assert isinstance(outcome, BrokerError), outcome
        return outcome

    async def went_away(self) -> None:
        """Wait for the loss of a connection, also of one that was made anew before anybody could look."""
        async with asyncio.timeout(PATIENCE_S):
            await self._outages.get()

    async def recovered(self, *, within_s: float = PATIENCE_S) -> None:
        await self.until(lambda: self.broker.available, "recovery", within_s=within_s)

    def listen(self, *channels: str, start: int | None = None) -> Listener:
        listener = Listener()
        listener.on_write = listener.on_told = self.tell
        self.hub.subscribe(
            listener.subscription, [Channel(name) for name in channels], None if start is None else EventId(start)
        )
        return listener


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, MOST_S))


def now_us() -> int:
    return int(time.time() * 1_000_000)


class SitePoster:
    """A back end that posts as those of DMOJ and LQDOJ do: pika, its own clock in microseconds, no confirm.

    `routing_key` is "#" at LQDOJ and empty at DMOJ.
    """

    def __init__(self, connection: pika.BlockingConnection, exchange: str, routing_key: str = "#") -> None:
        self._connection = connection
        self._channel: BlockingChannel = connection.channel()
        self._exchange = exchange
        self._routing_key = routing_key

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def post(self, channel: str, message: object, *, event_id: int | None = None) -> int:
        event_id = now_us() if event_id is None else event_id
        self.publish(json.dumps({"id": event_id, "channel": channel, "message": message}).encode())
        return event_id

    def publish(self, body: bytes) -> None:
        self._channel.basic_publish(self._exchange, self._routing_key, body)

    def publish_all(self, bodies: Iterable[bytes]) -> None:
        for body in bodies:
            self.publish(body)
