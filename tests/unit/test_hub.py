"""Does every listener get what is due to it, once, in order, or hear of a gap?"""

import asyncio
from collections.abc import Callable

import pytest

from oyez.brokers.memory import MemoryBroker
from oyez.hub.broker import Deliver, Lose
from oyez.hub.history import Gap, History
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from tests.fakes import IDS, Clock, Listener, World, run_without_loop


def test_what_is_posted_in_one_turn_leaves_in_one_write() -> None:
    world = World()
    listener = world.follow(Listener(), "a", "b")
    ids = world.post("a", "b") + world.post("c", "a")
    assert listener.got == []
    world.run()
    assert listener.writes == [[ids[0], ids[1], ids[3]]]
    assert world.hub.deliveries == 3


def test_nothing_is_done_for_channels_that_nobody_follows() -> None:
    world = World()
    world.post("a")
    assert world.turns == []
    assert world.hub.history_events == 1


def test_an_event_is_encoded_once_for_all() -> None:
    world = World()
    encoded: list[int] = []

    class Counting:
        max_events = None

        def encode(self, publication: Publication) -> bytes:
            encoded.append(publication.id)
            return IDS.encode(publication)

        def join(self, parts: list[bytes]) -> bytes:
            return IDS.join(parts)

    counting, listeners = Counting(), [Listener() for _ in range(3)]
    for listener, channels in zip(listeners, (["a"], ["a"], ["a", "b"]), strict=True):
        listener.subscription.encoding = counting
        world.follow(listener, *channels)
    (posted,) = world.post("a")
    world.run()
    assert encoded == [posted]
    assert [listener.got for listener in listeners] == [[posted]] * 3


@pytest.mark.parametrize(("start", "recovered"), [(None, None), (1000, True), (1002, True), (999, False)])
def test_replay_from_a_start(start: int | None, recovered: bool | None) -> None:
    world = World()
    world.post("a", "b", "c", "a")
    listener = world.follow(Listener(), "a", "b", start=start)
    assert listener.statuses == [recovered]
    assert listener.got == [event for event in (1001, 1002, 1004) if event > (start or 0)]
    assert [gap.channel for gap in listener.gaps] == (["a", "b"] if recovered is False else [])
    assert world.hub.gaps == len(listener.gaps)


def test_without_a_start_the_newest_over_all_channels_are_replayed() -> None:
    world = World(newest=3)
    ids = world.post("a", "b", "a", "other", "b", "a")
    assert world.follow(Listener(), "a", "b").got == [ids[2], ids[4], ids[5]]
    assert world.follow(Listener(), "other").got == [ids[3]]


def test_a_start_in_the_future_gets_a_gap_and_what_comes_from_now_on() -> None:
    world = World()
    world.post("a")
    listener = world.follow(Listener(), "a", start=9999)
    assert (listener.statuses, listener.got) == ([False], [])
    assert listener.gaps == [Gap(Channel("a"), EventId(9999), EventId(1001))]
    (posted,) = world.post("a")
    world.run()
    assert listener.got == [posted]


def test_filtering_again_repeats_nothing_and_serves_new_channels_from_the_start() -> None:
    world = World()
    old = world.post("b")
    listener = world.follow(Listener(), "a", start=1000)
    seen = world.post("a")
    world.run()
    world.follow(listener, "a", "b", start=1000)
    world.follow(listener, "b", "a", start=1000)
    assert listener.got == seen + old
    assert listener.statuses == [True] * 3


def test_coming_back_to_a_channel_gives_what_came_meanwhile() -> None:
    world = World()
    listener = world.follow(Listener(), "a")
    seen = world.post("a")
    world.run()
    world.follow(listener, "b")
    meanwhile = world.post("a")
    world.run()
    assert listener.got == seen
    world.follow(listener, "a", start=1000)
    assert listener.got == seen + meanwhile


def test_what_is_pending_when_a_listener_joins_comes_once() -> None:
    world = World()
    world.follow(Listener(), "a")
    before = world.post("a")
    listener = world.follow(Listener(), "a", start=1000)
    after = world.post("a")
    world.run()
    assert listener.got == before + after


def test_a_listener_that_joins_before_a_burst_misses_nothing_of_it() -> None:
    """More than history holds may be posted in one turn of the loop."""
    world = World(size=4)
    world.follow(Listener(), "a")
    (start,) = world.post("a")
    listener = world.follow(Listener(), "a", start=start)
    burst = [world.post("a")[0] for _ in range(10)]
    world.run()
    assert listener.got == burst or (listener.gaps and listener.got == burst[-4:])


def test_a_slow_reader_gets_nothing_more_until_it_drains_then_everything() -> None:
    world = World()
    listener = world.follow(Listener(), "a", "b")
    listener.taking = False
    first = world.post("a")
    world.run()
    missed = [world.post(channel)[0] for channel in "abba"]
    world.run()
    assert listener.got == first
    listener.taking = True
    world.hub.resume(listener.subscription)
    world.run()
    assert listener.got == first + missed
    assert not listener.gaps
    world.hub.resume(listener.subscription)
    world.run()
    live = world.post("b")
    world.run()
    assert listener.got == first + missed + live


def lag_beyond_history(world: World) -> Listener:
    listener = world.follow(Listener(), "a", "b")
    listener.taking = False
    world.post("a")
    world.run()
    for _ in range(6):
        world.post("a")
    world.run()
    listener.taking = True
    return listener


