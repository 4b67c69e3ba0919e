"""Are listeners of a channel with a pace written to no oftener, and do they lack nothing for it?"""

import pytest

from oyez.hub.publication import Channel
from oyez.hub.rates import ChannelRate, find_member
from tests.fakes import Ids, Listener, World

RATES = {
    "list": ChannelRate(pace_s=1.0, latest_by=find_member("id")),
    "slow": ChannelRate(pace_s=10.0),
}


def begin(size: int = 256) -> World:
    return World(size=size, find_rate=lambda channel: RATES.get(channel, ChannelRate()))


def post(world: World, *values: int, channel: str = "list") -> list[int]:
    """Post events with these values, and let the loop turn."""
    ids = world.post(*[channel] * len(values), messages=[b'{"id":%d}' % value for value in values])
    world.run()
    return ids


def test_the_first_event_after_a_pause_goes_at_once_and_the_last_always() -> None:
    world = begin()
    listener = world.follow(Listener(), "list")
    first = post(world, 1)
    assert listener.writes == [first]
    later = post(world, 2) + post(world, 3)
    world.pass_time(0.95)
    assert listener.writes == [first]
    world.pass_time(0.1)
    assert listener.writes == [first, later]
    world.pass_time(5)
    last = post(world, 4)
    assert listener.writes == [first, later, last]


def test_a_busy_channel_is_written_once_in_a_pace_with_the_newest_of_each_value() -> None:
    world = begin()
    listeners = [world.follow(Listener(), "list") for _ in range(3)]
    ids: list[int] = []
    for _ in range(100):
        ids += post(world, 1, 2, 3)
        world.pass_time(0.1)
    world.pass_time(1.1)
    for listener in listeners:
        assert 10 <= len(listener.writes) <= 12
        assert listener.writes[0] == ids[:3]
        assert all(len(write) == 3 for write in listener.writes)
        assert listener.got[-3:] == ids[-3:]


def test_events_without_a_value_are_all_sent() -> None:
    world = begin()
    listener = world.follow(Listener(), "list")
    ids = post(world, 1)
    ids += world.post("list", "list")
    world.pass_time(1.1)
    assert listener.got == ids


def test_an_event_of_another_channel_goes_at_once_and_takes_along_what_is_held() -> None:
    world = begin()
    both = world.follow(Listener(), "list", "free")
    one = world.follow(Listener(), "list")
    first = post(world, 1)
    held = post(world, 2)
    free = post(world, 3, channel="free")
    assert both.writes == [first, held + free]
    assert one.writes == [first]
    world.pass_time(1.1)
    assert one.writes == [first, held]
    assert both.got == first + held + free


def test_the_shorter_pace_of_two_channels_counts() -> None:
    world = begin()
    both = world.follow(Listener(), "list", "slow")
    ids = post(world, 1, channel="slow")
    slow = post(world, 1, channel="slow")
    world.pass_time(0.5)
    quick = post(world, 1)
    world.pass_time(0.6)
    assert both.writes == [ids, slow + quick]


def test_who_comes_anew_gets_at_once_what_is_held_for_others_and_once() -> None:
    world = begin()
    early = world.follow(Listener(), "list")
    first = post(world, 1)
    held = post(world, 2)
    late = world.follow(Listener(), "list", start=first[0])
    assert late.writes == [held]
    more = post(world, 3)
    world.pass_time(1.1)
    assert early.writes == [first, held + more]
    assert late.writes == [held, more]


@pytest.mark.parametrize("names", [["list", "free"], ["free", "list", "slow"]])
def test_a_new_filter_loses_nothing_that_is_held(names: list[str]) -> None:
    world = begin()
    listener = world.follow(Listener(), "list")
    world.follow(Listener(), "list")
    first = post(world, 1)
    held = post(world, 2)
    world.follow(listener, *names)
    assert listener.got == first + held
    world.pass_time(1.1)
    assert listener.got == first + held


def test_another_transport_loses_nothing_that_is_held() -> None:
    world = begin()
    listener = world.follow(Listener(), "list")
    world.follow(Listener(), "list")
    first = post(world, 1)
    held = post(world, 2)
    world.hub.move(listener.subscription, Ids(), listener.write)
    world.pass_time(1.1)
    assert listener.got == first + held


def test_what_is_held_for_some_lowers_nobody_elses_position() -> None:
    world = begin()
    held_back = world.follow(Listener(), "slow")
    other = world.follow(Listener(), "free")
    first = post(world, 1, channel="slow")
    post(world, 2, channel="slow")
    last = post(world, 3, channel="free")
    assert world.hub.position(other.subscription) == last[0]
    assert world.hub.position(held_back.subscription) == first[0]


def test_who_lags_gets_only_the_newest_of_each_value() -> None:
    world = begin()
    listener = world.follow(Listener(), "list")
    listener.taking = False
    first = post(world, 9)
    ids = [post(world, 1, 2, 1) for _ in range(3)]
    world.pass_time(5)
    listener.taking = True
    world.hub.resume(listener.subscription)
    world.run()
    assert listener.got == first + ids[-1][1:]
    assert world.hub.position(listener.subscription) == ids[-1][-1]


def test_who_comes_back_gets_only_the_newest_of_each_value_and_the_api_all() -> None:
    world = begin()
    ids = post(world, 1, 2, 1, 3, 2)
    listener = world.follow(Listener(), "list", start=ids[0] - 1)
    assert listener.statuses == [True]
    assert listener.got == ids[2:]
    events, gap = world.hub.recent(Channel("list"), None)
    assert [event.id for event in events] == ids
    assert gap is None


def test_a_loss_is_told_at_once_and_nothing_that_is_held_is_lost() -> None:
    world = begin()
    listener = world.follow(Listener(), "list")
    first = post(world, 1)
    held = post(world, 2)
    world.hub.lose(world.history.last_id)
    world.run()
    assert listener.got == first + held
    assert len(listener.gaps) == 1


def test_of_a_flood_no_more_is_held_than_a_thousand_events() -> None:
    world = begin(size=10_000)
    listener = world.follow(Listener(), "slow")
    ids = post(world, 1, channel="slow")
    for _ in range(30):
        ids += post(world, *range(100), channel="slow")
    assert len(listener.writes) in {3, 4}
    world.pass_time(10.1)
    assert listener.got == ids


def test_what_is_superseded_does_not_count_as_held() -> None:
    world = begin(size=10_000)
    listener = world.follow(Listener(), "list")
    first = post(world, 1)
    for _ in range(30):
        ids = post(world, *range(100))
    assert listener.writes == [first]
    world.pass_time(1.1)
    assert listener.writes == [first, ids]


def test_who_has_left_is_not_written_to() -> None:
    world = begin()
    listener = world.follow(Listener(), "list")
    first = post(world, 1)
    post(world, 2)
    world.hub.leave(listener.subscription)
    world.pass_time(3)
    assert listener.writes == [first]
    assert not world.timers


def test_a_channel_that_is_taken_away_costs_nothing_that_is_held_of_others() -> None:
    world = begin()
    listener = world.follow(Listener(), "list", "secret")
    world.follow(Listener(), "list", "secret")
    first = post(world, 1)
    held = post(world, 2)
    world.hub.unfollow(listener.subscription, [Channel("secret")], "expired")
    world.pass_time(1.1)
    assert listener.got == first + held
