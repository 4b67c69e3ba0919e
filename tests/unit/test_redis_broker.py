"""Do several daemons on one Redis show one order, and tell a gap where something is lost, and only there?"""

import asyncio
import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import pytest

from oyez.errors import BrokerError
from oyez.hub.notices import Notice
from tests.proxy import Proxy
from tests.redis_nodes import PATIENCE_S, Node, numbers, run, until
from tests.redis_server import RedisServer


@pytest.fixture
def name() -> str:
    """The name of a store of the test's own."""
    return f"test-{next(numbers)}"


@pytest.fixture
def way(redis: RedisServer) -> Iterator[Proxy]:
    """The way to Redis, which can be cut."""
    with Proxy(redis.port) as proxy:
        yield proxy


def test_two_daemons_show_one_order_of_what_both_take(redis: RedisServer, name: str) -> None:
    async def steps() -> None:
        one, other = await Node(redis, name).start(), await Node(redis, name).start()
        assert one.horizon == other.horizon
        posted = [node.post("a", "b") for _ in range(100) for node in (one, other)]
        ids = sorted(event for events in await asyncio.gather(*posted) for event in events)
        await until(lambda: len(one.events) == len(other.events) == 400, "all events")
        assert one.seen == other.seen
        assert [event for event, _ in one.seen] == ids
        late = await Node(redis, name).start()
        assert (late.seen, late.horizon, late.broker.last_id()) == (one.seen, one.horizon, ids[-1])
        for node in (one, other, late):
            await node.broker.stop()
            assert node.lost == []

    run(steps())


def test_no_acknowledged_event_is_lost_by_a_kill_of_redis_that_syncs_each_write(redis: RedisServer, name: str) -> None:
    async def steps() -> None:
        one, other = await Node(redis, name).start(), await Node(redis, name).start()
        posted = [one.post("a") for _ in range(3000)]
        await posted[100]
        redis.kill()
        outcomes = await asyncio.gather(*posted, return_exceptions=True)
        taken = [outcome[0] for outcome in outcomes if isinstance(outcome, list)]
        assert all(isinstance(outcome, list | BrokerError) for outcome in outcomes)
        assert not one.broker.available
        with pytest.raises(BrokerError, match="cannot be reached"):
            await one.post("a")
        redis.start()
        newest = await one.post_until_taken()
        await until(lambda: other.events and other.events[-1].id == newest, "the event after the kill")
        assert one.seen == other.seen
        assert set(taken) <= {event for event, _ in one.seen}
        assert one.lost == other.lost == []
        for node in (one, other):
            await node.broker.stop()

    run(steps())


def test_whoever_flushes_the_database_has_all_daemons_tell_a_gap(redis: RedisServer, name: str) -> None:
    async def steps() -> None:
        one, other = await Node(redis, name).start(), await Node(redis, name).start()
        before = (await one.post("a"))[0]
        await until(lambda: other.events, "the event")
        redis.client.flushdb()
        await until(lambda: one.lost and other.lost, "a gap at both")
        after = await other.post_until_taken()
        await until(lambda: one.events[-1].id == after, "the event after the flush")
        assert one.lost == other.lost
        assert before <= one.lost[0] < after
        for node in (one, other):
            await node.broker.stop()

    run(steps())


def test_what_was_read_and_is_lost_by_the_store_is_told_by_all_and_its_ids_are_not_given_again(
    redis: RedisServer, name: str
) -> None:
    """As when a replica is promoted that had not got the last events; only one daemon had read them."""

    async def steps() -> None:
        keys = [f"{{{name}}}:{key}" for key in ("events", "epoch")]
        one, other = await Node(redis, name).start(), await Node(redis, name).start()
        await one.post("a")
        await until(lambda: other.events, "the event")
        saved = [redis.client.dump(key) or b"" for key in keys]
        lost = [(await one.post("a"))[0] for _ in range(3)]
        await until(lambda: len(other.events) == 4, "all events")
        with redis.client.pipeline() as pipeline:
            for key, value in zip(keys, saved, strict=True):
                pipeline.restore(key, 0, value, replace=True)
            pipeline.execute()
        after = await other.post_until_taken()
        await until(lambda: one.lost and other.lost, "a gap at both")
        newest = await other.post_until_taken()
        await until(lambda: one.events[-1].id == newest, "what comes after it")
        assert min(one.lost[-1], other.lost[-1]) >= lost[-1]
        assert newest > lost[-1]
        assert after not in lost
        for node in (one, other):
            await node.broker.stop()

    run(steps())


