"""Is the stream read whole, trimmed to its bounds, and begun anew only when it is another?"""

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from oyez.brokers.redis.context import RedisContext
from oyez.brokers.redis.intake import RedisIntake
from oyez.brokers.redis.link import Part, RedisLink
from oyez.brokers.redis.log import LogPosition
from oyez.brokers.redis.pending import PendingBatches
from oyez.brokers.redis.scripts import BEGIN, LOOK, POST, Script
from oyez.brokers.redis.stream import RedisStream
from oyez.brokers.redis.url import RedisUrl, parse_redis_url
from oyez.errors import BrokerError
from oyez.hub.notices import Notice
from oyez.hub.publication import EventId, Publication
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from oyez.setting import put_in_force
from tests.proxy import Proxy
from tests.redis_nodes import Node, numbers, run, until
from tests.redis_server import RedisServer


class Store:
    """One stream, and what the scripts do with it."""

    def __init__(self, redis: RedisServer) -> None:
        self.redis = redis
        self.client = redis.client
        self.name = f"stream-{next(numbers)}"
        self.events, self.epoch, self.notices = (f"{{{self.name}}}:{key}" for key in ("events", "epoch", "notices"))

    @property
    def url(self) -> RedisUrl:
        return parse_redis_url(self.redis.url(f"?name={self.name}"))

    def run(self, script: Script, *arguments: Part, client: Any = None) -> Any:
        keys = (self.events, self.epoch, self.notices)[: 3 if script is LOOK else 2]
        return (client or self.client).eval(script.text, len(keys), *keys, *arguments)

    def begin(self, epoch: str, client: Any = None) -> None:
        self.run(BEGIN, "", epoch, 0, 0, 2000, 0, client=client)

    def post(self, epoch: str, *, count: int = 1, message: str = "1", client: Any = None) -> Any:
        """Post as another daemon does."""
        nonce, posts = uuid.uuid4().hex, ("a", message, "") * count
        return self.run(POST, epoch, int(time.time() * 1000), 2000, nonce, *posts, client=client)

    def read(self, key: str) -> Any:
        return self.client.hget(self.epoch, key)

    def set_newest(self, event_id: int) -> None:
        self.client.hset(self.epoch, "last", str(event_id))


class Reader:
    """A daemon's stream without its broker, and what came out of it."""

    def __init__(self, store: Store, history: HistorySettings | None = None) -> None:
        self.events: list[Publication] = []
        self.counts: list[int] = []
        self.lost: list[EventId] = []
        self.url = store.url
        position = LogPosition()
        context = RedisContext(LimitSettings(), history or HistorySettings(), lambda reason, detail: None)
        intake = RedisIntake(position, PendingBatches(), context)
        intake.open(self._deliver, self.lost.append)
        self.stream = RedisStream(self.url, position, intake, context)

    def _deliver(self, publications: Sequence[Publication]) -> None:
        self.events += publications
        self.counts.append(len(publications))

    async def link(self, kind: type[RedisLink] = RedisLink) -> RedisLink:
        link = kind(self.url)
        await link.open()
        return link


@pytest.fixture
def store(redis: RedisServer) -> Store:
    return Store(redis)


@pytest.fixture
def way(redis: RedisServer) -> Iterator[Proxy]:
    """The way to Redis, which can be cut."""
    with Proxy(redis.port) as proxy:
        yield proxy


def test_an_epoch_that_began_below_what_was_read_is_begun_anew(redis: RedisServer, store: Store) -> None:
    """Another daemon, which had read less, began it: its events have ids that were given before."""

    async def steps() -> None:
        node = await Node(redis, store.name).start()
        store.set_newest(int(time.time() * 1000) + 10_000)
        newest = (await node.post("a"))[0]
        with store.client.pipeline() as pipeline:
            pipeline.delete(store.events, store.epoch)
            store.begin("other", client=pipeline)
            pipeline.hset(store.epoch, "last", str(newest - 1))
            store.post("other", count=3, client=pipeline)
            pipeline.execute()
        await until(lambda: node.lost, "a gap")
        assert node.lost[0] >= newest + 2
        after = await node.post_until_taken()
        assert after > newest + 10_000  # whatever a third daemon had read
        assert len(node.events) == 2
        await node.broker.stop()

    run(steps())


