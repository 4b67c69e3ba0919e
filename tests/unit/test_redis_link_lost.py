"""Does a broker that loses Redis again and again say so once, and take posts as soon as it can?"""

import asyncio
from collections.abc import Iterator

import pytest

from oyez.errors import BrokerError
from tests.proxy import Proxy
from tests.redis_nodes import Node, numbers, run, until
from tests.redis_server import RedisServer


@pytest.fixture
def name() -> str:
    """The name of a store of the test's own."""
    return f"lost-{next(numbers)}"


@pytest.fixture
def way(redis: RedisServer) -> Iterator[Proxy]:
    """The way to Redis, which can be cut."""
    with Proxy(redis.port) as proxy:
        yield proxy


def test_a_redis_that_was_full_is_available_once_the_link_is_a_new_one(
    redis: RedisServer, name: str, way: Proxy
) -> None:
    async def steps() -> None:
        node = await Node(redis, name, port=way.port).start()
        redis.client.config_set("maxmemory", "1")
        try:
            with pytest.raises(BrokerError, match="takes no posts"):
                await node.post("a")
        finally:
            redis.client.config_set("maxmemory", "0")
        way.cut()
        with pytest.raises(BrokerError, match=r"is lost|cannot be reached"):
            await node.post("a")
        way.mend()
        await until(lambda: node.broker.available, "recovery")
        await node.broker.stop()

    run(steps())


def test_settings_are_told_again_only_when_they_have_changed(
    redis: RedisServer, name: str, way: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def lose(node: Node) -> None:
        way.cut()
        await until(lambda: not node.broker.available, "notice of the outage")
        way.mend()
        await until(lambda: node.broker.available, "recovery")

    async def steps() -> None:
        node = await Node(redis, name, port=way.port).start()
        await lose(node)
        assert caplog.text.count("appendfsync is") == 1
        redis.client.config_set("appendfsync", "everysec")
        try:
            await lose(node)
        finally:
            redis.client.config_set("appendfsync", "always")
        assert caplog.text.count("appendfsync is") == 2
        await node.broker.stop()

    run(steps())


def test_a_redis_that_may_only_be_read_is_told_of_once(
    redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def steps() -> None:
        node = await Node(redis, name).start()
        redis.client.replicaof("127.0.0.1", "1")
        try:
            while caplog.text.count("is there again") < 3:
                with pytest.raises(BrokerError):
                    await node.post("a")
                await asyncio.sleep(0.01)
        finally:
            redis.client.replicaof("NO", "ONE")
        assert caplog.text.count("read only replica") == 1
        await node.post_until_taken()
        assert node.lost == []
        await node.broker.stop()

    run(steps())
