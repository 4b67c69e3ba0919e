"""Does a stream bring back what was published before, and does it say where something may be missing?"""

import asyncio
import itertools
import json
from collections.abc import Callable

import pytest
from pamqp import commands

from oyez.errors import BrokerError
from tests.amqp import HISTORY, Site, now_us, run
from tests.amqp_server import AmqpServer, Queue, StoredMessage

MORE = "&stream=kept&skew=0"
SHORT_S = 0.5  # time enough for all that is answered


def old_stream(server: AmqpServer, *seconds_ago: float) -> list[int]:
    """Make a stream with an event of each age, and an older one that it has dropped; the ids."""
    stream = server.queues["kept"] = Queue(is_stream=True)
    server.exchanges["site"].add("kept")
    ids = [now_us() - int(ago * 1_000_000) for ago in (1000, *seconds_ago)]
    for event_id in ids:
        server.publish(body(event_id, event_id))
    stream.first = 1
    return ids[1:]


def body(event_id: int, message: object) -> bytes:
    return json.dumps({"id": event_id, "channel": "a", "message": message}).encode()


async def cut(server: AmqpServer, site: Site) -> None:
    server.cut()
    await site.went_away()


def test_a_restart_brings_everything_back_under_its_id() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            async with Site(server.url(MORE)) as site:
                ids = await site.taken(1, 2)
                server.publish(b"no event")
                await site.until(lambda: site.notes["bad-record"] == 1, "the bad record")
            server.publish(body(now_us(), "while away"))
            async with Site(server.url(MORE)) as site:
                assert await site.messages(3) == [1, 2, "while away"]
                assert site.ids[:2] == ids
                assert site.horizon < ids[0]
                page = site.listen("a", start=ids[0])
                await site.until(lambda: page.got == site.ids[1:], "what the page had missed")
                (after,) = await site.taken("after")
                assert after > site.ids[2]

    run(scene())


def test_a_stream_is_made_so_that_it_keeps_what_history_asks_for() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url(MORE)) as site:
            assert server.queues["kept"].is_stream
            assert server.exchanges["site"] == {"kept"}
            assert site.horizon == site.broker.last_id()  # it says nothing about what was before it
            assert site.delivered == []

    run(scene())


def test_events_come_back_as_old_as_they_are_and_the_horizon_is_below_them() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            ids = old_stream(server, 500, 50)
            async with Site(server.url(MORE)) as site:
                assert site.ids == ids[1:]  # of the first that is left nobody knows what was just before it
                assert site.horizon == ids[0]
                (event,) = site.delivered
                assert 49 < asyncio.get_running_loop().time() - event.time < 80

    run(scene())


def test_what_is_older_than_history_is_not_delivered_and_its_age_is_the_horizon() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            ids = old_stream(server, HISTORY.ttl_s + 30, HISTORY.ttl_s + 20, 50)
            began = now_us()
            server.queues["kept"].young = 2  # what it is asked for by age begins here
            async with Site(server.url(MORE)) as site:
                assert site.ids == ids[2:]
                assert 0 <= site.horizon - (began - HISTORY.ttl_s * 1_000_000) < 10_000_000

    run(scene())


def test_a_clock_that_was_ahead_lowers_no_horizon() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            ids = old_stream(server, 60, -7200)
            server.queues["kept"].young = 2
            async with Site(server.url(MORE)) as site:
                assert site.horizon == ids[1] - 1

    run(scene())


def test_a_daemons_event_shows_that_all_before_it_was_lower() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            ids = old_stream(server, 60)
            ours = now_us() - 599_000_000
            server.publish(body(ours, "ours"), "oyez-of-another-daemon-1")
            server.queues["kept"].young = 2
            async with Site(server.url(MORE)) as site:
                assert ids[0] > ours
                assert site.ids == [ours]
                assert site.horizon < ours

    run(scene())


