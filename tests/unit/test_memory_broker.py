"""A long batch in the memory store: others do not wait until all of it is taken."""

import asyncio
from collections.abc import Sequence
from itertools import count

import pytest

from oyez.brokers.memory import MemoryBroker
from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Settle
from oyez.hub.publication import Channel, EventId, Post, Publication

LONG = [Post(Channel("long"), b"%d" % number) for number in range(10_000)]
SHORT = [Post(Channel("short"), None)]

Outcomes = list[list[EventId] | BrokerError]


class Store:
    """A broker, and what it delivers in which step."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.slices: list[Sequence[Publication]] = []

    async def start(self) -> None:
        await self.broker.start(self.slices.append, lambda _: None)

    @property
    def delivered(self) -> list[Publication]:
        return [publication for publications in self.slices for publication in publications]


def failing_third() -> Deliver:
    """Return what takes events, but for the third time."""
    calls = count(1)

    def deliver(_: Sequence[Publication]) -> None:
        if next(calls) == 3:
            raise ValueError("a mistake")

    return deliver


def settled(outcomes: Outcomes) -> list[EventId]:
    (ids,) = outcomes
    assert not isinstance(ids, BrokerError)
    return ids


async def turns(outcomes: Outcomes) -> None:
    for _ in range(1000):
        if outcomes:
            return
        await asyncio.sleep(0)
    raise AssertionError("it is never settled")


def test_another_post_is_taken_in_the_middle_of_it() -> None:
    async def steps() -> None:
        store, long, short = Store(), Outcomes(), Outcomes()
        await store.start()
        store.broker.publish(LONG, long.append)
        store.broker.publish(SHORT, short.append)
        (between,) = settled(short)
        assert not long
        await turns(long)
        ids = settled(long)
        assert len(ids) == len(LONG)
        assert min(ids) < between < max(ids)
        assert between not in ids
        assert max(map(len, store.slices)) <= 500
        assert [each.id for each in store.delivered] == sorted({*ids, between})
        messages = [each.message for each in store.delivered if each.channel == "long"]
        assert messages == [post.message for post in LONG]

    asyncio.run(steps())


def test_two_long_ones_take_turns() -> None:
    async def steps() -> None:
        store, first, second = Store(), Outcomes(), Outcomes()
        await store.start()
        for outcomes in (first, second):
            store.broker.publish(LONG, outcomes.append)
        await turns(second)
        assert max(settled(first)) > min(settled(second))
        for outcomes in (first, second):
            ids = settled(outcomes)
            assert ids == sorted(ids)
            assert len(ids) == len(LONG)

    asyncio.run(steps())


def test_a_stop_takes_the_rest_of_it() -> None:
    async def steps() -> None:
        store, outcomes = Store(), Outcomes()
        await store.start()
        store.broker.publish(LONG, outcomes.append)
        await store.broker.stop()
        assert settled(outcomes) == [each.id for each in store.delivered]
        assert len(store.delivered) == len(LONG)
        await asyncio.sleep(0)
        assert len(store.delivered) == len(LONG)

    asyncio.run(steps())


def test_an_error_in_the_middle_is_told() -> None:
    async def steps() -> None:
        broker, outcomes = MemoryBroker(), Outcomes()
        settle: Settle = outcomes.append
        fail, calls = failing_third(), 0

        def deliver(publications: Sequence[Publication]) -> None:
            nonlocal calls
            calls += 1
            fail(publications)

        raised: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
        await broker.start(deliver, lambda _: None)
        broker.publish(LONG, settle)
        await turns(outcomes)
        (error,) = outcomes
        assert isinstance(error, BrokerError)
        assert str(error) == "an error of ours: a mistake"
        assert [str(each) for each in raised] == ["a mistake"]
        await broker.stop()
        assert calls == 3

    asyncio.run(steps())


def test_nothing_is_taken_before_the_start() -> None:
    with pytest.raises(RuntimeError, match="publish before start"):
        MemoryBroker().publish(SHORT, lambda _: None)


def test_an_error_during_the_stop_costs_one_batch(caplog: pytest.LogCaptureFixture) -> None:
    async def steps() -> None:
        broker, one, other = MemoryBroker(), Outcomes(), Outcomes()
        await broker.start(failing_third(), lambda _: None)
        broker.publish(LONG, one.append)
        broker.publish(LONG, other.append)
        await broker.stop()
        (error,) = one
        assert isinstance(error, BrokerError)
        assert not error.temporary
        assert len(settled(other)) == len(LONG)

    asyncio.run(steps())
    assert "a batch breaks off after an error of ours" in caplog.text
