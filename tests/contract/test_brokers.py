"""What every broker promises. A new one joins by one more line in `BROKERS`."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from oyez.brokers.memory import MemoryBroker
from oyez.brokers.sqlite import Replay, SqliteBroker
from oyez.brokers.sqlite_file import Bounds
from oyez.errors import BrokerError
from oyez.hub.broker import Broker
from oyez.hub.publication import MAX_EVENT_ID, Channel, EventId, Post, Publication
from tests.fakes import Clock

NOW_S = 1_800_000_000.0
NOW_MS = 1_800_000_000_000

MakeBroker = Callable[[Path, Clock, Clock], Broker]

# name -> broker from a folder of its own, a steady clock and a wall clock
BROKERS: dict[str, MakeBroker] = {
    "memory": lambda _, clock, wall_clock: MemoryBroker(clock, wall_clock),
    "sqlite": lambda folder, clock, wall_clock: SqliteBroker(
        folder / "events.sqlite3",
        synced=False,
        bounds=Bounds(600, 10**6, 10**8),
        replay=Replay(600, 10**5),
        clock=clock,
        wall_clock=wall_clock,
    ),
}


class Stage:
    """A started broker, and all that it does, in order."""

    def __init__(self, make: MakeBroker, folder: Path) -> None:
        self.clock = Clock(50.0)
        self.wall_clock = Clock(NOW_S)
        self.broker = make(folder, self.clock, self.wall_clock)
        self.delivered: list[Publication] = []
        self.lost: list[EventId] = []
        self.story: list[tuple[str, tuple[int, ...]]] = []
        self._settled: list[asyncio.Future[list[EventId]]] = []

    async def start(self) -> EventId:
        return await self.broker.start(self._deliver, self.lost.append)

    def _deliver(self, publications: Any) -> None:
        self.delivered += publications
        self.story.append(("deliver", tuple(publication.id for publication in publications)))

    def publish(self, *posts: Post) -> "asyncio.Future[list[EventId]]":
        """Publish; the future takes one outcome only, a second one would raise."""
        settled = asyncio.get_running_loop().create_future()
        self._settled.append(settled)

        def settle(outcome: list[EventId] | BrokerError) -> None:
            assert not isinstance(outcome, BrokerError), outcome
            assert self.broker.last_id() >= max(outcome, default=0)
            self.story.append(("settle", tuple(outcome)))
            settled.set_result(outcome)

        self.broker.publish(posts, settle)
        return settled

    async def stop(self) -> list[EventId]:
        """Stop, which settles all; the ids in the order of the posts."""
        await self.broker.stop()
        assert all(settled.done() for settled in self._settled)
        return [event for settled in self._settled for event in settled.result()]


@pytest.fixture(params=list(BROKERS.values()), ids=list(BROKERS))
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return Stage(request.param, tmp_path)


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 20))


def posts(*channels: str) -> list[Post]:
    return [Post(Channel(channel), b'{"from":"%s"}' % channel.encode()) for channel in channels]


def test_before_the_first_post(stage: Stage) -> None:
    async def scene() -> None:
        horizon = await stage.start()
        assert stage.broker.last_id() >= max(horizon, 1)
        assert await stage.stop() == []

    run(scene())
    assert stage.delivered == []


def test_what_is_posted_is_delivered_as_it_was(stage: Stage) -> None:
    async def scene() -> None:
        await stage.start()
        stage.clock.now = 55.5
        await stage.publish(
            Post(Channel("é\ud800"), b'{"x" : [1.0, "\xc3\xa9"]}'),
            Post(Channel("a"), None),
            Post(Channel("a"), b'{"_placeholder":true,"num":0}', (b"\x00\xff", b"")),
        )
        await stage.stop()

    run(scene())
    assert [(each.channel, each.message, each.attachments, each.time) for each in stage.delivered] == [
        ("é\ud800", b'{"x" : [1.0, "\xc3\xa9"]}', (), 55.5),
        ("a", None, (), 55.5),
        ("a", b'{"_placeholder":true,"num":0}', (b"\x00\xff", b""), 55.5),
    ]


def test_ids_rise_on_the_scale_of_milliseconds(stage: Stage) -> None:
    async def scene() -> None:
        horizon = await stage.start()
        first = await stage.publish(*posts("a", "b"))
        assert horizon < first[0] < first[1]
        assert NOW_MS <= first[0] <= NOW_MS + 1
        stage.wall_clock.now += 60
        (later,) = await stage.publish(*posts("a"))
        assert later == NOW_MS + 60_000
        await stage.stop()

    run(scene())


@pytest.mark.parametrize("step_s", [-3600, -0.001, 0, 0.001])
def test_ids_rise_whatever_the_wall_clock_does(stage: Stage, step_s: float) -> None:
    async def scene() -> None:
        horizon = await stage.start()
        for _ in range(50):
            await stage.publish(*posts("a", "b", "a"))
            stage.wall_clock.now += step_s
        ids = [horizon, *await stage.stop()]
        assert all(earlier < later for earlier, later in pairwise(ids))
        assert ids[-1] <= MAX_EVENT_ID
        assert [publication.id for publication in stage.delivered] == ids[1:]
        assert stage.broker.last_id() == ids[-1]

    run(scene())


def test_each_post_is_settled_once_in_order_after_its_delivery(stage: Stage) -> None:
    async def scene() -> None:
        await stage.start()
        for number in range(100):  # all under way at once
            stage.publish(*posts(*"abc"[: number % 3 + 1]))
        ids = await stage.stop()
        assert len(ids) == sum(number % 3 + 1 for number in range(100))

    run(scene())
    seen: set[int] = set()
    settled: list[int] = []
    for kind, ids in stage.story:
        if kind == "deliver":
            assert not seen & set(ids)
            seen |= set(ids)
        else:
            assert seen >= set(ids)
            settled += ids
    assert settled == sorted(seen)


def test_no_posts_are_settled_too(stage: Stage) -> None:
    async def scene() -> None:
        await stage.start()
        before = stage.broker.last_id()
        assert await stage.publish() == []
        assert stage.broker.last_id() == before
        await stage.stop()

    run(scene())
    assert stage.delivered == []


def test_the_ids_are_those_of_the_posts(stage: Stage) -> None:
    async def scene() -> None:
        await stage.start()
        one, two = stage.publish(*posts("a", "b")), stage.publish(*posts("c"))
        ids = [*await one, *await two]
        await stage.stop()
        assert {publication.id: publication.channel for publication in stage.delivered} == dict(
            zip(ids, "abc", strict=True)
        )

    run(scene())
