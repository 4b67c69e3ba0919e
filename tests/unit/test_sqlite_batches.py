"""A long batch in the SQLite store: it is kept as a whole, and holds nobody up."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from oyez.brokers.sqlite.broker import SqliteBroker
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from tests.sqlite_store import NAME, query

LONG = [Post(Channel("long"), b"%d" % number) for number in range(6_000)]
SHORT = [Post(Channel("short"), None)]


def test_a_long_batch_is_delivered_in_slices_and_settled_as_a_whole(tmp_path: Path) -> None:
    delivered: list[Sequence[Publication]] = []
    settled: list[list[EventId] | BrokerError] = []
    last_ids: list[EventId] = []

    async def steps() -> None:
        broker = SqliteBroker(
            tmp_path / NAME, synced=False, settings=SqliteSettings(10**5, 10**6, 10**8), history=HistorySettings()
        )

        def deliver(publications: Sequence[Publication]) -> None:
            delivered.append(publications)
            last_ids.append(broker.last_id())

        await broker.start(deliver, lambda _: None)
        delivered.clear()
        last_ids.clear()
        broker.publish(LONG, settled.append)
        await asyncio.sleep(0)
        broker.publish(SHORT, settled.append)
        await broker.stop()

    asyncio.run(steps())
    long_ids, short_ids = settled
    assert not isinstance(long_ids, BrokerError)
    assert not isinstance(short_ids, BrokerError)
    assert [len(slice_) for slice_ in delivered] == [500] * 12 + [1]
    everything = [each for slice_ in delivered for each in slice_]
    assert [each.id for each in everything] == [*long_ids, *short_ids]
    assert [each.message for each in everything] == [post.message for post in [*LONG, *SHORT]]
    assert last_ids == [slice_[-1].id for slice_ in delivered], "nothing counts as kept that was not delivered"
    assert query(tmp_path / NAME, "SELECT count(*) FROM events") == [(6_001,)]


def test_others_have_their_turn_while_it_is_got_ready_and_delivered(tmp_path: Path) -> None:
    turns: list[int] = []

    async def steps() -> None:
        broker = SqliteBroker(
            tmp_path / NAME, synced=False, settings=SqliteSettings(10**5, 10**6, 10**8), history=HistorySettings()
        )
        got = 0

        def deliver(publications: Sequence[Publication]) -> None:
            nonlocal got
            got += len(publications)

        def look() -> None:
            turns.append(got)
            if got < len(LONG):
                asyncio.get_running_loop().call_soon(look)

        await broker.start(deliver, lambda _: None)
        broker.publish(LONG, lambda _: None)
        look()
        await broker.stop()

    asyncio.run(steps())
    assert set(turns) == set(range(0, len(LONG) + 1, 500))
