"""Does a fan-out that is cut into slices come out right, whatever happens between two of them?"""

from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oyez.hub.audience import Audience
from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId, Publication
from oyez.hub.subscriber import Group
from tests.fakes import Ids, Listener, World
from tests.unit.hub_crowds import CROWD, begin, crowd


def test_all_are_served_in_several_turns() -> None:
    world = World()
    listeners = crowd(world, "a")
    ids = world.post("a", "a")
    turns = 0
    while world.turn():
        turns += 1
    assert turns > 2
    assert all(listener.writes == [ids] for listener in listeners)


def test_what_has_to_leave_before_a_fan_out_does_so_before_each_slice() -> None:
    order: list[str] = []
    world = World(before_fan_out=lambda: order.append("answers"))

    def take_long() -> None:
        world.clock.now += 1
        order.append("event")

    for listener in crowd(world, "a"):
        listener.on_write = take_long
    world.post("a")
    assert order == []
    turns = 0
    while world.turn():
        turns += 1
    assert order[0] == "answers"
    assert order.count("answers") == turns > 2
    assert order.count("event") == CROWD


def test_a_quick_fan_out_takes_one_turn() -> None:
    world = World()
    listeners = [world.follow(Listener(), "a") for _ in range(CROWD)]
    world.post("a")
    world.turn()
    assert all(listener.got for listener in listeners)


def test_a_post_between_slices_goes_with_the_rest_to_those_whose_turn_is_yet_to_come() -> None:
    world = World()
    listeners = crowd(world, "a")
    ids = world.post("a")
    begin(world, listeners)
    ids += world.post("a") + world.post("b")
    world.turn()
    ids += world.post("a")
    world.run()
    first, second, _, third = ids
    parts = listeners[:32], listeners[32:64], listeners[64:]
    assert all(listener.writes == [[first], [second, third]] for listener in parts[0])
    assert all(listener.writes == [[first, second], [third]] for listener in parts[1])
    assert all(listener.writes == [[first, second, third]] for listener in parts[2])


def test_nobody_waits_longer_for_a_post_than_one_round_takes() -> None:
    world = World()
    listeners = crowd(world, "a")
    world.post("a")
    begin(world, listeners)
    began = world.clock.now
    (late,) = world.post("a")
    arrived: list[float] = []
    for listener in listeners:
        take_long, got = listener.on_write, listener.got

        def note(take_long: Callable[[], object] = take_long, got: list[int] = got) -> None:
            take_long()
            arrived.extend([world.clock.now] * (late in got))

        listener.on_write = note
    world.run()
    assert len(arrived) == CROWD
    assert max(arrived) - began == CROWD