def test_a_daemon_that_trimming_has_overtaken_learns_of_revocations(
    redis: RedisServer, store: Store, way: Proxy
) -> None:
    async def steps() -> None:
        one, behind = await Node(redis, store.name).start(), await Node(redis, store.name, port=way.port).start()
        await one.post("a")
        await until(lambda: behind.events, "the event")
        way.cut()
        await until(lambda: not behind.broker.available, "notice of the outage")
        outcomes: list[BrokerError | None] = []
        one.broker.tell(Notice(b"x", b"revoked", int(time.time()) + 1000), outcomes.append)
        newest = (await one.post("a"))[0]
        store.client.xtrim(store.events, maxlen=1, approximate=False)
        way.mend()
        await until(lambda: behind.events[-1].id == newest, "what is left")
        await until(lambda: behind.notices, "the notice")
        assert behind.notices == [b"revoked"]
        for node in (one, behind):
            await node.broker.stop()

    run(steps())


def test_a_gap_is_told_where_all_that_was_missed_is_trimmed(redis: RedisServer, store: Store, way: Proxy) -> None:
    async def steps() -> None:
        one, behind = await Node(redis, store.name).start(), await Node(redis, store.name, port=way.port).start()
        await one.post("a")
        await until(lambda: behind.events, "the event")
        way.cut()
        await until(lambda: not behind.broker.available, "notice of the outage")
        newest = (await one.post("a"))[0]
        store.client.xtrim(store.events, maxlen=0, approximate=False)
        way.mend()
        await until(lambda: behind.broker.available, "recovery")
        assert behind.lost == [newest]
        with store.client.pipeline() as pipeline:  # before anybody can read it
            store.post(store.read("epoch"), client=pipeline)
            pipeline.xtrim(store.events, maxlen=0, approximate=False)
            newest = pipeline.execute()[0]
        await until(lambda: one.lost and len(behind.lost) == 2, "a gap at both")
        assert (one.lost, behind.lost[-1]) == ([newest], newest)
        for node in (one, behind):
            await node.broker.stop()

    run(steps())


def test_one_look_trims_the_stream_to_its_bound(store: Store) -> None:
    store.begin("epoch")
    with store.client.pipeline() as pipeline:
        for _ in range(60):
            store.post("epoch", count=500, client=pipeline)
        pipeline.execute()
    used = store.client.memory_usage(store.events, samples=0)
    assert used is not None
    bound = int(used * 0.42)
    length = store.run(LOOK, "", 10**8, bound)[6]
    left = store.client.memory_usage(store.events, samples=0)
    assert left is not None
    assert bound * 0.9 < left <= bound
    assert length == store.client.xlen(store.events)


def test_one_look_trims_all_that_is_too_old(store: Store) -> None:
    with store.client.pipeline() as pipeline:
        for number in range(1, 12_001):
            pipeline.xadd(store.events, {"m": "1"}, id=f"{number}-0")
        pipeline.execute()
    store.begin("epoch")
    assert store.run(LOOK, "", 10**8, 10**9)[6] <= 100  # whole nodes are dropped


def test_a_daemon_with_a_clock_that_is_fast_keeps_history_and_revocations(redis: RedisServer, store: Store) -> None:
    async def steps() -> None:
        one = await Node(redis, store.name).start()
        outcomes: list[BrokerError | None] = []
        one.broker.tell(Notice(b"x", b"revoked", int(time.time()) + 1000), outcomes.append)
        await one.post("a")
        fast = await Node(redis, store.name, wall_clock_s=3600).start()
        assert [event.id for event in fast.events] == [event.id for event in one.events]
        assert time.monotonic() - fast.events[0].time < 30
        assert fast.notices == [b"revoked"]
        for node in (one, fast):
            await node.broker.stop()

    run(steps())


def test_a_daemon_that_starts_without_redis_moves_nobodys_ids(redis: RedisServer, store: Store, way: Proxy) -> None:
    async def steps() -> None:
        one = await Node(redis, store.name).start()
        before = (await one.post("a"))[0]
        way.cut()
        late = await Node(redis, store.name, port=way.port, wall_clock_s=3600).start()
        assert late.horizon == late.broker.last_id() == 1
        way.mend()
        await until(lambda: late.broker.available, "recovery")
        assert late.lost == [before]
        after = (await one.post("a"))[0]
        assert after < (time.time() + 60) * 1000
        for node in (one, late):
            await node.broker.stop()

    run(steps())


