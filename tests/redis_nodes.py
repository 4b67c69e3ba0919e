"""Brokers on one Redis, each as a daemon's, and what they did.

Knows what a broker is asked for. Must not know what any test expects of it.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any

from oyez.brokers.redis.broker import RedisBroker
from oyez.brokers.redis.context import RedisContext
from oyez.brokers.redis.url import parse_redis_url
from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from tests.redis_server import RedisServer

PATIENCE_S = 30.0
ANSWER_S = 1.0

numbers = count()


class Node:
    """One daemon's broker, and what it did."""

    def __init__(
        self,
        redis: RedisServer,
        name: str,
        *,
        port: int | None = None,
        wall_clock_s: float = 0.0,
        limits: LimitSettings | None = None,
        user: str = "",
    ) -> None:
        self.events: list[Publication] = []
        self.lost: list[EventId] = []
        self.notices: list[bytes] = []
        self.noted: list[str] = []
        self.horizon = EventId(0)
        context = RedisContext(
            limits or LimitSettings(), HistorySettings(), lambda reason, detail: self.noted.append(reason),
            wall_clock=lambda: time.time() + wall_clock_s,
        )  # fmt: skip
        url = parse_redis_url(redis.url(f"?name={name}", port=port).replace("//", f"//{user}"))
        self.broker = RedisBroker(url, context, answer_timeout_s=ANSWER_S)
        self.broker.hear(self.notices.append)

    async def start(self) -> "Node":
        self.horizon = await self.broker.start(self._deliver, self.lost.append)
        return self

    def _deliver(self, publications: Sequence[Publication]) -> None:
        assert not self.events or publications[0].id > self.events[-1].id
        self.events += publications

    def post(self, *channels: str) -> "asyncio.Future[list[EventId]]":
        """Post an event to each channel, each with a message of its own."""
        settled: asyncio.Future[list[EventId]] = asyncio.get_running_loop().create_future()

        def settle(outcome: list[EventId] | BrokerError) -> None:
            if isinstance(outcome, BrokerError):
                settled.set_exception(outcome)
            else:
                settled.set_result(outcome)

        posts = [Post(Channel(channel), b"%d" % next(numbers)) for channel in channels]
        self.broker.publish(posts, settle)
        return settled

    async def post_until_taken(self) -> EventId:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return (await self.post("a"))[0]
                except BrokerError:
                    await asyncio.sleep(0.02)

    @property
    def seen(self) -> list[tuple[EventId, bytes | None]]:
        return [(event.id, event.message) for event in self.events]


async def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"no {what}"
        await asyncio.sleep(0.01)


def run(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, 2 * PATIENCE_S))
