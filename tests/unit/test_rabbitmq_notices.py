"""Do notices go to all daemons on an exchange and to nobody else, and does nothing that comes end the reading?"""

import asyncio
import time
from collections.abc import Callable

import pytest

from oyez.errors import BrokerError
from oyez.hub.notices import Notice
from oyez.wire.amqp_notices import encode_notices
from tests.amqp import Site, now_us, run
from tests.amqp_server import AmqpServer, Queue

STREAM = "&stream=kept&skew=0"
NEVER = int(time.time()) + 1000


def hearing(server: AmqpServer, more: str = "", *, answer_timeout_s: float = 10.0) -> tuple[Site, list[bytes]]:
    """A daemon with rules for channels, not started yet, and what it hears."""
    site = Site(server.url(more), answer_timeout_s=answer_timeout_s)
    heard: list[bytes] = []
    site.broker.hear(heard.append)
    return site, heard


def tell(site: Site, text: bytes, name: bytes = b"") -> "asyncio.Future[BrokerError | None]":
    settled: asyncio.Future[BrokerError | None] = asyncio.get_running_loop().create_future()
    site.broker.tell(Notice(name or text, text, NEVER), settled.set_result)
    return settled


def record(*texts: bytes, asks: bool = False) -> bytes:
    return encode_notices(now_us(), [(text, text, NEVER) for text in texts], asks=asks)


def test_a_daemon_that_hears_none_makes_asks_and_says_nothing() -> None:
    async def scene() -> None:
        async with AmqpServer() as server, Site(server.url(STREAM)) as site:
            server.publish(record(b"a", asks=True), "oyez-marker-notice-1")
            server.publish(b"no notice", "oyez-marker-notice-2")
            await site.taken("after")
            assert list(server.queues) == ["kept"]
            assert len(server.queues["kept"].messages) == 5  # two markers of its own
            assert site.notes == {}
            assert await site.messages(1) == ["after"]

    run(scene())


@pytest.mark.parametrize("more", ["", STREAM])
def test_no_record_ends_the_reading(more: str) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site, heard = hearing(server, more)
            async with site:
                for body in (b"", b"[" * 100_000, b'{"notices":[["a","b","c"]]}', b"\xff"):
                    server.publish(body, "oyez-marker-notice-forged")
                server.publish(b"a mark of a later version", "oyez-marker-what-may-come")
                server.publish(record(b"good", b"good", b"better"), "oyez-marker-notice-1")
                await site.taken("after")
                assert heard == [b"good", b"better"]
                assert site.notes == {"bad-record": 4}
                assert await site.messages(1) == ["after"]

    run(scene())