def test_a_short_page_ends_what_is_read_back(store: Store) -> None:
    """Else a daemon that starts while others post may never come to an end."""

    async def steps() -> None:
        store.begin("epoch")
        store.post("epoch", count=3)
        reader = Reader(store)
        link = await reader.link()
        store.client.config_resetstat()
        await reader.stream.begin(link)
        stats: Any = store.client.info("commandstats")
        assert len(reader.events) == 3
        assert stats["cmdstat_xread"]["calls"] == 1
        await link.close()

    run(steps())


def test_a_page_of_large_events_is_delivered_in_parts(store: Store) -> None:
    async def steps() -> None:
        store.begin("epoch")
        store.post("epoch", count=5, message=f'"{"x" * 600_000}"')
        reader = Reader(store)
        link = await reader.link()
        await reader.stream.begin(link)
        assert reader.counts == [2, 2, 1]
        await link.close()

    run(steps())


class BrokenLink(RedisLink):
    """Is lost at the first read."""

    async def read(self, parts: tuple[Part, ...], block_s: float) -> Any:
        await self.close()
        raise BrokerError("the link is lost", temporary=True)


def test_a_link_that_breaks_while_a_quiet_stream_is_read_back_begins_no_epoch(store: Store) -> None:
    async def steps() -> None:
        old = int(time.time() * 1000) - 100_000_000
        store.begin("epoch")
        store.client.execute_command(  # type: ignore[no-untyped-call]
            "XSETID", store.events, f"{old}-0", "ENTRIESADDED", 0, "MAXDELETEDID", f"{old}-0"
        )
        store.client.hset(store.epoch, mapping={"born": old, "last": old})
        reader = Reader(store)
        with pytest.raises(BrokerError):
            await reader.stream.begin(await reader.link(BrokenLink))
        link = await reader.link()
        await reader.stream.begin_late(link, EventId(1))
        assert store.read("epoch") == b"epoch"
        await reader.stream.resume(link)
        assert store.read("epoch") == b"epoch"
        await link.close()

    run(steps())


@pytest.mark.parametrize("left", [2, 0])
def test_what_is_trimmed_before_the_first_page_of_a_start_is_below_the_horizon(store: Store, left: int) -> None:
    class Trimmed(RedisLink):
        """Another daemon trims before the first read."""

        async def read(self, parts: tuple[Part, ...], block_s: float) -> Any:
            await self.ask("XTRIM", store.events, "MAXLEN", left)
            return await super().read(parts, block_s)

    async def steps() -> None:
        store.begin("epoch")
        first = store.post("epoch", count=5)
        reader = Reader(store)
        link = await reader.link(Trimmed)
        assert await reader.stream.begin(link) == first + 4 - left
        assert len(reader.events) == left
        await link.close()

    run(steps())


def test_notices_that_are_over_are_removed_by_whoever_looks(store: Store) -> None:
    store.begin("epoch")
    store.client.hset(store.notices, mapping={"over": "5 x", "later": f"{int(time.time()) + 100} x"})
    store.run(LOOK, "", "", 0)
    assert store.client.hlen(store.notices) == 2
    store.run(LOOK, "", 10**8, 10**9)
    assert store.client.hkeys(store.notices) == [b"later"]
    store.client.hset(store.notices, "over", "5 x")
    store.run(LOOK, "", 10**8, 10**9)
    assert store.client.hlen(store.notices) == 2  # once a minute


def test_a_limit_that_is_raised_while_the_daemon_serves_holds_for_what_others_post(
    redis: RedisServer, store: Store
) -> None:
    async def steps() -> None:
        limits = LimitSettings(max_channel_length=5)
        one, other = await Node(redis, store.name).start(), await Node(redis, store.name, limits=limits).start()
        put_in_force(limits, LimitSettings())
        await one.post("a-long-channel")
        await one.post("a")
        await until(lambda: other.events and other.events[-1].channel == "a", "the event after it")
        assert (other.seen, other.noted) == (one.seen, [])
        for node in (one, other):
            await node.broker.stop()

    run(steps())
