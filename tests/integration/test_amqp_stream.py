"""Does a stream of RabbitMQ bring back what was published while the daemon was away, under the same ids?"""

import asyncio
import itertools
import time

import pytest

from tests.amqp import HISTORY, Site, SitePoster, now_us, run
from tests.proxy import Proxy
from tests.rabbitmq import RabbitMQ

numbers = itertools.count(1)


class Stream:
    """An exchange, and the name of a stream that is not there yet."""

    def __init__(self, rabbitmq: RabbitMQ) -> None:
        self.rabbitmq = rabbitmq
        number = next(numbers)
        self.exchange, self.name = f"streamed-{number}", f"stream-{number}"
        rabbitmq.declare(self.exchange)

    def url(self, more: str = "&skew=0", *, port: int | None = None) -> str:
        return self.rabbitmq.url(self.exchange, f"&stream={self.name}{more}", port=port)

    def poster(self) -> SitePoster:
        return SitePoster(self.rabbitmq.connect(), self.exchange)


@pytest.fixture
def stream(rabbitmq: RabbitMQ) -> Stream:
    return Stream(rabbitmq)


def test_a_restart_brings_everything_back_under_its_id(stream: Stream) -> None:
    async def scene() -> None:
        async with Site(stream.url()) as site:
            with stream.poster() as poster:
                first = now_us()
                for given in (first, first, first - 500_000, first + 10):  # raised, where they fall
                    poster.post("a", given, event_id=given)
                await site.messages(4)
                await site.taken("our own")
                poster.publish(b"no event")
            await site.until(lambda: site.notes["bad-record"] == 1, "the bad record")
            ids, messages = site.ids, await site.messages(5)
        with stream.poster() as poster:
            away = poster.post("a", "while away")
        async with Site(stream.url()) as site:
            assert site.ids == [*ids, away]
            assert await site.messages(6) == [*messages, "while away"]
            assert site.horizon < ids[0]
            assert site.hub.last_id() == away
            page = site.listen("a", start=ids[1])
            await site.until(lambda: page.got == [*ids[2:], away], "what the page had missed")
            assert page.gaps == []
            (after,) = await site.taken("after")
            assert after > away

    run(scene())


def test_two_daemons_on_a_stream_give_the_same_ids(stream: Stream) -> None:
    async def scene() -> None:
        async with Site(stream.url()) as one:
            with stream.poster() as poster:
                poster.post("a", "before")
                await one.messages(1)
                async with Site(stream.url()) as two:
                    for number in range(20):
                        poster.post("a", number)
                        await one.taken(f"one {number}")
                        await two.taken(f"two {number}")
                    await one.messages(61)
                    await two.messages(61)
                    assert one.ids == two.ids
                    assert [each.message for each in one.delivered] == [each.message for each in two.delivered]

    run(scene())


def test_a_new_stream_promises_nothing_from_before_it(stream: Stream) -> None:
    async def scene() -> None:
        with stream.poster() as poster:
            unseen = poster.post("a", "before there was a stream")
        for _ in range(2):
            async with Site(stream.url("&skew=0.1")) as site:
                assert site.horizon >= unseen
                assert site.delivered == []
                page = site.listen("a", start=unseen)
                assert len(page.gaps) == 1

    run(scene())


@pytest.mark.parametrize("ahead_s", [HISTORY.ttl_s + 60, 400 * 86_400, -400 * 86_400])
def test_a_clock_that_is_wrong_at_a_start_loses_nothing_in_silence(stream: Stream, ahead_s: float) -> None:
    """What is young enough is known by RabbitMQ's clock."""

    async def scene() -> None:
        async with Site(stream.url()) as site:
            (old,) = await site.taken("old")
        wrong = Site(stream.url(), wall_clock=lambda: time.time() + ahead_s)
        async with wrong as site:
            (new,) = await site.taken("new")
        for again in (Site(stream.url(), wall_clock=lambda: time.time() + ahead_s), Site(stream.url())):
            async with again as site:
                given = [publication.id for publication in site.delivered]
                assert [event for event in (old, new) if event > site.horizon and event not in given] == []
                assert new in given
                assert site.hub.last_id() >= new

    run(scene())


def test_a_cut_loses_nothing(stream: Stream, server: Proxy) -> None:
    async def scene() -> None:
        async with Site(stream.url(port=server.port)) as site:
            (first,) = await site.taken("before")
            listener = site.listen("a", start=first)
            await asyncio.to_thread(server.cut)
            await site.until(lambda: not site.broker.available, "notice of the cut")
            await site.refused("refused")
            with stream.poster() as poster:
                during = [poster.post("a", f"during {number}") for number in range(300)]
            server.mend()
            await site.recovered()
            (after,) = await site.taken("after")
            await site.until(lambda: listener.got == [*during, after], "all events at the listener")
            assert listener.gaps == []
            assert site.lost == []

    run(scene())


def test_a_stream_that_is_deleted_is_made_anew_with_a_gap(stream: Stream) -> None:
    async def scene() -> None:
        async with (
            Site(stream.url(), answer_timeout_s=1.0) as site,
            Site(stream.url(), answer_timeout_s=1.0) as other,
        ):
            for number in range(5):
                await site.taken(number)
            await asyncio.to_thread(stream.rabbitmq.delete, queue=stream.name)
            await site.until(lambda: bool(site.lost) and site.broker.available, "a gap")
            await other.until(lambda: bool(other.lost) and other.broker.available, "a gap")
            (after,) = await site.taken("after")
            await other.messages(6)
            assert site.ids[-1] == after > site.lost[-1]

    run(scene())


def test_a_server_that_is_not_there_yet_is_waited_for(stream: Stream, server: Proxy) -> None:
    server.cut()

    async def scene() -> None:
        async with Site(stream.url(port=server.port)) as site:
            server.mend()
            await site.recovered()
            assert len(site.lost) == 1
            with stream.poster() as poster:
                poster.post("a", "now")
            assert await site.messages(1) == ["now"]
            await asyncio.to_thread(server.cut)
            await site.until(lambda: not site.broker.available, "notice of the cut")
            server.mend()
            await site.recovered()
            assert len(site.lost) == 1

    run(scene())


def test_thousands_of_events_are_read_back_in_order(stream: Stream) -> None:
    async def scene() -> None:
        async with Site(stream.url()) as site:
            await site.taken("first")
            with stream.poster() as poster:
                for number in range(3000):
                    poster.post("a", number)
            await site.until(lambda: len(site.delivered) == 3001, "all events")
            ids = site.ids
        async with Site(stream.url()) as site:
            assert site.ids == ids
            ages = [site.history.last_id - each.id for each in site.delivered]
            times = [site.delivered[-1].time - each.time for each in site.delivered]
            assert times == pytest.approx([age / 1e6 for age in ages], abs=0.5)

    run(scene())