def test_whoever_raises_costs_nobody_else_anything(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site = Site(server.url())
            heard = []

            def take(text: bytes) -> None:
                heard.append(text)
                raise RuntimeError(text)

            site.broker.hear(take)
            async with site:
                server.publish(record(b"a", b"b"), "oyez-marker-notice-1")

                def settle(error: BrokerError | None) -> None:
                    raise RuntimeError(error)

                site.broker.tell(Notice(b"c", b"c", NEVER), settle)
                assert await tell(site, b"d") is None
                assert heard == [b"a", b"b", b"c", b"d"]

    run(scene())
    assert "counts for nothing after an error of ours" in caplog.text
    assert "gets no answer after an error of ours" in caplog.text


def test_those_who_ask_again_and_again_are_answered_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oyez.brokers.rabbitmq.notices._ANSWER_PAUSE_S", 1000.0)

    async def scene() -> None:
        async with AmqpServer() as server:
            site, _ = hearing(server)
            async with site:
                assert await tell(site, b"known") is None
                spy = server.queues["spy"] = Queue(is_stream=True)
                server.exchanges["site"].add("spy")
                for number in range(20):
                    server.publish(record(asks=True), f"oyez-marker-notice-of-another-{number}")
                    await site.taken(number)
                answers = [message for message in spy.messages if b"a25vd24=" in message.body]
                assert len(answers) == 1

    run(scene())


@pytest.mark.parametrize("harm", ["silent", "nack", "full"])
def test_what_is_not_taken_is_refused_in_time(harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oyez.brokers.rabbitmq.notices._PATIENCE_S", 0.1)

    async def scene() -> None:
        async with AmqpServer() as server:
            site, heard = hearing(server)
            async with site:
                if harm == "full":
                    monkeypatch.setattr("oyez.brokers.rabbitmq.notices._MOST_WAITING", 0)
                server.confirms = {"silent": None, "nack": False, "full": True}[harm]
                error = await tell(site, b"a")
                assert error is not None
                assert error.temporary
                assert b"a" not in heard or harm == "silent"  # it may have come all the same
                large = await tell(site, b"x" * 10**6)
                assert large is not None
                assert not large.temporary

    run(scene())


def test_what_is_under_way_when_the_connection_is_lost_is_refused_at_once() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site, _ = hearing(server)
            async with site:
                server.confirms = None
                told = [tell(site, b"%d" % number) for number in range(3)]
                await asyncio.sleep(0)
                server.cut()
                assert all([await each for each in told])
                server.confirms = True
                await site.went_away()
                await site.recovered()
                assert await tell(site, b"again") is None

    run(scene())


def test_an_exchange_that_was_made_anew_is_noticed_by_a_notice_too() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site, _ = hearing(server)
            async with site:
                server.make_anew("site")
                assert await tell(site, b"nobody has it") is not None
                await site.went_away()
                await site.recovered()
                assert await tell(site, b"all have it") is None

    run(scene())


def test_a_stream_of_notices_that_is_gone_is_made_anew_from_what_is_known() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site, _ = hearing(server, STREAM)
            async with site:
                assert await tell(site, b"a") is None
                server.delete_queue("kept-notices")
                server.cut()
                await site.went_away()
                await site.recovered()
                assert await tell(site, b"b") is None
                await site.until(lambda: len(server.queues["kept-notices"].messages) == 3, "both, behind a marker")
            later, heard = hearing(server, STREAM)
            async with later:
                assert sorted(heard) == [b"a", b"b"]

    run(scene())


def test_a_stream_of_notices_that_is_gone_meanwhile_is_made_anew_at_once() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site, _ = hearing(server, STREAM)
            async with site:
                assert await tell(site, b"a") is None
                server.delete_queue("kept-notices")
                assert await tell(site, b"b") is None
                await site.until(lambda: len(server.queues["kept-notices"].messages) == 2, "what was known before")
                assert site.broker.available
            later, heard = hearing(server, STREAM)
            async with later:
                assert sorted(heard) == [b"a", b"b"]

    run(scene())


@pytest.mark.parametrize("more", ["", STREAM])
@pytest.mark.parametrize("confirms", [True, False, None])
def test_no_channel_stays_open_whatever_becomes_of_a_notice(
    confirms: bool | None, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            site, _ = hearing(server, more)

            def open_channels() -> int:
                return sum(
                    {"Channel.Open": 1, "Channel.Close": -1, "Channel.CloseOk": -1}.get(name, 0)
                    for name in server.asked
                )

            async with site:
                assert await tell(site, b"first") is None
                await site.until(lambda: open_channels() == 2, "end of what the start needed")  # one reads, one posts
                server.confirms = confirms
                if confirms is None:
                    monkeypatch.setattr("oyez.brokers.rabbitmq.notices._PATIENCE_S", 0.05)
                for number in range(5):
                    assert (await tell(site, b"%d" % number) is None) is bool(confirms)
                await site.until(lambda: open_channels() == 2, "end of the channels")

    run(scene())


def test_a_queue_of_that_name_that_is_no_stream_stops_the_start() -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            server.queues["kept-notices"] = Queue(is_stream=False)
            site, _ = hearing(server, STREAM)
            with pytest.raises(BrokerError, match="'kept-notices' is no stream") as refusal:
                await site.broker.start(site.hub.deliver, site.hub.lose)
            assert not refusal.value.temporary

    run(scene())


def test_a_stream_of_notices_that_gives_nothing_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            silent = server.queues["kept-notices"] = Queue(is_stream=True)
            silent.first = 1000
            site, heard = hearing(server, STREAM, answer_timeout_s=0.3)
            put: Callable[..., None] = silent.put
            silent.put = lambda message: None  # type: ignore[method-assign]
            async with site:
                assert not site.broker.available
                assert await tell(site, b"refused") is not None
                await site.until(lambda: "'kept-notices' gives nothing" in caplog.text, "word of the silence")
                silent.put, silent.first = put, 0  # type: ignore[method-assign]
                await site.recovered()
                assert await tell(site, b"a") is None
                assert heard == [b"a"]

    run(scene())


@pytest.mark.parametrize("ago_s", [650, -7200], ids=["its clock was right", "its ids were ahead"])
def test_a_notice_that_the_reading_begins_with_says_that_all_before_it_was_lower(ago_s: int) -> None:
    async def scene() -> None:
        async with AmqpServer() as server:
            stream = server.queues["kept"] = Queue(is_stream=True)
            server.exchanges["site"].add("kept")
            newest = now_us() - ago_s * 1_000_000
            server.publish(b'{"id":%d,"channel":"a"}' % newest, "oyez-of-another-1")
            server.publish(encode_notices(newest, [(b"a", b"a", NEVER)]), "oyez-marker-notice-1")
            stream.young = 1
            site, heard = hearing(server, STREAM)
            async with site:
                assert site.horizon == newest - 1
                assert site.delivered == []
                assert heard == [], "what is old comes from the stream of notices"

    run(scene())
