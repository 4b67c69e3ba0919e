"""What can be asked of a hub without listening to it?"""

from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId
from tests.fakes import Listener, World

A, B, C = map(Channel, "abc")


def test_channels_are_those_remembered_and_those_followed() -> None:
    world = World()
    world.post("a", "b")
    world.follow(Listener(), "b", "c")
    assert sorted(world.hub.channels()) == ["a", "b", "b", "c"]
    assert [world.hub.listeners(channel) for channel in (A, B, C)] == [0, 1, 1]


def test_the_newest_id_of_a_channel_outlives_its_event() -> None:
    world = World(ttl_s=10)
    first, second, third = world.post("a", "b", "a")
    assert [world.hub.newest_id(channel) for channel in (A, B, C)] == [third, second, None]
    world.clock.now = 20
    world.hub.expire()
    assert world.hub.recent(A, None) == ([], None)
    assert [world.hub.newest_id(channel) for channel in (A, B)] == [third, second]
    assert first < second


def test_history_is_read_with_its_gap() -> None:
    world = World(size=2)
    first, second, third = world.post("a", "a", "a")

    def recent(after: int | None) -> tuple[list[int], Gap | None]:
        publications, gap = world.hub.recent(A, None if after is None else EventId(after))
        return [publication.id for publication in publications], gap

    assert recent(None) == ([second, third], None)
    assert recent(second) == ([third], None)
    assert recent(first) == ([second, third], None)
    assert recent(first - 1) == ([second, third], Gap(A, EventId(first - 1), EventId(second)))
    assert recent(third + 5) == ([], Gap(A, EventId(third + 5), EventId(second)))
