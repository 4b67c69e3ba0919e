"""Does a pace hold for who polls, one subscription after the other, and is nobody left behind by it?"""

from itertools import pairwise

import pytest

from oyez.hub import audience
from oyez.hub.publication import Channel
from oyez.hub.rates import ChannelRate, find_member
from tests.fakes import Ids, Listener, World

RATES = {
    "list": ChannelRate(pace_s=1.0, latest_by=find_member("id")),
    "all": ChannelRate(pace_s=1.0),
    "ranking": ChannelRate(spread_s=1.0),
}
ROUND_TRIP_S = 0.05


class OneId:
    """One event and no more, as a long poll takes it."""

    max_events = 1
    encode = Ids.encode
    join = Ids.join


ONE = OneId()


class Poller:
    """Polls again a round trip after each answer, naming what it got."""

    def __init__(self, world: World, *channels: str, start: int | None, keeps_pace: bool = True) -> None:
        self.world = world
        self.channels = channels
        self.start = start
        self.keeps_pace = keeps_pace
        self.got: list[int] = []
        self.times: list[float] = []
        self.listener = Listener()
        self.poll()

    def poll(self) -> None:
        self.listener = Listener()
        self.listener.taking = False
        self.listener.subscription.encoding = ONE
        self.listener.on_write = self.take
        self.world.follow(self.listener, *self.channels, start=self.start, keeps_pace=self.keeps_pace)

    def take(self) -> None:
        (self.start,) = self.listener.got
        self.got.append(self.start)
        self.times.append(self.world.clock.now)
        self.world.hub.leave(self.listener.subscription)
        self.world.timers.append((self.world.clock.now + ROUND_TRIP_S, self.poll))

    @property
    def bursts(self) -> list[float]:
        """When each answer came that was not a round trip after the one before."""
        later = [new for old, new in pairwise(self.times) if new - old > 2 * ROUND_TRIP_S]
        return [*self.times[:1], *later]


def begin() -> World:
    return World(find_rate=lambda channel: RATES.get(channel, ChannelRate()))


def post(world: World, *values: int, channel: str = "list") -> list[int]:
    ids = world.post(*[channel] * len(values), messages=[b'{"id":%d}' % value for value in values])
    world.run()
    return ids


def last(world: World) -> int:
    return int(world.hub.last_id())


@pytest.mark.parametrize("others", [0, 1, 3])
def test_the_first_event_after_a_pause_comes_at_once_and_the_next_after_the_pace(others: int) -> None:
    world = begin()
    pollers = [Poller(world, "list", start=last(world)) for _ in range(1 + others)]
    first = post(world, 1)
    assert [poller.got for poller in pollers] == [first] * len(pollers)
    superseded = post(world, 2)  # nobody waits just then
    world.pass_time(0.5)
    newest = post(world, 2)
    world.pass_time(0.4)
    assert [poller.got for poller in pollers] == [first] * len(pollers)
    world.pass_time(0.2)
    assert [poller.got for poller in pollers] == [first + newest] * len(pollers)
    assert superseded < newest
    world.pass_time(3)
    at_once = post(world, 3)
    assert [poller.got for poller in pollers] == [first + newest + at_once] * len(pollers)
    assert not world.hub.waiting


@pytest.mark.parametrize("pollers", [1, 3])
def test_a_busy_list_is_answered_once_in_a_pace_and_nobody_is_left_behind(pollers: int) -> None:
    """In each pace come the newest states of three values, one a round trip."""
    world = begin()
    waiting = [Poller(world, "list", start=last(world)) for _ in range(pollers)]
    ids: list[int] = []
    for _ in range(100):
        ids += post(world, 1, 2, 3)
        world.pass_time(0.1)
    world.pass_time(1.5)
    for poller in waiting:
        assert poller.got == sorted(set(poller.got))
        assert set(ids[-3:]) <= set(poller.got)
        assert 10 <= len(poller.bursts) <= 12
        assert all(later - earlier >= 0.99 for earlier, later in pairwise(poller.bursts))


def test_who_needs_longer_than_the_pace_for_what_is_due_goes_on_at_once() -> None:
    world = begin()
    poller = Poller(world, "all", start=last(world))
    ids = []
    for _ in range(4):
        ids += post(world, *range(30), channel="all")  # a second and a half of round trips
        world.pass_time(1)
    world.pass_time(5)
    assert poller.got == ids
    assert poller.times[-1] - poller.times[0] <= 120 * (ROUND_TRIP_S + 0.011)


