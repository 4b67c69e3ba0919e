"""Is a request posted once, all of it or nothing, whoever repeats it and whenever?"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

from oyez.access.keys import KeyHolder
from oyez.brokers.memory import MemoryBroker
from oyez.endpoints.api.idempotency import KnownKeys, content_of_body
from oyez.endpoints.api.publish import Publisher
from oyez.errors import BrokerError
from oyez.hub.broker import Settle
from oyez.hub.history import History
from oyez.hub.hub import Hub
from oyez.hub.publication import EventId, Post
from oyez.hub.settings import HistorySettings
from oyez.wire.api_answers import ApiError
from oyez.wire.api_requests import KeyedPost, Publish

HEADER = (b"key", content_of_body(b"body"))


class SlowBroker(MemoryBroker):
    """A store that keeps posts waiting until the test settles them."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[list[str], Settle]] = []
        self.newest = 0

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        if posts[0].channel == "broken":
            raise ZeroDivisionError
        self.waiting.append(([post.channel for post in posts], settle))

    def last_id(self) -> EventId:
        return EventId(self.newest)

    def settle(self, *, fails: bool = False) -> list[str]:
        """Answer the oldest call; gives the channels that it posted to."""
        channels, settle = self.waiting.pop(0)
        if fails:
            settle(BrokerError("down", temporary=True))
        else:
            settle([EventId(self.newest + number) for number in range(1, len(channels) + 1)])
            self.newest += len(channels)
        return channels


class World:
    """A publisher with a slow broker behind it."""

    def __init__(self) -> None:
        self.broker = SlowBroker()
        history = History(HistorySettings(size=9, ttl_s=9, max_bytes=2**20, max_channels=9))
        hub = Hub(self.broker, history, call_soon=lambda _: None, call_later=lambda *_: None, clock=time.monotonic)
        self.known = KnownKeys()
        self.holder = KeyHolder()
        self.publisher = Publisher(hub, self.known, time.monotonic)

    async def begin(self, request: Publish, header: tuple[bytes, int] | None = None) -> "asyncio.Task[list[EventId]]":
        """Let a request come as far as it can."""
        task = asyncio.create_task(self.publisher.publish(request, header, self.holder))
        for _ in range(5):
            await asyncio.sleep(0)
        return task


Scenario = Callable[[World], Awaitable[None]]


def scenario(function: Scenario) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(function(World()))  # type: ignore[arg-type]  # it is a coroutine

    run.__name__ = function.__name__
    return run


def batch(*posts: tuple[str, str | None]) -> Publish:
    keyed = [KeyedPost(channel, b"1", key) for channel, key in posts]
    return Publish(keyed, range(len(keyed)), None, "events")


def one(channel: str, key: str | None = None) -> Publish:
    return Publish((KeyedPost(channel, b"1", None),), (0,), key, "")


@scenario
async def test_without_keys_every_request_is_posted(world: World) -> None:
    first, second = await world.begin(one("a")), await world.begin(one("a"))
    assert [world.broker.settle(), world.broker.settle()] == [["a"], ["a"]]
    assert [await first, await second] == [[1], [2]]
    assert world.holder.posts == 2
    assert len(world.known) == 0


@scenario
async def test_ids_are_given_in_the_places_of_the_request(world: World) -> None:
    request = Publish([KeyedPost("b", None, None), KeyedPost("a", None, None)], [0, 1, 0], None, "channels")
    task = await world.begin(request)
    assert world.broker.settle() == ["b", "a"]
    assert await task == [1, 2, 1]
    assert await world.publisher.publish(Publish((), (), None, "events"), None, world.holder) == []


@pytest.mark.parametrize("header", [None, HEADER])
def test_a_repetition_gets_the_first_answer(header: tuple[bytes, int] | None) -> None:
    async def run(world: World) -> None:
        request = one("a") if header else one("a", "key")
        first = await world.begin(request, header)
        second = await world.begin(request, header)  # while the first is under way
        assert world.broker.settle() == ["a"]
        third = await world.begin(request, header)
        assert [await first, await second, await third] == [[1], [1], [1]]
        assert (world.broker.waiting, world.holder.posts) == ([], 1)

    scenario(run)()


@scenario
async def test_what_failed_is_tried_again_by_the_next(world: World) -> None:
    first, second, third = [await world.begin(one("a", "key")) for _ in range(3)]
    world.broker.settle(fails=True)
    with pytest.raises(BrokerError):
        await first
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(world.broker.waiting) == 1
    world.broker.settle()
    assert [await second, await third] == [[1], [1]]


@scenario
async def test_only_what_is_new_of_a_batch_is_posted(world: World) -> None:
    first = await world.begin(batch(("a", "1"), ("b", "2")))
    world.broker.settle()
    second = await world.begin(batch(("c", "3"), ("a", "1"), ("d", None), ("b", "2")))
    assert world.broker.settle() == ["c", "d"]
    assert [await first, await second] == [[1, 2], [3, 1, 4, 2]]
    assert await world.publisher.publish(one("c", "3"), None, world.holder) == [3]
    assert await world.publisher.publish(batch(("a", "1"), ("b", "2")), HEADER, world.holder) == [1, 2]
    assert world.holder.posts == 4


@scenario
async def test_a_batch_waits_for_those_who_post_a_part_of_it(world: World) -> None:
    first = await world.begin(one("a", "1"))
    second = await world.begin(batch(("a", "1"), ("b", "2")))
    third = await world.begin(batch(("b", "2"), ("c", "3")))
    assert len(world.broker.waiting) == 2  # what nobody posts yet need not wait
    assert [world.broker.settle(), world.broker.settle()] == [["a"], ["b", "c"]]
    assert [await first, await second, await third] == [[1], [1, 2], [2, 3]]


@scenario
async def test_a_key_with_another_content_is_refused_and_nothing_is_posted(world: World) -> None:
    first = await world.begin(one("a", "1"), HEADER)
    for request, header, words in (
        (one("b", "1"), None, "the request"),
        (batch(("b", None), ("b", "1")), None, "events[1]"),
        (one("a"), (b"key", content_of_body(b"other")), "Idempotency-Key"),
    ):
        with pytest.raises(ApiError) as error:
            await world.publisher.publish(request, header, world.holder)
        assert (error.value.status, error.value.code) == (422, "key-reused")
        assert words in error.value.message
    assert world.broker.settle() == ["a"]
    assert await first == [1]
    assert world.broker.waiting == []


@scenario
async def test_a_request_that_is_given_up_is_remembered_nevertheless(world: World) -> None:
    first = await world.begin(one("a", "1"))
    first.cancel()
    second = await world.begin(one("a", "1"))
    world.broker.settle()
    assert await second == [1]


@scenario
async def test_an_error_of_ours_leaves_no_key_behind(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        await world.publisher.publish(one("broken", "1"), HEADER, world.holder)
    assert len(world.known) == 0


def test_a_refusal_leaves_nothing_to_the_collector() -> None:
    """It comes seldom: what a refused post carried would fill the memory until then."""

    async def scene() -> None:
        task = await world.begin(one("a"))
        world.broker.settle(fails=True)
        with pytest.raises(BrokerError):
            await task
        del task

    world = World()
    asyncio.run(scene())
    gc.collect()
    gc.disable()
    try:
        asyncio.run(scene())
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert [left for left in gc.garbage if isinstance(left, BrokerError | Publish)] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
