"""Is it said in words what is wrong with Redis, and is only that tried again which waiting may help?"""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import exceptions

from oyez.brokers.redis.errors import FullError, explain, explain_answer
from oyez.brokers.redis.link import RedisLink
from oyez.brokers.redis.scripts import LOOK, OLD
from oyez.brokers.redis.url import RedisUrl, parse_redis_url
from oyez.errors import BrokerError
from tests.certificate import make_certificate
from tests.ports import free_port
from tests.redis_nodes import Node, numbers, run, until
from tests.redis_server import RedisServer

URL = RedisUrl("mq:6379", "mq")


@pytest.fixture
def user(redis: RedisServer) -> Iterator[str]:
    """A user who may do all but trim and write into streams."""
    redis.client.execute_command("ACL", "SETUSER", "weak", "on", ">hush", "~*", "+@all", "-xadd")  # type: ignore[no-untyped-call]
    yield "weak"
    redis.client.execute_command("ACL", "DELUSER", "weak")  # type: ignore[no-untyped-call]


async def connect(url: str) -> None:
    link = RedisLink(parse_redis_url(url))
    try:
        await link.open()
    finally:
        await link.close()


def refusal(url: str) -> BrokerError:
    with pytest.raises(BrokerError) as refused:
        asyncio.run(connect(url))
    return refused.value


def test_a_wrong_password_over_a_socket_is_not_tried_again(redis: RedisServer) -> None:
    error = refusal(f"redis+unix://nobody:SECRET@{redis.socket}")
    assert not error.temporary
    assert "refuses the user 'nobody' or the password" in str(error)
    assert "SECRET" not in str(error)


def test_a_server_whose_certificate_is_unknown_cannot_be_trusted(redis: RedisServer, tmp_path: Path) -> None:
    certificate, port = make_certificate(tmp_path), free_port()
    for name, value in {"tls-cert-file": certificate, "tls-key-file": certificate, "tls-auth-clients": "no"}.items():
        redis.client.config_set(name, str(value))
    redis.client.config_set("tls-port", port)
    try:
        error = refusal(redis.url(port=port).replace("redis://", "rediss://"))
        asyncio.run(connect(redis.url(f"?cafile={certificate}", port=port).replace("redis://", "rediss://")))
    finally:
        redis.client.config_set("tls-port", 0)
    assert error.temporary
    assert "cannot be trusted" in str(error)


def test_a_link_with_tls_that_is_cut_is_lost() -> None:
    cut = exceptions.ConnectionError("cut")
    cut.__cause__ = ssl.SSLEOFError(8, "EOF")
    assert "is lost (ask)" in str(explain(cut, URL, "ask"))


def test_a_right_that_a_script_lacks_ends_the_start(redis: RedisServer, user: str) -> None:
    async def steps() -> None:
        node = Node(redis, f"errors-{next(numbers)}", user=f"{user}:hush@")
        with pytest.raises(BrokerError, match="does not let the user do what is needed") as refused:
            await node.start()
        assert not refused.value.temporary

    run(steps())


def test_a_right_to_trim_that_is_missing_is_said(
    redis: RedisServer, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    redis.client.execute_command("ACL", "SETUSER", user, "+xadd", "-xtrim")  # type: ignore[no-untyped-call]

    async def steps() -> None:
        node = await Node(redis, f"errors-{next(numbers)}", user=f"{user}:hush@").start()
        await until(lambda: "does not let the user do what is needed" in caplog.text, "a word about it")
        await node.broker.stop()

    run(steps())


@pytest.mark.parametrize(
    ("text", "temporary", "words"),
    [
        ("ERR ACL failure in script: User weak has no permissions", False, "does not let the user"),
        ("NOREPLICAS Not enough good replicas to write.", True, "takes no posts: it has too few replicas"),
        ("OLD Redis", False, "Redis 7 or newer is needed"),
        ("MOVED 3999 10.0.0.2:6379", True, "part of a cluster"),
    ],
)
def test_what_redis_refuses_is_said_in_words(text: str, temporary: bool, words: str) -> None:
    error = explain_answer(exceptions.ResponseError(text), URL)
    assert (error.temporary, words in str(error)) == (temporary, True)


def test_no_refusal_quotes_the_password() -> None:
    refused = exceptions.ResponseError("unknown command 'AUTH', with args beginning with: 'SECRET' ")
    assert str(explain_answer(refused, URL)) == "Redis at mq:6379 refuses: unknown command 'AUTH'"


def test_a_redis_that_does_not_tell_its_version_to_scripts_is_too_old(redis: RedisServer) -> None:
    old = LOOK.text.replace("redis.REDIS_VERSION_NUM", "redis.NOT_YET")  # as before version 7
    with pytest.raises(exceptions.ResponseError, match=f"^{OLD} "):
        redis.client.eval(old, 3, "a", "b", "c", "", "", 0)


@pytest.mark.parametrize("highest", [2**53 - 1, 2**64 - 1])
def test_an_entry_that_leaves_no_room_for_ids_is_told_with_what_to_delete(redis: RedisServer, highest: int) -> None:
    async def steps() -> None:
        name = f"errors-{next(numbers)}"
        key = f"{{{name}}}:events"
        node = await Node(redis, name).start()
        before = (await node.post("a"))[0]
        redis.client.xadd(key, {"some": "thing"}, id=f"{highest}-0")
        for _ in range(2):
            with pytest.raises(FullError, match="highest id is taken") as refused:
                await node.post("a")
        assert f"delete the key {key}" in str(refused.value)
        late = await Node(redis, name).start()
        assert [event.id for event in late.events] == [before]
        redis.client.delete(key)
        after = await node.post_until_taken()
        assert before < after < before + 10**6
        for each in (node, late):
            await each.broker.stop()

    run(steps())
