"""Does a hub on a RabbitMQ exchange start when it can, say why when it cannot, and stop in time?"""

import asyncio
import json
import logging

import pytest

from oyez.errors import BrokerError
from tests.amqp import Site, now_us, run
from tests.proxy import Proxy
from tests.rabbitmq import RabbitMQ

# The start


@pytest.mark.parametrize(
    ("exchange_name", "vhost", "user", "password", "stream", "hint"),
    [
        ("nowhere", "%2F", "guest", "guest", "", "the exchange 'nowhere' is not there"),
        ("amq.fanout", "else", "guest", "guest", "", "no virtual host 'else'"),
        ("amq.fanout", "%2F", "guest", "WRONG", "", "refuses the user 'guest'"),
        ("amq.fanout", "%2F", "guest", "guest", "&stream=plain", "the stream 'plain' cannot be used"),
        ("amq.fanout", "%2F", "stranger", "guest", "", "the user 'stranger' lacks a permission"),
        ("amq.fanout", "%2F", "reader", "guest", "", "access to exchange 'amq.fanout'"),
        ("amq.fanout", "%2F", "guest", "guest", "&stream=amq.mine", "amq.mine"),
    ],
)
def test_what_only_an_operator_can_mend_stops_the_start(
    rabbitmq: RabbitMQ, exchange_name: str, vhost: str, user: str, password: str, stream: str, hint: str
) -> None:
    with rabbitmq.connect() as connection:
        connection.channel().queue_declare("plain", durable=True)
        connection.channel().queue_purge("plain")
    url = rabbitmq.url(exchange_name, stream, vhost=vhost).replace("guest:guest@", f"{user}:{password}@")

    async def scene() -> None:
        site = Site(url)
        with pytest.raises(BrokerError) as refused:
            await site.hub.start()
        assert hint in str(refused.value)
        assert "WRONG" not in str(refused.value)
        assert not refused.value.temporary
        assert not site.broker.available

    run(scene())
    with rabbitmq.connect() as connection:
        assert connection.channel().queue_declare("plain", passive=True).method.message_count == 0


def test_tls_is_used_and_a_certificate_of_nobody_is_refused(rabbitmq: RabbitMQ, exchange: str) -> None:
    def url(more: str) -> str:
        return rabbitmq.url(exchange, more, port=rabbitmq.tls_port).replace("amqp:", "amqps:")

    async def scene() -> None:
        async with Site(url(f"&cafile={rabbitmq.certificate}")) as site:
            await site.taken("in secret")
        with pytest.raises(BrokerError, match="certificate") as refused:
            await Site(url("")).hub.start()
        assert not refused.value.temporary

    run(scene())


def test_a_file_for_tls_that_is_not_there_stops_the_start(rabbitmq: RabbitMQ) -> None:
    async def scene() -> None:
        site = Site(rabbitmq.url("x", "&cafile=/nowhere").replace("amqp://", "amqps://"))
        with pytest.raises(BrokerError, match="a file that the URL names") as refused:
            await site.hub.start()
        assert not refused.value.temporary

    run(scene())


def test_a_server_that_is_not_there_yet_is_waited_for(
    rabbitmq: RabbitMQ, exchange: str, server: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    server.cut()

    async def scene() -> None:
        before = now_us()
        async with Site(rabbitmq.url(exchange, port=server.port)) as site:
            assert not site.broker.available
            assert before <= site.horizon == site.hub.last_id()
            assert (await site.refused("too early")).temporary
            server.mend()
            await site.recovered()
            await site.taken("now")
            assert len(site.lost) == 1

    with caplog.at_level(logging.INFO):
        run(scene())
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "guest:guest" not in caplog.text
    assert "is there again" in caplog.text


def test_a_server_that_is_silent_at_the_start_is_waited_for(rabbitmq: RabbitMQ, exchange: str, server: Proxy) -> None:
    server.pause()

    async def scene() -> None:
        async with Site(rabbitmq.url(exchange, port=server.port), answer_timeout_s=0.3) as site:
            assert not site.broker.available
            await asyncio.to_thread(server.resume)
            await site.recovered()
            await site.taken("now")

    run(scene())


def test_a_start_can_be_given_up(rabbitmq: RabbitMQ, exchange: str, server: Proxy) -> None:
    server.pause()

    async def scene() -> None:
        site = Site(rabbitmq.url(exchange, port=server.port))
        starting = asyncio.create_task(site.hub.start())
        await site.until(lambda: bool(server.ends), "a link to the silent server")
        starting.cancel()
        done, _ = await asyncio.wait({starting}, timeout=2)
        assert starting in done
        assert starting.cancelled()
        await asyncio.wait_for(site.hub.stop(), 2)

    run(scene())


# The end


def test_the_stop_settles_what_is_under_way(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        site = Site(rabbitmq.url(exchange))
        await site.hub.start()
        under_way = [site.post(number) for number in range(500)]
        await asyncio.wait_for(site.hub.stop(), 5)
        assert all(isinstance(outcome.result(), list) for outcome in under_way)
        assert [json.loads(each.message or b"") for each in site.delivered] == list(range(500))
        await site.refused("after the end")

    run(scene())


def test_the_stop_does_not_wait_for_a_silent_server(rabbitmq: RabbitMQ, exchange: str, server: Proxy) -> None:
    async def scene() -> None:
        site = Site(rabbitmq.url(exchange, port=server.port))
        await site.hub.start()
        await asyncio.to_thread(server.pause)
        under_way = site.post("in vain")
        await asyncio.wait_for(site.hub.stop(), 4)
        assert isinstance(under_way.result(), BrokerError)

    run(scene())
