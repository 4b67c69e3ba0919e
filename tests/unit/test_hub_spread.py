"""Are listeners of a spread channel written to evenly over its time, and is none late or left out?"""

from collections import Counter
from itertools import pairwise

import pytest

from oyez.hub.publication import EventId
from oyez.hub.rates import ChannelRate, find_member
from oyez.hub.subscriber import Subscription
from tests.fakes import IDS, Listener, World

SPREAD_S = 10.0
RATES = {
    "contest": ChannelRate(spread_s=SPREAD_S),
    "newest": ChannelRate(spread_s=SPREAD_S, latest_by=find_member("id")),
    "list": ChannelRate(pace_s=1.0),
    "quick": ChannelRate(spread_s=2.0),
}
LATEST_S = SPREAD_S + 0.02  # with the steps in which time passes here


def begin(crowd: int = 100) -> World:
    return World(size=5000, crowd=crowd, find_rate=lambda channel: RATES.get(channel, ChannelRate()))


class Viewer(Listener):
    """Remembers when it was written to."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.times: list[float] = []
        self.on_write = lambda: self.times.append(world.clock.now)


def post(world: World, channel: str = "contest", value: int = 1) -> list[int]:
    ids = world.post(channel, messages=[b'{"id":%d}' % value])
    world.run()
    return ids


def writes_by_second(viewers: list[Viewer]) -> list[int]:
    """Count the writes of each second since time began, the last one that was begun left out."""
    counts = Counter(int(at) for viewer in viewers for at in viewer.times)
    return [counts[second] for second in range(max(counts))]


@pytest.mark.parametrize("alone", [False, True], ids=["one group", "groups of one"])
def test_no_second_has_much_more_of_the_writes_than_others(alone: bool) -> None:
    world = begin()
    viewers = [Viewer(world) for _ in range(2000)]
    for number, viewer in enumerate(viewers):
        world.follow(viewer, "contest", *([f"user_{number}"] if alone else []))
    (event,) = post(world)
    world.pass_time(LATEST_S)
    assert all(viewer.writes == [[event]] for viewer in viewers)
    assert max(writes_by_second(viewers)) <= 1.5 * len(viewers) / SPREAD_S
    world.pass_time(SPREAD_S)
    assert not world.timers


def test_while_events_come_each_is_written_to_once_a_cycle_and_gets_all_in_time() -> None:
    world = begin()
    viewers = [Viewer(world) for _ in range(200)]
    for viewer in viewers:
        world.follow(viewer, "contest")
    posted: dict[int, float] = {}
    for _ in range(80):
        posted[post(world)[0]] = world.clock.now
        world.pass_time(0.5)
    world.pass_time(LATEST_S)
    for viewer in viewers:
        assert viewer.got == list(posted)
        late = [at - posted[event] for at, write in zip(viewer.times, viewer.writes, strict=True) for event in write]
        assert max(late) <= LATEST_S
        assert all(later - earlier > SPREAD_S - 0.1 for earlier, later in pairwise(viewer.times))


def test_whoever_is_late_gets_the_newest_of_each_value() -> None:
    world = begin()
    viewer = world.follow(Viewer(world), "newest")
    post(world, "newest", 1)
    ids = post(world, "newest", 2) + post(world, "newest", 1)
    world.pass_time(LATEST_S)
    assert viewer.writes == [ids]


def test_who_comes_in_the_middle_gets_what_there_is_at_once_and_the_next_in_time() -> None:
    world = begin()
    world.follow(Viewer(world), "contest")
    (first,) = post(world)
    late = [Viewer(world) for _ in range(50)]
    for viewer in late:
        world.follow(viewer, "contest", start=first - 1)
        assert viewer.writes == [[first]]
    (second,) = post(world)
    world.pass_time(LATEST_S)
    assert all(viewer.writes == [[first], [second]] for viewer in late)


def test_who_has_left_is_not_written_to_and_the_others_are() -> None:
    world = begin()
    viewers = [world.follow(Viewer(world), "contest") for _ in range(100)]
    ids = post(world)
    for viewer in viewers[::2]:
        world.hub.leave(viewer.subscription)
    world.pass_time(LATEST_S)
    assert [viewer.got for viewer in viewers] == [[], ids] * 50


@pytest.mark.parametrize("others", ["free", "list"])
def test_an_event_of_another_channel_takes_along_what_is_held(others: str) -> None:
    world = begin()
    viewers = [world.follow(Viewer(world), "contest", others) for _ in range(20)]
    first = post(world)
    second = post(world, others)
    assert all(viewer.got == first + second for viewer in viewers)
    world.pass_time(2 * SPREAD_S)
    assert all(viewer.got == first + second for viewer in viewers)


def test_what_a_pace_holds_comes_before_what_is_spread() -> None:
    world = begin()
    viewers = [world.follow(Viewer(world), "contest", "list") for _ in range(50)]
    ids = post(world, "list") + post(world, "list") + post(world)
    world.pass_time(LATEST_S)
    assert all(viewer.got == ids for viewer in viewers)


def test_of_two_channels_the_shorter_time_counts() -> None:
    world = begin()
    viewers = [world.follow(Viewer(world), "contest", "quick") for _ in range(50)]
    ids = post(world)
    world.pass_time(1)
    ids += post(world, "quick")
    world.pass_time(2.1)
    assert all(viewer.got == ids for viewer in viewers)


def test_who_lags_goes_on_from_history() -> None:
    world = begin()
    viewer = world.follow(Viewer(world), "contest")
    viewer.taking = False
    ids = post(world)
    world.pass_time(LATEST_S)
    ids += post(world) + post(world)
    world.pass_time(2 * LATEST_S)
    assert viewer.writes == [ids[:1]]
    viewer.taking = True
    world.hub.resume(viewer.subscription)
    world.run()
    assert viewer.writes == [ids[:1], ids[1:]]


def test_a_write_that_fails_costs_one_listener() -> None:
    world = begin()
    viewers = [world.follow(Viewer(world), "contest") for _ in range(10)]

    def fail() -> None:
        raise RuntimeError

    viewers[0].on_write = fail
    ids = post(world)
    world.pass_time(LATEST_S)
    assert viewers[0].cut
    assert all(viewer.got == ids for viewer in viewers)


def test_a_moment_does_not_pass_what_its_group_still_waits_for() -> None:
    world = begin(crowd=1)
    viewers = [world.follow(Viewer(world), "contest", "free") for _ in range(100)]
    for viewer in viewers:
        viewer.on_write = lambda: setattr(world.clock, "now", world.clock.now + 0.1)
    ids = world.post("free")
    world.turn()
    ids += world.post("contest")
    while world.turn() or world.timers:
        world.clock.now += 0.01
    assert all(viewer.got == ids for viewer in viewers)


def test_a_loss_is_told_at_once() -> None:
    world = begin()
    viewers = [world.follow(Viewer(world), "contest") for _ in range(10)]
    ids = post(world)
    world.hub.lose(EventId(ids[0]))
    world.run()
    assert all(viewer.got == ids and len(viewer.gaps) == 1 for viewer in viewers)
    ids += post(world)
    world.pass_time(LATEST_S)
    assert all(viewer.got == ids for viewer in viewers)


def test_another_transport_loses_nothing() -> None:
    world = begin()
    viewers = [world.follow(Viewer(world), "contest") for _ in range(20)]
    ids = post(world)
    world.pass_time(5)
    for viewer in viewers:
        subscription: Subscription = viewer.subscription
        world.hub.move(subscription, type(IDS)(), viewer.write)
        assert viewer.got == ids
    world.pass_time(LATEST_S)
    assert all(viewer.got == ids for viewer in viewers)
