"""Does a long poll that waits learn of events that its store has lost sight of?"""

import asyncio
import json

import pytest

from oyez.endpoints.longpoll import _Poll
from oyez.hub.publication import Channel, EventId
from tests.fakes import World


@pytest.mark.parametrize("notify", [True, False])
def test_a_loss_while_it_waits(notify: bool) -> None:
    async def scene() -> None:
        world = World()
        poll = _Poll(notify=notify)
        world.hub.subscribe(poll.subscription, [Channel("a")], EventId(world.hub.last_id()))
        world.hub.lose(EventId(5000))
        world.run()
        await asyncio.sleep(0)
        if not notify:  # a page of old takes any answer for an event; it is told in a header of the next one
            assert not poll.answer.done()
            world.wall_clock.now = 6
            world.post("a")
            world.run()
        answer = poll.answer.result()
        assert answer is not None
        assert [gap.oldest for gap in answer.gaps] == [5001]
        assert json.loads(answer.body)["id"] == (5000 if notify else 6000)

    asyncio.run(scene())


def test_an_event_brings_the_gaps_of_all_channels() -> None:
    """Its id says that the client has what was before it, of the others too."""

    async def scene() -> None:
        world = World()
        start = world.post("a", "b")[-1]
        world.hub.lose(EventId(5000))
        world.wall_clock.now = 6
        world.post("a", "b")
        poll = _Poll(notify=False)
        world.hub.subscribe(poll.subscription, [Channel("a"), Channel("b")], EventId(start))
        answer = poll.answer.result()
        assert answer is not None
        assert json.loads(answer.body)["channel"] == "a"
        assert {gap.channel for gap in answer.gaps} == {"a", "b"}

    asyncio.run(scene())