def test_only_the_daemon_that_trimming_has_overtaken_tells_a_gap(redis: RedisServer, name: str, way: Proxy) -> None:
    async def steps() -> None:
        one, behind = await Node(redis, name).start(), await Node(redis, name, port=way.port).start()
        first = (await one.post("a"))[0]
        await until(lambda: behind.events, "the event")
        way.cut()
        await until(lambda: not behind.broker.available, "notice of the outage")
        missed = [(await one.post("a"))[0] for _ in range(5)]
        redis.client.xtrim(f"{{{name}}}:events", maxlen=2, approximate=False)
        way.mend()
        await until(lambda: behind.events[-1].id == missed[-1], "what is left")
        assert [event.id for event in behind.events] == [first, *missed[-2:]]
        assert behind.lost == [missed[-2] - 1]
        assert one.lost == []
        for node in (one, behind):
            await node.broker.stop()

    run(steps())


def test_an_outage_of_the_network_costs_nothing_but_time(redis: RedisServer, name: str, way: Proxy) -> None:
    async def steps() -> None:
        one, away = await Node(redis, name).start(), await Node(redis, name, port=way.port).start()
        await one.post("a")
        way.cut()
        await until(lambda: not away.broker.available, "notice of the outage")
        await one.post("a", "b")
        way.mend()
        newest = await away.post_until_taken()
        await until(lambda: one.events[-1].id == newest, "the last event")
        assert one.seen == away.seen
        assert away.lost == []
        for node in (one, away):
            await node.broker.stop()

    run(steps())


def test_a_redis_that_hangs_has_posts_answered_in_time(redis: RedisServer, name: str) -> None:
    async def steps() -> None:
        node = await Node(redis, name).start()
        await node.post("a")
        redis.suspend()
        try:
            began = time.monotonic()
            with pytest.raises(BrokerError, match="may have been taken"):
                await node.post("a")
            assert time.monotonic() - began < PATIENCE_S / 2
            with pytest.raises(BrokerError, match="cannot be reached"):
                await node.post("a")
        finally:
            redis.resume()
        await node.post_until_taken()
        assert node.lost == []
        await node.broker.stop()

    run(steps())


def test_a_full_redis_refuses_and_takes_posts_again(redis: RedisServer, name: str) -> None:
    async def steps() -> None:
        node = await Node(redis, name).start()
        redis.client.config_set("maxmemory", "1")
        try:
            with pytest.raises(BrokerError, match="takes no posts: its memory is full"):
                await node.post("a")
            assert not node.broker.available
        finally:
            redis.client.config_set("maxmemory", "0")
        assert len(await node.post("a")) == 1
        assert node.broker.available
        assert node.lost == []
        await node.broker.stop()

    run(steps())


def test_scripts_that_redis_has_forgotten_are_brought_again(redis: RedisServer, name: str) -> None:
    async def steps() -> None:
        node = await Node(redis, name).start()
        redis.client.script_flush()
        assert len(await node.post("a", "b")) == 2
        await node.broker.stop()

    run(steps())


@pytest.mark.parametrize(("ahead_s", "least_s", "most_s"), [(3600, 1.0, 2.5), (-3600, -2.5, 0.5)])
def test_a_clock_that_is_an_hour_off_moves_ids_by_two_seconds(
    redis: RedisServer, name: str, ahead_s: float, least_s: float, most_s: float
) -> None:
    async def steps() -> None:
        await (await Node(redis, name).start()).broker.stop()
        born = int(redis.client.hget(f"{{{name}}}:epoch", "born") or 0)
        redis.client.hset(f"{{{name}}}:epoch", "last", str(born - 10_000))
        node = await Node(redis, name, wall_clock_s=ahead_s).start()
        redis.client.hset(f"{{{name}}}:epoch", "last", str(born))
        event = (await node.post("a"))[0]
        off_s = event / 1000 - time.time()
        assert off_s <= most_s
        assert off_s >= least_s or event == born + 1
        await node.broker.stop()

    run(steps())