@pytest.mark.parametrize(
    "go_on",
    [
        lambda world, listener: world.hub.resume(listener.subscription),
        lambda world, listener: world.move(listener),
        lambda world, listener: world.follow(listener, "a", "b"),
    ],
    ids=["resume", "move", "subscribe"],
)
def test_whoever_lagged_for_too_long_hears_of_the_gap(go_on: Callable[[World, Listener], None]) -> None:
    world = World(size=4)
    listener = lag_beyond_history(world)
    go_on(world, listener)
    world.hub.resume(listener.subscription)
    world.run()
    assert listener.got == [1001, 1004, 1005, 1006, 1007]
    assert listener.gaps[:1] == [Gap(Channel("a"), EventId(1001), EventId(1004))]


def test_catching_up_stops_when_the_socket_is_full() -> None:
    world = World(write_bytes=15)  # three ids of four digits
    ids = world.post(*"aaaaaaa")
    listener = Listener()
    listener.taking = False
    world.follow(listener, "a", start=1000)
    assert listener.writes == [ids[:3]]
    world.hub.resume(listener.subscription)
    world.run()
    assert listener.writes == [ids[:3], ids[3:6]]
    listener.taking = True
    world.hub.resume(listener.subscription)
    world.run()
    assert listener.got == ids


def test_what_is_remembered_of_left_channels_is_bounded_but_hides_nothing() -> None:
    """A listener that lags in one channel and was ahead in another, which it has left and forgotten."""
    world = World(write_bytes=4, left_channels_kept=1)
    listener = world.follow(Listener(), "a")
    listener.taking = False
    ids = world.post("a")
    world.run()
    ids += world.post(*"aaaaaaaaaa")
    world.post("ahead")
    for channels in (["a", "ahead"], ["a", "b"], ["a", "c"], ["a"]):
        world.follow(listener, *channels, start=world.hub.last_id())
    listener.taking = True
    world.hub.resume(listener.subscription)
    world.run()
    assert listener.got == ids or listener.gaps


def test_a_left_and_forgotten_channel_is_a_gap() -> None:
    world = World(left_channels_kept=1)
    listener = Listener()
    (seen,) = world.post("a")
    for channel in "abcda":
        world.follow(listener, channel, start=1000)
    assert listener.got == [seen]
    assert listener.gaps[-1:] == [Gap(Channel("a"), EventId(1000), EventId(seen + 1))]


def test_leaving_ends_delivery_and_may_be_repeated() -> None:
    world = World()
    listener = world.follow(Listener(), "a")
    world.post("a")
    world.hub.leave(listener.subscription)
    world.hub.leave(listener.subscription)
    world.run()
    assert listener.got == []
    assert world.hub.listeners(Channel("a")) == 0


def test_whoever_leaves_while_being_told_of_its_filter_does_not_join() -> None:
    """An answer may be one too many for the transport, which ends the session there and then."""
    world = World()
    listener = Listener()
    listener.on_told = lambda: world.hub.leave(listener.subscription)
    world.follow(listener, "a")
    assert world.hub.listeners(Channel("a")) == 0


def test_attachments_arrive_and_count_as_memory() -> None:
    world = World()
    seen: list[Publication] = []

    class Keeping:
        max_events = None

        def encode(self, publication: Publication) -> bytes:
            seen.append(publication)
            return b"1 "

        def join(self, parts: list[bytes]) -> bytes:
            return b"".join(parts)

    listener = Listener()
    listener.subscription.encoding = Keeping()
    world.follow(listener, "a")
    world.hub.publish([Post(Channel("a"), b"{}", (b"x" * 1000, b"y"))], lambda _: None)
    world.run()
    assert seen[0].attachments == (b"x" * 1000, b"y")
    assert world.hub.history_bytes >= 1001


def test_old_events_leave_by_the_clock() -> None:
    world = World(ttl_s=10)
    world.post("a")
    world.clock.now = 5
    (young,) = world.post("a")
    world.clock.now = 12
    world.hub.expire()
    listener = world.follow(Listener(), "a", start=1000)
    assert listener.got == [young]
    assert listener.statuses == [False]


def test_what_the_store_had_lost_before_the_start_is_a_gap() -> None:
    """A durable broker hands over what it kept, and says from where on that is complete."""

    class Refilling(MemoryBroker):
        async def start(self, deliver: Deliver, lose: Lose) -> EventId:
            await super().start(deliver, lose)
            deliver([Publication(EventId(90), Channel("a"), b"1", (), 0.0)])
            return EventId(80)

    history = History(HistorySettings(size=9, ttl_s=9, max_bytes=2**20, max_channels=9))
    hub = Hub(Refilling(), history, call_soon=lambda _: None, call_later=lambda *_: None, clock=Clock())
    run_without_loop(hub.start())
    for start, recovered in ((5, False), (80, True), (90, True)):
        for channel in ("a", "empty"):
            listener = Listener()
            hub.subscribe(listener.subscription, [Channel(channel)], EventId(start))
            assert (channel, start, listener.statuses) == (channel, start, [recovered])


def test_stopping_the_hub_stops_its_broker() -> None:
    stopped: list[bool] = []

    class Stopping(MemoryBroker):
        async def stop(self) -> None:
            stopped.append(True)

    history = History(HistorySettings(size=9, ttl_s=9, max_bytes=2**20, max_channels=9))
    hub = Hub(Stopping(), history, call_soon=lambda _: None, call_later=lambda *_: None, clock=Clock())
    asyncio.run(hub.stop())
    assert stopped == [True]
