"""Does a hub on a RabbitMQ exchange show what anybody publishes there, and survive what befalls the server?"""

import asyncio
import json

import pika
import pytest

from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post
from tests.amqp import Site, SitePoster, now_us, run
from tests.fakes import Clock
from tests.proxy import Proxy
from tests.rabbitmq import RabbitMQ

# What posters write


@pytest.mark.parametrize("kind", ["fanout", "topic"])
@pytest.mark.parametrize("routing_key", ["#", ""], ids=["LQDOJ", "DMOJ"])
def test_what_sites_publish_is_delivered_with_their_ids(rabbitmq: RabbitMQ, kind: str, routing_key: str) -> None:
    name = f"{kind}{len(routing_key)}"
    rabbitmq.declare(name, kind)

    async def scene() -> None:
        async with Site(rabbitmq.url(name)) as site:
            listener = site.listen("sub_1", start=site.hub.last_id())
            with SitePoster(rabbitmq.connect(), name, routing_key) as poster:
                ids = [poster.post("sub_1", {"type": "test-case", "id": number}) for number in range(100)]
            assert await site.messages(100) == [{"type": "test-case", "id": number} for number in range(100)]
            await site.until(lambda: listener.got == ids, "events at the listener with the ids of the poster")
            assert site.hub.last_id() == ids[-1]

    run(scene())


def test_bad_bodies_are_counted_and_passed_over(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange)) as site:
            with SitePoster(rabbitmq.connect(), exchange) as poster:
                poster.publish_all([b"", b"\xff", b"{}", b'{"id":true,"channel":"a"}', b'{"id":7,"channel":""}'])
                poster.publish(b'{"id":%d,"channel":"%s"}' % (now_us(), b"x" * 101))
                poster.publish(b'{"id":%d,"channel":"a","message":"%s"}' % (now_us(), b"x" * 200_000))
                poster.post("a", "good")
            assert await site.messages(1) == ["good"]
            assert site.notes == {"bad-record": 7}

    run(scene())


@pytest.mark.parametrize("stream", ["", "&stream=strange"])
def test_what_stands_beside_a_body_ends_no_connection(rabbitmq: RabbitMQ, exchange: str, stream: str) -> None:
    strange = [
        pika.BasicProperties(timestamp=now_us()),
        pika.BasicProperties(timestamp=2**63),
        pika.BasicProperties(content_type=b"caf\xe9"),
        pika.BasicProperties(message_id=b"\xff"),
        pika.BasicProperties(headers={b"\xe9": "\x00", "list": [1, {b"\xff": 2}]}),
    ]

    async def scene() -> None:
        async with Site(rabbitmq.url(exchange, stream)) as site:
            with rabbitmq.connect() as connection:
                channel = connection.channel()
                for properties in strange:
                    channel.basic_publish(exchange, b"\xe9", json.dumps({"id": 7, "channel": "a"}).encode(), properties)
            await site.messages(len(strange))
            await site.taken("own")
            assert not site.lost

    run(scene())


def test_ids_that_fall_or_repeat_are_raised(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange)) as site:
            with SitePoster(rabbitmq.connect(), exchange) as poster:
                first = now_us()
                for given in (first, first, first - 1_000_000, first + 10, 1):
                    poster.post("a", given, event_id=given)
            await site.messages(5)
            assert site.ids == [first, first + 1, first + 2, first + 10, first + 11]

    run(scene())


def test_one_wild_clock_does_not_carry_the_ids_away(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        clock = Clock(2_000_000_000.0)
        now = int(clock.now * 1e6)
        async with Site(rabbitmq.url(exchange, "&skew=3"), wall_clock=clock) as site:
            with SitePoster(rabbitmq.connect(), exchange) as poster:
                for given in (now + 2_999_999, now + 3_600_000_000, now + 10):
                    poster.post("a", given, event_id=given)
            await site.messages(3)
            assert site.ids == [now + 2_999_999, now + 3_000_000, now + 3_000_001]
            assert site.notes == {"clock-ahead": 1}

    run(scene())


def test_a_page_that_names_a_clock_gets_what_another_clock_put_before_it(rabbitmq: RabbitMQ, exchange: str) -> None:
    """`last()` of an AMQP poster is the web host's clock, which may be ahead of that of the host that judges."""

    async def scene() -> None:
        clock = Clock(2_000_000_000.0)
        async with Site(rabbitmq.url(exchange), wall_clock=clock) as site:
            clock.now += 60
            now = int(clock.now * 1e6)
            with SitePoster(rabbitmq.connect(), exchange) as poster:
                poster.post("a", "behind", event_id=now - 1_500_000)
            await site.messages(1)
            rendered, future = site.listen("a", start=now), site.listen("a", start=now + 3_000_000)
            await site.until(lambda: rendered.got == [now - 1_500_000], "the event that the page had missed")
            assert rendered.gaps == []
            assert [gap.after for gap in future.gaps] == [now + 3_000_000]

    run(scene())


# Several daemons


def test_all_daemons_on_an_exchange_show_the_same_events(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange)) as one, Site(rabbitmq.url(exchange)) as two:
            with SitePoster(rabbitmq.connect(), exchange) as poster:
                for number in range(20):
                    await one.taken(f"one {number}")
                    await two.taken(f"two {number}")
                    poster.post("a", f"site {number}")
            assert sorted(await one.messages(60)) == sorted(await two.messages(60))
            assert {each.id: each.message for each in one.delivered} == {
                each.id: each.message for each in two.delivered
            }

    run(scene())