def test_foreign_entries_are_passed_by(redis: RedisServer, name: str) -> None:
    async def steps() -> None:
        one, other = await Node(redis, name).start(), await Node(redis, name).start()
        await one.post("a")
        key = f"{{{name}}}:events"
        redis.client.xadd(key, {"some": "thing"})
        redis.client.xadd(key, {"c": "a", "m": "1"})
        newest = await one.post_until_taken()
        await until(lambda: other.events and other.events[-1].id == newest, "the event after them")
        assert other.seen == one.seen
        assert other.noted == one.noted == ["bad-record", "bad-record"]
        assert one.lost == other.lost == []
        late = await Node(redis, name).start()
        assert late.seen == one.seen
        for node in (one, other, late):
            await node.broker.stop()

    run(steps())


def test_notices_reach_all_daemons_and_those_that_start_later(redis: RedisServer, name: str) -> None:
    async def steps() -> None:
        one, other = await Node(redis, name).start(), await Node(redis, name).start()
        outcomes: list[BrokerError | None] = []
        soon, now_s = int(time.time()) + 1000, int(time.time())
        one.broker.tell(Notice(b"x", b"old", soon), outcomes.append)
        one.broker.tell(Notice(b"x", b"new", soon), outcomes.append)
        one.broker.tell(Notice(b"y", b"over", now_s - 5), outcomes.append)
        posted = one.post("a")
        await posted
        assert outcomes == [None] * 3
        await until(lambda: other.events, "what was posted after them")
        assert one.notices == other.notices == [b"old", b"new"]
        late = await Node(redis, name).start()
        assert late.notices[:1] == [b"new"]
        for node in (one, other, late):
            await node.broker.stop()
        outcomes.clear()
        one.broker.tell(Notice(b"x", b"late", soon), outcomes.append)
        assert isinstance(outcomes[0], BrokerError)

    run(steps())


def test_a_daemon_that_starts_without_redis_tells_a_gap_when_it_is_there(
    redis: RedisServer, name: str, way: Proxy
) -> None:
    async def steps() -> None:
        one = await Node(redis, name).start()
        way.cut()
        node = await Node(redis, name, port=way.port).start()
        with pytest.raises(BrokerError, match="cannot be reached"):
            await node.post("a")
        await one.post("a")
        way.mend()
        newest = await node.post_until_taken()
        assert node.lost
        assert node.horizon <= node.lost[0] < newest
        await until(lambda: one.events[-1].id == newest, "its event at the other")
        assert one.lost == []
        for each in (one, node):
            await each.broker.stop()

    run(steps())


def test_a_missing_library_is_named_with_the_command_that_installs_it() -> None:
    program = textwrap.dedent(
        """
        import json, sys
        sys.modules["redis"] = None  # as if it were not there
        from oyez.brokers.redis.context import RedisContext
        from oyez.brokers.redis.url import parse_redis_url
        from oyez.brokers.redis import open_redis
        from oyez.config.tree import Settings
        from oyez.errors import ConfigError
        try:
            context = RedisContext(Settings().limits, Settings().history, print)
            open_redis(parse_redis_url("redis://u:SECRET@mq/"), context)
        except ConfigError as error:
            print(json.dumps([error.key, str(error)]))
        """
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    key, text = json.loads(told.stdout)
    assert key == "broker"
    assert "pip install '/path/to/oyez[redis]'" in text
    assert "SECRET" not in text


def test_settings_that_cost_events_are_warned_of(
    redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def steps() -> None:
        node = await Node(redis, name).start()
        await node.broker.stop()

    caplog.set_level("INFO")
    run(steps())
    assert "each acknowledged event is on the disk" in caplog.text
    assert "WARNING" not in caplog.text
    redis.client.config_set("maxmemory-policy", "allkeys-lru")
    redis.client.set(":1:session", "a cache's")
    try:
        run(steps())
    finally:
        redis.client.config_set("maxmemory-policy", "noeviction")
        redis.client.delete(":1:session")
    assert "set noeviction" in caplog.text
    assert "holds a cache of Django's" in caplog.text