@pytest.mark.parametrize("crowd_limit", [2, 100], ids=["large", "small, and in need of more slices"])
@given(st.lists(st.sampled_from(["post", "post two", "turn", "turn", "join", "leave"]), max_size=40))
def test_all_come_to_everybody_in_order_however_posts_and_slices_fall(crowd_limit: int, steps: list[str]) -> None:
    world = World(members_per_clock_read=1, crowd=crowd_limit, write_bytes=12)
    listeners: list[tuple[Listener, int]] = []  # and how many events were there before
    ids: list[int] = []

    def take_long() -> None:
        world.clock.now += 0.004  # two of them are a slice

    def join() -> None:
        listeners.append((world.follow(Listener(), "a", start=world.hub.last_id()), len(ids)))
        listeners[-1][0].on_write = take_long

    for _ in range(5):
        join()
    for step in steps:
        if step == "turn":
            world.turn()
        elif step == "join":
            join()
        elif step == "leave" and len(listeners) > 1:
            world.hub.leave(listeners.pop(len(listeners) // 2)[0].subscription)
        else:
            ids += world.post(*("a" * (2 if step == "post two" else 1)))
    world.run()
    assert [listener.got for listener, _ in listeners] == [ids[before:] for _, before in listeners]


def test_who_takes_the_place_of_an_only_listener_in_the_middle_gets_the_event_once() -> None:
    world = World()
    listeners = crowd(world, "a")
    lone = world.follow(Listener(), "b")
    world.post("a")
    ids = world.post("b")
    begin(world, listeners)
    newcomer = world.follow(Listener(), "b", start=1000)
    world.hub.leave(lone.subscription)
    world.run()
    assert (newcomer.got, lone.got) == (ids, [])


def test_many_channels_of_one_listener_each_are_served_in_several_turns() -> None:
    world = World()
    listeners = [world.follow(Listener(), str(number)) for number in range(CROWD)]

    def take_long() -> None:
        world.clock.now += 1

    for listener in listeners:
        listener.on_write = take_long
    ids = world.post(*map(str, range(CROWD)))
    turns = 0
    while world.turn():
        turns += 1
    assert turns == 1 + CROWD // 32
    assert [listener.writes for listener in listeners] == [[[event]] for event in ids]


def test_who_joins_in_the_middle_gets_each_event_once() -> None:
    world = World()
    listeners = crowd(world, "a")
    ids = world.post("a")
    begin(world, listeners)
    ids += world.post("a")
    newcomer = world.follow(Listener(), "a", start=1000)
    stranger = world.follow(Listener(), "a", "b", start=ids[0])
    ids += world.post("a")
    world.run()
    assert newcomer.got == ids
    assert stranger.got == ids[1:]


def go_elsewhere(world: World, listener: Listener) -> None:
    world.follow(listener, "b")
    world.follow(listener, "a")


@pytest.mark.parametrize(
    "change",
    [
        lambda world, listener: world.move(listener),
        lambda world, listener: world.follow(listener, "a", start=1000),
        lambda world, listener: world.follow(listener, "a", "b"),
        go_elsewhere,
    ],
    ids=["move", "same filter", "wider filter", "there and back"],
)
def test_who_changes_in_the_middle_gets_each_event_once(change: Callable[[World, Listener], None]) -> None:
    world = World()
    listeners = crowd(world, "a")
    earlier = world.post("a")
    world.run()
    for listener in listeners:
        listener.got.clear()
    ids = world.post("a", "a")
    served, unserved = begin(world, listeners)
    ids += world.post("a")
    for listener in (served[0], unserved[0], unserved[-1]):
        change(world, listener)
    ids += world.post("a")
    world.run()
    assert all(listener.got == ids for listener in listeners)
    assert earlier


def test_who_leaves_in_the_middle_gets_nothing_more() -> None:
    world = World()
    listeners = crowd(world, "a")
    world.post("a")
    _, unserved = begin(world, listeners)
    for listener in unserved:
        world.hub.leave(listener.subscription)
    world.run()
    assert [listener.got for listener in unserved] == [[]] * len(unserved)


def test_who_stalls_in_the_middle_resumes_from_history() -> None:
    world = World()
    listeners = crowd(world, "a")
    ids = world.post("a")
    _, unserved = begin(world, listeners)
    slow = unserved[0]
    slow.taking = False
    world.run()
    ids += world.post("a")
    world.run()
    assert slow.got == ids[:1]
    slow.taking = True
    world.hub.resume(slow.subscription)
    world.run()
    assert slow.got == ids


def test_an_empty_audience_ends_the_fan_out() -> None:
    world = World()
    listeners = crowd(world, "a")
    world.post("a")
    begin(world, listeners)
    for listener in listeners:
        world.hub.leave(listener.subscription)
    world.run()
    assert world.hub.listeners(Channel("a")) == 0
    late = world.follow(Listener(), "a", start=world.hub.last_id())
    ids = world.post("a")
    world.run()
    assert late.got == ids


def test_an_error_in_one_write_does_not_end_delivery_for_all() -> None:
    world = World()
    broken, sound = world.follow(Listener(), "a"), world.follow(Listener(), "b")

    def fail() -> None:
        raise RuntimeError("a bug")

    broken.on_write = fail
    world.post("a")
    ids = world.post("b")
    world.run()
    assert sound.got == ids
    assert broken.cut, "it would wait for ever for what comes next"
    assert world.hub.listeners(Channel("a")) == 0


class Picky(Ids):
    """An encoding that cannot write one event."""

    def __init__(self, refused: int) -> None:
        self.refused = refused

    def encode(self, publication: Publication) -> bytes:
        if publication.id == self.refused:
            raise RuntimeError("a bug")
        return super().encode(publication)


def test_what_one_encoding_cannot_write_costs_those_who_use_it_that_event(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    picky = Picky(1002)
    mute = [Listener() for _ in range(3)]
    for listener in mute:
        listener.subscription.encoding = picky
    world.follow(mute[0], "a")
    world.follow(mute[1], "a", "b")
    sound = world.follow(Listener(), "a")
    ids = world.post("a", "a", "b", "a")
    world.run()
    world.follow(mute[2], "a", start=1000)
    assert sound.got == [ids[0], ids[1], ids[3]]
    assert mute[0].got == mute[2].got == [ids[0], ids[3]]
    assert mute[1].got == [ids[0], ids[2], ids[3]]
    for listener in mute:
        assert listener.gaps == [Gap(Channel("a"), EventId(1001), EventId(1003))]
        assert not listener.cut
    assert sound.gaps == []
    assert caplog.text.count("RuntimeError: a bug") == 1, "it is logged once for all"


def test_an_only_event_that_cannot_be_written_to_an_only_listener_is_a_gap() -> None:
    world = World()
    listener = Listener()
    listener.subscription.encoding = Picky(1001)
    world.follow(listener, "a")
    world.post("a")
    world.run()
    assert (listener.writes, listener.gaps, listener.cut) == (
        [],
        [Gap(Channel("a"), EventId(1000), EventId(1002))],
        False,
    )


class Breaking(Audience):
    """An audience whose first batch breaks off after one group."""

    is_broken = True

    def due(self, batch: Sequence[Publication]) -> Iterator[tuple[Group, list[Publication]]]:
        groups = super().due(batch)
        if self.is_broken:
            self.is_broken = False
            yield next(groups)
            raise RuntimeError("a bug")
        yield from groups


def test_a_batch_that_breaks_off_reaches_everybody_from_history(caplog: pytest.LogCaptureFixture) -> None:
    world = World(audience=Breaking())
    listeners = [world.follow(Listener(), *channels) for channels in ("a", "ab", "b")]
    ids = world.post("a", "b", "a")
    world.run()
    assert [listener.got for listener in listeners] == [[ids[0], ids[2]], ids, [ids[1]]]
    assert not any(listener.gaps or listener.cut for listener in listeners)
    assert caplog.text.count("RuntimeError: a bug") == 1
