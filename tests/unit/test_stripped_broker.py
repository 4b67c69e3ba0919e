"""Does an error of ours in taking members out of messages show nothing, and cost nobody else anything?"""

import asyncio
from collections.abc import Sequence

import pytest

from oyez.brokers.memory import MemoryBroker
from oyez.brokers.stripped import Parts, StrippedBroker
from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose
from oyez.hub.publication import Channel, EventId, Post, Publication

A, B = Channel("a"), Channel("b")
OLD = [Publication(EventId(1), channel, message, (), 0.0) for channel in (A, B) for message in (b"1", None)]


class Found(MemoryBroker):
    """A store that has something from before."""

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        deliver(OLD)
        return await super().start(deliver, lose)


def fail(message: bytes, attachments: tuple[bytes, ...]) -> Parts:
    raise ValueError("of the test")


def test_it_costs_an_old_event_its_message_and_a_new_one_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    got: list[tuple[str, bytes | None]] = []
    settled: list[object] = []

    def deliver(publications: Sequence[Publication]) -> None:
        got.extend((publication.channel, publication.message) for publication in publications)

    async def scene() -> None:
        broker = StrippedBroker(Found(), lambda channel: fail if channel == A else None)
        await broker.start(deliver, lambda _: None)
        assert broker.available
        for posts in ([Post(A, b"1")], [Post(B, b"2")], [Post(A, None)]):
            broker.publish(posts, settled.append)
        assert broker.reach_back(EventId(7)) == 7
        assert settled[-1] == [broker.last_id()]
        await broker.stop()
        assert not broker.available

    asyncio.run(scene())
    assert got == [(A, None), (A, None), (B, b"1"), (B, None), (B, b"2"), (A, None)]
    assert [isinstance(outcome, BrokerError) for outcome in settled] == [True, False, False]
    assert caplog.text.count("ValueError: of the test") == 2
