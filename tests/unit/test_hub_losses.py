"""Are listeners told when a broker has lost sight of events, and served when their ids come from another clock?"""

import pytest

from oyez.brokers.memory import MemoryBroker
from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId
from tests.fakes import Listener, World

LOST_UP_TO = EventId(5000)


def lose(world: World) -> None:
    """Lose what was posted up to an id; later ids are above it."""
    world.hub.lose(LOST_UP_TO)
    world.wall_clock.now = 6


def test_a_loss_is_told_to_everybody_before_anything_newer() -> None:
    world = World()
    one, other = world.follow(Listener(), "a", "b"), world.follow(Listener(), "c")
    early = world.post("a")
    lose(world)
    late = world.post("a")
    told: list[int] = []
    one.on_write = lambda: told.append(len(one.gaps))
    world.run()
    assert one.got == [*early, *late]
    assert {gap.channel: gap.oldest for gap in one.gaps} == {"a": late[0], "b": LOST_UP_TO + 1}
    assert [gap.channel for gap in other.gaps] == ["c"]
    assert told[-1] == 2


def test_a_loss_is_told_once() -> None:
    world = World()
    listener = world.follow(Listener(), "a")
    lose(world)
    world.run()
    world.post("a")
    world.run()
    assert len(listener.gaps) == 1


def test_who_joins_after_a_loss_is_told_by_its_own_id() -> None:
    world = World()
    (before,) = world.post("a")
    lose(world)
    (after,) = world.post("a")
    behind = world.follow(Listener(), "a", start=before)
    ahead = world.follow(Listener(), "a", start=after)
    world.run()
    assert (behind.statuses, behind.gaps, behind.got) == (
        [False],
        [Gap(Channel("a"), EventId(before), EventId(after))],
        [after],
    )
    assert (ahead.statuses, ahead.gaps, ahead.got) == ([True], [], [])


def test_what_was_before_a_loss_can_still_be_had() -> None:
    world = World()
    ids = world.post("a", "a")
    lose(world)
    listener = world.follow(Listener(), "a", start=ids[0])
    world.run()
    assert listener.got == [ids[1]]
    assert listener.gaps == [Gap(Channel("a"), EventId(ids[0]), EventId(LOST_UP_TO + 1))]


def test_one_that_lags_is_told_when_it_goes_on() -> None:
    world = World()
    listener = world.follow(Listener(), "a")
    listener.taking = False
    world.post("a")
    world.run()
    lose(world)
    world.run()
    assert listener.gaps == []
    listener.taking = True
    world.hub.resume(listener.subscription)
    world.run()
    assert [gap.channel for gap in listener.gaps] == ["a"]


def test_one_whose_write_fails_is_cut_off_and_the_others_are_told() -> None:
    world = World()
    listeners = [world.follow(Listener(), "a") for _ in range(3)]

    def fail() -> None:
        raise ZeroDivisionError

    listeners[1].on_write = fail
    world.post("a")
    lose(world)
    world.run()
    assert sum(len(listener.gaps) for listener in listeners) == 3
    assert world.hub.listeners(Channel("a")) == 2
    assert [listener.cut for listener in listeners] == [False, True, False]


@pytest.mark.parametrize("change", ["follows another channel", "moves"])
def test_whoever_changes_between_a_loss_and_word_of_it_is_told_too(change: str) -> None:
    world = World()
    listener = world.follow(Listener(), "a")
    world.post("a")
    world.run()
    lose(world)
    if change == "moves":
        world.move(listener)
    else:
        world.follow(listener, "a", "b")
    world.run()
    assert "a" in [gap.channel for gap in listener.gaps]


def test_many_are_told_in_slices() -> None:
    world = World()
    listeners = [world.follow(Listener(), "a") for _ in range(10)]
    world.post("a")  # so that each of them is written to
    for listener in listeners:
        listener.on_write = lambda: setattr(world.clock, "now", world.clock.now + 0.01)
    lose(world)
    turns = 0
    while world.turn():
        turns += 1
    assert turns >= 10
    assert all(len(listener.gaps) == 1 for listener in listeners)


class FarClocks(MemoryBroker):
    """Ids come from clocks that differ by up to 100."""

    def reach_back(self, start: EventId) -> EventId:
        return EventId(start - 100)


@pytest.mark.parametrize("start_is", ["the id of an event", "a reading of a clock"])
def test_a_start_from_another_clock_reaches_further_back(start_is: str) -> None:
    world = World(broker=FarClocks)
    (first,) = world.post("a")
    world.wall_clock.now += 0.090
    (second,) = world.post("b")
    if start_is == "the id of an event":
        assert world.follow(Listener(), "a", "b", start=first).got == [second]
        assert [each.id for each in world.hub.recent(Channel("a"), EventId(first))[0]] == []
    else:
        assert world.follow(Listener(), "a", "b", start=first + 1).got == [first, second]
        assert [each.id for each in world.hub.recent(Channel("a"), EventId(first + 1))[0]] == [first]


def test_a_loss_is_not_forgotten_when_what_was_before_it_is_dropped() -> None:
    world = World(size=3)
    ids = world.post("a", "a", "a")
    lose(world)
    (late,) = world.post("a")  # and the oldest goes
    assert world.follow(Listener(), "a", start=ids[1]).gaps == [Gap(Channel("a"), EventId(ids[1]), EventId(late))]
