"""Is every post answered, whatever the server does, and every event delivered or told as a gap?"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pamqp import commands

from oyez.brokers.rabbitmq.url import parse_amqp_url
from oyez.errors import BrokerError
from oyez.hub.publication import Publication
from tests.amqp import LIMITS, Site, now_us, run
from tests.amqp_server import AmqpServer

SHORT_S = 0.05


def event(message: object, channel: str = "a") -> bytes:
    return json.dumps({"id": now_us(), "channel": channel, "message": message}).encode()


def site_of(server: AmqpServer, **more: Any) -> Site:
    """A site that looks for signs of life all the time."""
    return Site(replace(parse_amqp_url(server.url()), heartbeat_s=SHORT_S), **more)


def test_what_others_publish_is_delivered_and_what_is_no_event_is_counted() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url()) as site:
            for body in (event(1), b"no event", event({"two": "x" * 5000})):
                server.publish(body)
            assert await site.messages(2) == [1, {"two": "x" * 5000}]
            assert site.notes == {"bad-record": 1}

    run(scene())


def test_posts_are_settled_with_rising_ids_in_the_order_in_which_they_were_made() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url()) as site:
            calls = [site.post(number, "x" * 20_000, number) for number in range(20)]  # more than goes into one write
            outcomes = await asyncio.gather(*calls)
            ids = [event_id for outcome in outcomes if isinstance(outcome, list) for event_id in outcome]
            assert len(ids) == 60
            assert ids == sorted(ids) == site.ids
            messages = await site.messages(60)
            assert messages[::3] == messages[2::3] == list(range(20))

    run(scene())


def test_nothing_is_settled_at_once_and_nothing_is_taken_before_the_start() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site = Site(server.url())
            with pytest.raises(RuntimeError, match="before start"):
                site.broker.publish([], print)
            async with site:
                assert site.post().result() == []

    run(scene())


def test_a_post_that_the_server_does_not_take_is_refused_and_those_after_it_are_not() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url()) as site:
            server.confirms = False
            refused = await site.refused("no")
            assert refused.temporary
            assert "has not taken the post" in str(refused)
            server.confirms = True
            await site.taken("yes")
            assert site.broker.available

    run(scene())


def test_an_event_that_is_too_large_is_refused_for_good() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url(), limits=LIMITS) as site:
            refused = await site.refused("x" * 120_000)
            assert not refused.temporary
            assert "larger than" in str(refused)

    run(scene())


def test_more_posts_than_may_be_under_way_are_refused_at_once() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url(), settle_timeout_s=SHORT_S) as site:
            server.confirms = None
            under_way = site.post(*range(5000))
            assert "too many posts" in str(await site.refused("one more"))
            assert not under_way.done()

    run(scene())


def test_a_cut_fails_what_is_under_way_and_is_told_as_a_gap_when_it_is_mended() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url()) as site:
            (first,) = await site.taken("before")
            page = site.listen("a", start=first)
            server.confirms = None
            under_way = site.post("during")
            server.cut()
            assert "went away" in str(await under_way)
            assert "cannot be reached" in str(await site.refused("after the cut"))
            await site.recovered()
            server.confirms = True
            (after,) = await site.taken("after")
            await site.until(lambda: after in page.got, "the event after the outage")
            assert len(page.gaps) == len(site.lost) == 1
            assert first < site.lost[0] < after

    run(scene())


@pytest.mark.parametrize("full", [commands.Connection.Blocked("disk"), None], ids=["told", "silent"])
def test_a_server_that_is_full_refuses_posts_until_it_has_room(full: object) -> None:
    """That is no outage: what others publish is delivered as ever. One that is silent is lost."""

    async def scene() -> None:
        async with AmqpServer() as server, site_of(server) as site:
            if full:
                server.tell_all(full)
            else:
                server.silent = True
            await site.until(lambda: not site.broker.available, "notice")
            words = "memory or its disk is full" if full else "cannot be reached"
            assert words in str(await site.refused("no room"))
            if full:
                server.publish(event("as ever"))
                await site.messages(1)
                server.tell_all(commands.Connection.Unblocked())
            else:
                server.speak()
            await site.recovered()
            await site.taken("room")
            assert len(site.lost) == (0 if full else 1)

    run(scene())


def delete_queue(server: AmqpServer) -> None:
    server.delete_queue(next(iter(server.queues)))


def delete_exchange(server: AmqpServer) -> None:
    del server.exchanges["site"]


def say_goodbye(server: AmqpServer) -> None:
    server.tell_all(commands.Connection.Close(320, "CONNECTION_FORCED - node is stopped", 0, 0))


@pytest.mark.parametrize("end", [delete_queue, delete_exchange, say_goodbye])
def test_whatever_ends_the_reading_is_noticed_without_a_post(end: Callable[[AmqpServer], None]) -> None:
    async def scene() -> None:
        async with AmqpServer() as server, site_of(server) as site:
            end(server)
            await site.went_away()
            server.exchanges.setdefault("site", set())
            await site.recovered()
            await site.taken("after")
            assert len(site.lost) == 1

    run(scene())


def test_an_exchange_that_is_made_anew_is_bound_again() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, site_of(server) as site:
            server.make_anew("site")
            await site.until(lambda: bool(server.exchanges["site"]), "a binding to the new exchange")
            assert site.lost == []
            await site.taken("again")

    run(scene())


def test_a_post_that_no_queue_takes_is_refused_and_a_gap_is_told() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url()) as site:
            server.make_anew("site")
            assert (await site.refused("nobody has it")).temporary
            await site.recovered()
            await site.taken("after")
            assert len(site.lost) == 1

    run(scene())


def test_an_error_of_ours_on_the_way_to_listeners_is_told_as_a_gap_and_the_reading_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site = Site(server.url())
            deliver = site.hub.deliver

            def fail_once(publications: Sequence[Publication]) -> None:
                site.hub.deliver = deliver  # type: ignore[method-assign]
                site.broker._intake.open(deliver, site.hub.lose)
                raise RuntimeError("a bug")

            site.hub.deliver = fail_once  # type: ignore[method-assign]
            async with site:
                server.publish(event(1))
                await site.until(lambda: bool(site.lost), "a gap")
                server.publish(event(2))
                assert await site.messages(1) == [2]

    run(scene())
    assert "an event is not delivered after an error of ours" in caplog.text


# The start


def test_a_server_that_is_not_there_yet_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            server.silent = True
            async with Site(server.url(), answer_timeout_s=SHORT_S) as site:
                assert not site.broker.available
                assert site.horizon == site.broker.last_id()
                server.speak()
                await site.recovered()
                await site.taken("now")

    with caplog.at_level(logging.INFO):
        run(scene())
    assert "gives no answer; posts are refused until it is there" in caplog.text
    assert "is there again" in caplog.text


@pytest.mark.parametrize(
    ("command", "code", "words", "said"),
    [
        ("Connection.StartOk", 403, "ACCESS_REFUSED - Login was refused", "refuses the user 'guest' or the password"),
        ("Connection.Open", 530, "NOT_ALLOWED - vhost not found", "has no virtual host '/'"),
        ("Exchange.Declare", 404, "NOT_FOUND - no exchange 'site' in vhost '/'", "the exchange 'site' is not there"),
        ("Exchange.Unbind", 403, "ACCESS_REFUSED - write access refused", "the user 'guest' lacks a permission"),
        ("Queue.Bind", 403, "ACCESS_REFUSED - read access refused", "the user 'guest' lacks a permission"),
    ],
)
def test_what_only_an_operator_can_mend_stops_the_start(command: str, code: int, words: str, said: str) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            server.refused[command] = (code, words)
            site = Site(server.url())
            with pytest.raises(BrokerError, match=said) as refusal:
                await site.broker.start(site.hub.deliver, site.hub.lose)
            assert not refusal.value.temporary
            await site.until(lambda: not server.links, "the end of the connection")

    run(scene())


# The end


def test_the_stop_settles_what_is_under_way_and_says_goodbye() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            async with Site(server.url()) as site:
                under_way = [site.post(number) for number in range(100)]
            assert all(isinstance(outcome.result(), list) for outcome in under_way)
            assert server.asked[-1] == "Connection.Close"
            assert "cannot be reached" in str(await site.refused("after the end"))

    run(scene())


def test_the_stop_does_not_wait_for_a_silent_server(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            async with Site(server.url(), settle_timeout_s=SHORT_S) as site:
                server.silent = True
                under_way = site.post("in vain")
            assert isinstance(under_way.result(), BrokerError)
            await site.until(lambda: not server.links, "the end of the connection")

    run(scene())
    assert "has not answered all posts" in caplog.text