def test_after_a_cut_the_reading_goes_on_where_it_was_and_nothing_is_lost() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url(MORE)) as site:
            await site.taken("before")
            await cut(server, site)
            server.publish(body(now_us(), "unseen"))
            await site.recovered()
            await site.taken("after")
            assert await site.messages(3) == ["before", "unseen", "after"]
            assert site.lost == []

    run(scene())


def drop_some(server: AmqpServer) -> None:
    server.publish(body(now_us(), "dropped"))
    server.publish(body(now_us(), "kept"))
    server.queues["kept"].first = len(server.queues["kept"].messages) - 1


def delete(server: AmqpServer) -> None:
    server.delete_queue("kept")


def make_exchange_anew(server: AmqpServer) -> None:
    server.make_anew("site")


@pytest.mark.parametrize("harm", [drop_some, delete])
def test_what_the_stream_no_longer_has_after_a_cut_is_told_as_a_gap(harm: Callable[[AmqpServer], None]) -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url(MORE)) as site:
            await site.taken("before")
            server.cut()
            harm(server)  # in the same step, before anybody can read again
            await site.until(lambda: len(site.lost) == 1, "the gap")
            await site.recovered()
            (event,) = await site.taken("after")
            assert site.lost[0] < event

    run(scene())


def test_what_passed_while_the_stream_was_not_bound_is_told_and_not_delivered_in_part() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url(MORE)) as site:
            await site.taken("before")
            server.make_anew("site")
            refused = await site.refused("nobody has it")
            assert refused.temporary
            await site.recovered()
            await site.taken("after")
            assert await site.messages(2) == ["before", "after"]
            assert len(site.lost) == 1

    run(scene())


def test_a_queue_that_is_no_stream_stops_the_start() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            server.queues["kept"] = Queue(is_stream=False)
            site = Site(server.url(MORE))
            with pytest.raises(BrokerError, match="is no stream") as refusal:
                await site.broker.start(site.hub.deliver, site.hub.lose)
            assert not refusal.value.temporary

    run(scene())


def test_a_stream_that_may_not_be_made_stops_the_start() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            server.refused["Basic.Consume"] = (406, "PRECONDITION_FAILED - not this way")
            site = Site(server.url(MORE))
            with pytest.raises(BrokerError, match=r"the stream 'kept' cannot be used: .*not this way"):
                await site.broker.start(site.hub.deliver, site.hub.lose)
            server.refused = {"Queue.Declare": (403, "ACCESS_REFUSED - no")}
            with pytest.raises(BrokerError, match="lacks a permission"):
                await site.broker.start(site.hub.deliver, site.hub.lose)

    run(scene())


def test_a_stream_that_gives_nothing_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            old_stream(server, 60)
            server.queues["kept"].young = None
            async with Site(server.url(MORE), answer_timeout_s=SHORT_S) as site:
                assert not site.broker.available
                server.queues["kept"].young = 0
                await site.recovered()
                await site.taken("now")

    run(scene())
    assert "the stream 'kept' gives nothing" in caplog.text


def test_what_was_read_is_acknowledged_now_and_then_so_that_more_may_come() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url(MORE)) as site:
            base = now_us()
            for number in range(600):
                server.publish(body(base + number, number))
            assert await site.messages(600) == list(range(600))
            await site.until(lambda: len(server.acknowledged) >= 2, "acknowledgements")
            steps = [later - earlier for earlier, later in itertools.pairwise([0, *server.acknowledged])]
            assert steps == [250, 250]

    run(scene())


def test_a_strange_marker_of_others_is_no_event() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            stream = server.queues["kept"] = Queue(is_stream=True)
            for content in (b"no JSON", b"[]", b'{"time": "now"}', b"{}"):
                properties = commands.Basic.Properties(message_id="oyez-marker-of-another")
                stream.messages.append(StoredMessage(properties, content))
            async with Site(server.url(MORE)) as site:
                await site.taken("after")
                assert site.notes == {}
                assert await site.messages(1) == ["after"]

    run(scene())