def test_all_that_a_post_may_be_arrives_at_another_daemon(rabbitmq: RabbitMQ, exchange: str) -> None:
    posts = [
        Post(Channel("é\ud800"), b'{"x" : [1.0, "\xc3\xa9"]}'),
        Post(Channel("a"), None),
        Post(Channel("a"), b'{"_placeholder":true,"num":0}', (b"\x00\xff", b"")),
        Post(Channel("a"), b'"%s"' % (b"x" * 99_000)),
    ]

    async def scene() -> None:
        async with Site(rabbitmq.url(exchange)) as one, Site(rabbitmq.url(exchange)) as two:
            settled: asyncio.Future[list[EventId] | BrokerError] = asyncio.get_running_loop().create_future()
            one.broker.publish(posts, settled.set_result)
            assert not isinstance(await settled, BrokerError)
            await two.until(lambda: len(two.delivered) == len(posts), "the posts")
            assert [(each.channel, each.message, each.attachments) for each in two.delivered] == [
                (post.channel, post.message, post.attachments) for post in posts
            ]

    run(scene())


def test_an_event_that_no_daemon_would_read_is_refused(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange)) as site:
            error = await site.refused("x" * 100_000)
            assert not error.temporary
            await site.taken("a small one")

    run(scene())


# Outages


def test_a_cut_refuses_posts_at_once_and_tells_of_a_gap(rabbitmq: RabbitMQ, exchange: str, server: Proxy) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange, port=server.port)) as site:
            (first,) = await site.taken("before")
            listener = site.listen("a", start=first)
            under_way = [site.post(number) for number in range(50)]
            await asyncio.to_thread(server.cut)
            outcomes = await asyncio.wait_for(asyncio.gather(*under_way), 2)
            assert all(isinstance(outcome, list) or outcome.temporary for outcome in outcomes)
            await site.until(lambda: not site.broker.available, "notice of the cut")
            assert (await site.refused("during")).temporary
            with SitePoster(rabbitmq.connect(), exchange) as poster:
                unseen = poster.post("a", "unseen")
            server.mend()
            await site.recovered()
            (after,) = await site.taken("after")
            await site.until(lambda: after in listener.got, "the event after the outage")
            assert [gap.channel for gap in listener.gaps] == ["a"]
            assert unseen <= site.lost[0] < after
            assert len(site.lost) == 1
            assert unseen not in listener.got
            assert "during" not in await site.messages(1)

    run(scene())


def test_a_silent_server_is_noticed(rabbitmq: RabbitMQ, exchange: str, server: Proxy) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange, "&heartbeat=1", port=server.port)) as site:
            await site.taken("before")
            await asyncio.to_thread(server.pause)
            assert (await site.refused("into the silence")).temporary
            await site.until(lambda: not site.broker.available, "notice of the silence")
            await asyncio.to_thread(server.resume)
            await site.recovered(within_s=20)
            await site.taken("after")
            assert len(site.lost) == 1

    run(scene())


def test_an_exchange_that_is_deleted_is_an_outage_until_it_is_back(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange, "&heartbeat=1")) as site:
            await asyncio.to_thread(rabbitmq.delete, exchange=exchange)
            await site.until(lambda: not site.broker.available, "notice of the deletion, without any post")
            await site.refused("during")
            await asyncio.to_thread(rabbitmq.declare, exchange)
            await site.recovered()
            await site.taken("after")
            assert site.lost

    run(scene())


@pytest.mark.parametrize("stream", ["", "&stream=remade"])
def test_an_exchange_that_is_made_anew_is_bound_again(rabbitmq: RabbitMQ, exchange: str, stream: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange, f"&heartbeat=1{stream}")) as site:
            await asyncio.to_thread(rabbitmq.make_anew, exchange)
            with SitePoster(rabbitmq.connect(), exchange) as poster:

                def seen() -> bool:
                    poster.post("a", "again")
                    return bool(site.delivered)

                await site.until(seen, "an event of the new exchange")

    run(scene())


@pytest.mark.parametrize("stream", ["", "&stream=remade-2"])
def test_a_post_that_no_queue_takes_finds_out_and_a_gap_is_told(rabbitmq: RabbitMQ, exchange: str, stream: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange, f"&heartbeat=60{stream}")) as site:
            await asyncio.to_thread(rabbitmq.make_anew, exchange)
            await site.refused("nobody has it")
            await site.recovered()
            (event,) = await site.taken("after")
            assert [up_to < event for up_to in site.lost] == [True]

    run(scene())


@pytest.mark.slow
def test_a_full_server_is_noticed_long_before_the_next_heartbeat(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange, "&heartbeat=3600")) as site:
            await asyncio.to_thread(rabbitmq.fill)
            try:
                await site.refused("the server says that it is full when something is posted")
                assert not site.broker.available
            finally:
                await asyncio.to_thread(rabbitmq.make_room)
            await site.recovered()
            await site.taken("after")

    run(scene())


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back(rabbitmq: RabbitMQ, exchange: str) -> None:
    async def scene() -> None:
        async with Site(rabbitmq.url(exchange)) as site:
            (first,) = await site.taken("before")
            listener = site.listen("a", start=first)
            await asyncio.to_thread(rabbitmq.kill)
            await site.until(lambda: not site.broker.available, "notice of the end")
            await site.refused("during")
            async with Site(rabbitmq.url(exchange, "&heartbeat=1")) as late:
                assert not late.broker.available
                assert late.horizon == late.hub.last_id() > first
                await asyncio.to_thread(rabbitmq.start)
                await site.recovered(within_s=60)
                await late.recovered(within_s=60)
                assert late.lost
                (after,) = await site.taken("after")
                await late.messages(1)
                assert late.ids == [after]
                await site.until(lambda: listener.got == [after], "the event after the outage")
                assert len(listener.gaps) == 1

    run(scene())
