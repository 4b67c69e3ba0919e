"""Do groups that a slice had no time for come right, and does nobody else wait for them?"""

import pytest

from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId
from tests.fakes import Listener, World
from tests.unit.hub_crowds import CROWD, begin, crowd


@pytest.mark.parametrize("limit", [10, 1000], ids=["large", "small, and in need of more slices"])
def test_a_new_event_for_few_does_not_wait_for_the_many_of_another(limit: int) -> None:
    world = World(crowd=limit)
    listeners = crowd(world, "a")
    few = [world.follow(Listener(), "b") for _ in range(3)]
    ids = world.post("a")
    _, unserved = begin(world, listeners)
    ids += world.post("b")
    world.turn()
    assert [listener.got for listener in few] == [ids[1:]] * 3
    assert not unserved[-1].got
    world.run()
    assert all(listener.got == ids[:1] for listener in listeners)


def test_few_are_served_before_the_many_of_the_same_event() -> None:
    world = World(crowd=2)
    listeners = crowd(world, "a")
    few = [world.follow(Listener(), "a", other) for other in "bcd"]
    ids = world.post("a")
    begin(world, listeners)
    assert [listener.got for listener in few] == [ids] * 3


def test_the_many_are_served_too_while_few_take_all_the_time() -> None:
    world = World(crowd=10, members_per_clock_read=1)
    listeners = crowd(world, "a")
    busy = world.follow(Listener(), "b")

    def take_long() -> None:
        world.clock.now += 1

    busy.on_write = take_long
    ids = world.post("a")
    for _ in range(2 * CROWD):
        ids += world.post("b")
        world.turn()
    assert all(listener.got == ids[:1] for listener in listeners)
    world.run()
    assert busy.got == ids[1:]


def test_large_groups_take_turns_and_so_do_small_ones_that_wait_with_them() -> None:
    world = World(crowd=10, members_per_clock_read=1)
    first, second = crowd(world, "a"), crowd(world, "b")
    singles = [world.follow(Listener(), "c", str(number)) for number in range(CROWD)]
    for listener in singles:
        listener.on_write = first[0].on_write
    world.post("c")
    ids = world.post("a", "b")
    served = [0, 0, 0]
    for _ in range(30):
        world.turn()
        served = [sum(bool(listener.got) for listener in some) for some in (first, second, singles)]
    assert min(served) >= 5
    assert 29 <= sum(served) <= 60
    world.run()
    assert [first[-1].got, second[-1].got] == [ids[:1], ids[1:]]
    assert all(listener.got for listener in singles)


def test_a_waiting_group_gets_what_becomes_due_meanwhile_in_one_write() -> None:
    world = World(members_per_clock_read=1)
    listeners = [world.follow(Listener(), "a", str(number)) for number in range(10)]

    def take_long() -> None:
        world.clock.now += 1

    for listener in listeners:
        listener.on_write = take_long
    ids = world.post("a")
    world.turn()
    ids += world.post("a", "9")
    world.run()
    assert listeners[0].writes == [ids[:1], ids[1:2]]
    assert listeners[9].writes == [ids]


def test_a_loss_is_told_after_what_waits_and_before_what_is_newer() -> None:
    world = World(crowd=10)
    listeners = crowd(world, "a")
    ids = world.post("a")
    begin(world, listeners)
    world.wall_clock.now = 5
    world.hub.lose(EventId(4000))
    ids += world.post("a")
    assert ids[1] > 4000
    world.run()
    assert all(listener.got == ids for listener in listeners)
    assert all(listener.gaps == [Gap(Channel("a"), EventId(ids[0]), EventId(ids[1]))] for listener in listeners)


def test_a_slice_that_was_hurried_is_not_done_again_in_its_turn() -> None:
    world = World()
    listeners = crowd(world, "a")
    ids = world.post("a")
    world.hub.hurry()
    first = [listener for listener in listeners if listener.got]
    assert 0 < len(first) < CROWD
    world.hub.hurry()
    world.turn()
    assert [listener for listener in listeners if listener.got] == first
    world.turn()
    assert len([listener for listener in listeners if listener.got]) > len(first)
    world.run()
    assert all(listener.got == ids for listener in listeners)


def test_what_comes_after_a_hurried_slice_is_written_in_the_next_turn() -> None:
    world = World()
    listener = world.follow(Listener(), "a")
    world.hub.hurry()
    ids = world.post("a")
    world.hub.hurry()
    ids += world.post("a")
    world.turn()
    assert listener.writes == [ids[:1]]
    world.turn()
    assert listener.writes == [ids[:1], ids[1:]]
    assert not world.turn()


def test_what_is_new_goes_before_what_others_have_missed() -> None:
    world = World(write_bytes=8)
    late, early = Listener(), world.follow(Listener(), "b")
    world.post(*"a" * 40)
    world.run()
    world.follow(late, "a", start=1000)  # it waits for its turn with what is left
    order: list[str] = []
    late.on_write = lambda: order.append("missed")
    early.on_write = lambda: order.append("new")
    assert late.subscription.line is not None
    world.post("b")
    world.run()
    assert order[0] == "new"
    assert "missed" in order
