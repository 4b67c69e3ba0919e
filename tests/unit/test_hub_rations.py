"""Is replay sent as fast as the ration of a peer allows, the rest later, and nothing lost by it?"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId
from oyez.setting import Rate
from tests.fakes import Listener, Purse, World
from tests.fuzz import EXAMPLES, fuzz
from tests.unit.hub_steps import HubSteps, filters, which_listener

PER_WRITE = 3  # ids of four digits, in a world whose writes carry 15 bytes
ID_BYTES = 5


def small_world(*, size: int = 256) -> World:
    return World(size=size, write_bytes=PER_WRITE * ID_BYTES)


def purse_of(world: World, ids: int, per_second: int = 1) -> Purse:
    """Make a ration of so many ids at once, and so many a second."""
    return Purse(world.clock, Rate(per_second * ID_BYTES, ids * ID_BYTES))


def test_what_is_over_the_ration_comes_later_and_what_is_new_behind_it() -> None:
    world = small_world()
    ids = world.post(*"a" * 9)
    purse = purse_of(world, 3)
    listener = world.follow(Listener(purse), "a", start=1000)
    assert (listener.statuses, listener.got) == ([True], ids[:3])
    world.run()
    ids += world.post("a")
    world.run()
    assert (listener.got, purse.waits) == (ids[:3], 1)
    world.clock.now += 3.0  # three are paid for
    world.run()
    assert listener.got == ids[:6]
    world.wait()
    assert (listener.got, purse.waits) == (ids, 1)
    ids += world.post("a")
    world.run()
    assert listener.got == ids


def test_a_position_that_waits_is_the_one_that_was_written() -> None:
    world = small_world()
    ids = world.post(*"a" * 9)
    listener = world.follow(Listener(purse_of(world, 3)), "a", start=1000)
    world.run()
    assert world.hub.position(listener.subscription) == ids[2]
    world.wait()
    assert world.hub.position(listener.subscription) == ids[-1]


def test_what_was_posted_after_a_listener_had_come_costs_no_ration() -> None:
    world = small_world()
    world.post("a")
    purse = purse_of(world, 3)
    listener = world.follow(Listener(purse), "a", start=1000)
    listener.taking = False
    ids = world.post(*"a" * 30)
    world.run()
    listener.taking = True
    world.hub.resume(listener.subscription)
    world.run()
    assert listener.got[1:] == ids
    assert (purse.spent, purse.waits) == (ID_BYTES, 0)


@pytest.mark.parametrize("way", ["resume", "move", "filter"])
def test_there_is_no_way_around_a_ration(way: str) -> None:
    world = small_world()
    ids = world.post(*"a" * 9)
    listener = world.follow(Listener(purse_of(world, 3)), "a", start=1000)
    for _ in range(5):
        if way == "resume":
            world.hub.resume(listener.subscription)
        elif way == "move":
            world.move(listener)
        else:
            world.follow(listener, "a", start=1000)
        world.run()
    assert listener.got == ids[:3]
    world.wait()
    assert listener.got == ids


def test_a_listener_that_comes_when_the_ration_is_used_up_gets_nothing_but_its_answer() -> None:
    world = small_world()
    ids = world.post(*"a" * 6)
    purse = purse_of(world, 3)
    world.follow(Listener(purse), "a", start=1000)
    second = world.follow(Listener(purse), "a", start=1000)
    up_to_date = world.follow(Listener(purse), "a", start=ids[-1])
    world.run()
    assert (second.statuses, second.got, up_to_date.subscription.lagging) == ([True], [], False)
    world.wait()
    assert second.got == ids


def test_one_peer_waits_and_another_does_not() -> None:
    world = small_world()
    ids = world.post(*"a" * 30)
    greedy = [world.follow(Listener(purse), "a", start=1000) for purse in [purse_of(world, 3)] for _ in range(5)]
    world.run()
    bystander = world.follow(Listener(purse_of(world, 100)), "a", start=1000)
    world.run()
    assert bystander.got == ids
    world.wait()
    assert all(listener.got == ids for listener in greedy)


def test_listeners_of_one_peer_go_on_in_turn() -> None:
    world = small_world()
    ids = world.post(*"a" * 30)
    purse = purse_of(world, 1)
    listeners = [world.follow(Listener(purse), "a", start=1000) for _ in range(4)]
    for _ in range(20):
        world.clock.now += PER_WRITE
        world.run()
        counts = [len(listener.got) for listener in listeners]
        assert max(counts) - min(counts) <= 2 * PER_WRITE  # the first one had some as it came
    world.wait()
    assert [listener.got for listener in listeners] == [ids] * 4


@pytest.mark.parametrize("way", ["resume", "move", "filter"])
def test_nobody_goes_on_before_its_turn(way: str) -> None:
    world = small_world()
    ids = world.post(*"a" * 6)
    purse = purse_of(world, 3)
    first, second = [world.follow(Listener(purse), "a", start=1000) for _ in range(2)]
    world.run()
    world.clock.now += 3
    if way == "resume":
        world.hub.resume(second.subscription)
    elif way == "move":
        world.move(second)
    else:
        world.follow(second, "a", start=1000)
    assert second.got == []
    world.run()
    assert (first.got, second.got) == (ids, [])
    world.wait()
    assert second.got == ids


def test_history_that_moves_on_while_a_listener_waits_is_told_once() -> None:
    world = small_world(size=9)
    ids = world.post(*"a" * 9)
    listener = world.follow(Listener(purse_of(world, 3)), "a", start=1000)
    ids += world.post(*"a" * 9)
    world.wait()
    assert listener.got == ids[:3] + ids[9:]
    assert listener.gaps == [Gap(Channel("a"), EventId(ids[2]), EventId(ids[9]))]


def test_a_gap_is_told_once_however_many_steps_a_replay_takes() -> None:
    world = small_world(size=9)
    world.post(*"b" * 9, *"a" * 18)
    listener = world.follow(Listener(), "a", "b", start=1000)
    world.run()
    assert listener.statuses == [False]
    assert listener.gaps == [Gap(Channel("a"), EventId(1000), EventId(1019))]


def test_who_has_left_is_no_longer_waited_for() -> None:
    world = small_world()
    world.post(*"a" * 9)
    purse = purse_of(world, 3)
    listeners = [world.follow(Listener(purse), "a", start=1000) for _ in range(3)]
    for listener in listeners:
        world.hub.leave(listener.subscription)
    world.wait()
    assert [len(listener.got) for listener in listeners] == [3, 0, 0]
    assert world.hub.waiting == 0


def test_a_limit_that_is_only_observed_counts_who_would_wait() -> None:
    world = small_world()
    ids = world.post(*"a" * 9)
    purse = purse_of(world, 3)
    purse.delays = False
    listener = world.follow(Listener(purse), "a", start=1000)
    world.run()
    assert (listener.got, purse.waits) == (ids, 1)


def test_a_long_replay_goes_on_in_other_turns_without_a_ration_too() -> None:
    world = small_world()
    ids = world.post(*"a" * 90)
    listener = world.follow(Listener(), "a", start=1000)
    assert 0 < len(listener.got) < 30
    assert world.turn()
    world.run()
    assert listener.got == ids


def test_a_turn_of_replays_is_cut_into_slices() -> None:
    world = small_world()
    world.post(*"a" * 60)
    listeners = [world.follow(Listener(), "a", start=1000) for _ in range(50)]

    def take_long() -> None:
        world.clock.now += 1

    before = [len(listener.writes) for listener in listeners]
    for listener in listeners:
        listener.on_write = take_long
    world.turn()
    assert sum(len(listener.writes) != count for listener, count in zip(listeners, before, strict=True)) == 1


def test_a_ration_that_raises_costs_a_second() -> None:
    world = small_world()
    ids = world.post(*"a" * 9)
    purse = purse_of(world, 3)
    listener = world.follow(Listener(purse), "a", start=1000)
    world.run()
    world.clock.now += 60
    purse.failures = 1
    world.run()
    assert listener.got == ids[:3]
    world.wait()
    assert listener.got == ids


def test_events_of_many_channels_are_merged_in_runs() -> None:
    world = World(run_events=4)
    ids = world.post(*"aaaaaaaaabcabcbbbbbbbba")
    listener = world.follow(Listener(), "a", "b", "c", start=1000)
    world.run()
    assert listener.got == ids


class RationMachine(HubSteps):
    """Random steps with a history that holds more than a ration has."""

    @initialize(rate=st.sampled_from([Rate(1, 10), Rate(20, 40)]))
    def begin(self, rate: Rate) -> None:
        self.set_up(40, 2**20, 6, 1, lambda clock: Purse(clock, rate))
        self.post(list("abcabdabe" * 4))

    @rule(which=which_listener, names=filters)
    def reload(self, which: int, names: list[str]) -> None:
        """Let its page be loaded anew, which asks for all that there is."""
        self.leave(which)
        self.follow(which, names, 1200)


TestRandomSteps = RationMachine.TestCase
TestRandomSteps.settings = settings(fuzz, max_examples=EXAMPLES or 60, stateful_step_count=30)
