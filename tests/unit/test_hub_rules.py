"""Do rules that change while channels are followed lose nothing, double nothing, and count from then on?"""

import pytest

from oyez.access.rules import FirstFit
from oyez.hub.publication import Channel, EventId
from oyez.hub.rates import ChannelRate, FindRate, find_member
from oyez.hub.settings import ChannelBounds, HistoryRules
from tests.fakes import Listener, World

A, B = Channel("a"), Channel("b")
FOR_ALL = ChannelBounds(256, 600.0, 50)


def rules_of(**bounds: ChannelBounds) -> HistoryRules:
    return HistoryRules(FirstFit(bounds.items(), FOR_ALL).find, 600.0)


def rates_of(rate: ChannelRate) -> FindRate:
    return lambda channel: rate if channel == "a" else ChannelRate()


def post(world: World, *values: int, channel: str = "a") -> list[int]:
    ids = world.post(*[channel] * len(values), messages=[b'{"id":%d}' % value for value in values])
    world.run()
    return ids


def kept(world: World, channel: Channel) -> list[int]:
    return [publication.id for publication in world.hub.recent(channel, None)[0]]


def test_what_is_beyond_a_smaller_size_goes_and_a_larger_one_counts_from_then_on() -> None:
    world = World(size=3)
    ids = post(world, 1, 2, 3)
    others = post(world, 1, 2, 3, channel="b")
    world.hub.change_rules(rules_of(a=FOR_ALL._replace(size=2)), None)
    assert (kept(world, A), kept(world, B)) == (ids[1:], others)
    before = world.hub.history_bytes
    world.hub.change_rules(rules_of(a=FOR_ALL._replace(size=4)), None)
    assert (kept(world, A), world.hub.history_bytes) == (ids[1:], before)
    ids += post(world, 4, 5, 6)
    assert kept(world, A) == ids[-4:]
    _, gap = world.hub.recent(A, EventId(ids[0]))
    assert gap is not None


def test_the_oldest_of_all_goes_first_after_a_change_too() -> None:
    world = World(ttl_s=10)
    posted = [(channel, post(world, 1, channel=channel)) for channel in "abab"]
    world.hub.change_rules(rules_of(a=FOR_ALL._replace(ttl_s=5)), None)
    world.clock.now = 6
    world.hub.expire()
    assert (kept(world, A), kept(world, B)) == ([], [ids[0] for channel, ids in posted if channel == "b"])


def test_another_member_supersedes_and_none_does_when_the_rule_is_gone() -> None:
    world = World()
    ids = world.post("a", "a", "a", messages=[b'{"x":1,"y":1}', b'{"x":1,"y":2}', b'{"x":2,"y":2}'])
    empty = world.hub.history_bytes
    for member, left in (("x", ids[1:]), ("y", [ids[0], ids[2]])):
        world.hub.change_rules(None, rates_of(ChannelRate(latest_by=find_member(member))))
        assert [publication.id for publication in world.history.newest_since(A, EventId(ids[0] - 1), 9)] == left
    world.hub.change_rules(None, None)
    assert [publication.id for publication in world.history.newest_since(A, EventId(ids[0] - 1), 9)] == ids
    assert world.hub.history_bytes == empty


@pytest.mark.parametrize("before", [ChannelRate(pace_s=10), ChannelRate(spread_s=10)], ids=["pace", "spread"])
@pytest.mark.parametrize(
    "after", [None, ChannelRate(pace_s=1), ChannelRate(spread_s=1)], ids=["at once", "pace", "spread"]
)
def test_what_is_held_goes_out_when_rules_change(before: ChannelRate, after: ChannelRate | None) -> None:
    world = World(size=2, find_rate=rates_of(before))
    listeners = [world.follow(Listener(), "a", "b") for _ in range(5)]
    ids = post(world, 1)
    world.pass_time(2)
    ids += post(world, 2, 3, 4, 5)
    assert any(len(listener.got) < 5 for listener in listeners)
    world.hub.change_rules(None, None if after is None else rates_of(after))
    world.run()
    assert [listener.got for listener in listeners] == [ids] * 5
    ids += post(world, 6)
    assert any(listener.got != ids for listener in listeners) is (after is not None)
    world.pass_time(1.1)
    assert [listener.got for listener in listeners] == [ids] * 5
    assert world.hub.gaps == 0


@pytest.mark.parametrize("kept", [ChannelRate(pace_s=10), ChannelRate(spread_s=10)], ids=["pace", "spread"])
def test_what_is_held_by_a_rule_that_stays_keeps_its_time_when_others_change(kept: ChannelRate) -> None:
    world = World(find_rate=rates_of(kept))
    listeners = [world.follow(Listener(), "a", "c") for _ in range(20)]
    other = world.follow(Listener(), "b", "a")
    ids = post(world, 1)
    world.pass_time(1)
    late = post(world, 2)
    before = [list(listener.got) for listener in listeners]
    assert ids + late not in before
    rates = {"a": kept, "b": ChannelRate(pace_s=1)}
    world.hub.change_rules(None, lambda channel: rates.get(channel, ChannelRate()))
    world.run()
    assert [listener.got for listener in listeners] == before
    assert other.got == ids + late
    world.pass_time(10.2)
    assert [listener.got for listener in listeners] == [ids + late] * 20


def test_a_first_rule_holds_what_comes_from_then_on() -> None:
    world = World()
    listener = world.follow(Listener(), "a")
    ids = post(world, 1)
    world.hub.change_rules(None, rates_of(ChannelRate(pace_s=5)))
    ids += post(world, 2)
    late = post(world, 3)
    assert listener.got == ids
    world.pass_time(5.1)
    assert listener.got == ids + late