def test_who_comes_with_an_older_id_or_none_gets_at_once_what_there_is() -> None:
    world = begin()
    start = last(world)
    first = post(world, 1)
    Poller(world, "list", start=start)
    second = post(world, 2)
    assert Poller(world, "list", start=start).got == first
    assert Poller(world, "list", start=None).got == first
    assert Poller(world, "list", start=first[0], keeps_pace=False).got == second
    waiting = Poller(world, "list", start=first[0])
    assert waiting.got == []
    world.pass_time(1.1)
    assert waiting.got == second


def test_an_event_of_another_channel_is_not_kept_waiting_and_takes_along_what_is() -> None:
    world = begin()
    poller = Poller(world, "list", "free", start=last(world))
    ids = post(world, 1)
    world.pass_time(0.1)
    ids += post(world, 2)
    ids += post(world, 3, channel="free")
    world.pass_time(0.2)
    assert poller.got == ids
    late = post(world, 4) + post(world, 5, channel="free")  # nobody waits between two polls
    world.pass_time(0.2)
    assert poller.got == ids + late


def test_what_is_spread_is_not_paced() -> None:
    world = begin()
    poller = Poller(world, "ranking", "list", start=last(world))
    ids = post(world, 1, channel="ranking")
    world.pass_time(1.1)
    ids += post(world, 2)
    ids += post(world, 3, channel="ranking")
    world.pass_time(ROUND_TRIP_S + 0.01)
    assert poller.got == ids


def test_a_loss_is_told_when_the_pace_is_over_at_the_latest() -> None:
    world = begin()
    poller = Poller(world, "all", start=last(world))
    post(world, 1, channel="all")
    held = post(world, 2, channel="all")
    world.pass_time(0.1)
    waiting = poller.listener
    world.hub.lose(world.history.last_id)
    world.pass_time(1.1)
    assert waiting.got == held
    assert len(waiting.gaps) == 1


def test_who_leaves_while_it_waits_is_forgotten() -> None:
    world = begin()
    poller = Poller(world, "all", start=last(world))
    post(world, 1, channel="all")
    post(world, 2, channel="all")
    world.pass_time(0.1)
    subscription = poller.listener.subscription
    group = subscription.group
    assert group is not None
    assert subscription in (group.early or {})
    world.hub.leave(subscription)
    assert not group.early
    world.pass_time(2)
    assert poller.listener.got == []
    assert not world.timers


@pytest.mark.parametrize("names", [["free"], ["free", "all"]])
def test_a_channel_that_is_taken_away_from_who_waits_leaves_it_the_others(names: list[str]) -> None:
    world = begin()
    poller = Poller(world, "all", "list", *names, start=last(world))
    post(world, 1, channel="all")
    held = post(world, 2)
    world.pass_time(0.1)
    assert poller.listener.got == []
    world.hub.unfollow(poller.listener.subscription, [Channel("all")], "expired")
    assert poller.listener.got == held


def test_of_what_was_written_to_groups_that_are_empty_a_bounded_part_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audience, "_MOST_EMPTIED", 3)
    world = begin()
    for number in range(6):
        Poller(world, "all", f"own-{number}", start=last(world))
    post(world, 1, channel="all")
    assert len(world.audience._emptied) == 3


@pytest.mark.parametrize("own", [False, True], ids=["same", "own"])
def test_who_polls_and_goes_away_leaves_nothing_behind_while_others_wait(own: bool) -> None:
    """However long the pace is: each of these polls would wait for a minute."""
    world = World(find_rate=lambda _: ChannelRate(pace_s=60.0))
    waiting = Poller(world, "all", "too", start=last(world))
    held_groups = world.hub._fan_out._held
    assert held_groups is not None
    first = post(world, 1, channel="all")
    world.timers.clear()
    waiting.poll()
    held = post(world, 2, channel="all")
    for number in range(500):
        gone = Poller(world, "all", *([f"own-{number}"] if own else []), start=last(world) - number % 2)
        post(world, 2, channel="all")
        for _ in range(3):
            gone.poll()
            world.hub.leave(gone.listener.subscription)
        assert max(len(held_groups._held), len(held_groups._times)) <= 110
    assert waiting.got == first
    world.pass_time(60.02)
    assert waiting.got == first + held
