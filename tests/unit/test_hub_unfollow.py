"""What does a listener get after a channel was taken from it?"""

from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId
from tests.fakes import Listener, World

A, B = Channel("a"), Channel("b")


def test_nothing_more_of_that_channel_and_all_of_the_others() -> None:
    world = World()
    listener = world.follow(Listener(), "a", "b")
    world.post("a", "b")
    world.run()
    world.hub.unfollow(listener.subscription, [A], "expired")
    ids = world.post("a", "b")
    world.run()
    assert listener.got == [1001, 1002, ids[1]]
    assert listener.revoked == [("a", "expired")]
    assert listener.statuses == [None]


def test_what_was_not_written_yet_is_not_written_of_it() -> None:
    world = World()
    listener = world.follow(Listener(), "a", "b")
    ids = world.post("a", "b", "a")
    world.hub.unfollow(listener.subscription, [A], "expired")
    world.run()
    assert listener.got == [ids[1]]


def test_who_lags_goes_on_with_the_others_from_where_it_was() -> None:
    world = World(size=2)
    listener = world.follow(Listener(), "a", "b")
    listener.taking = False
    world.post("b")
    world.run()
    world.post("a", "a", "a", "b")
    world.run()
    world.hub.unfollow(listener.subscription, [A], "expired")
    listener.taking = True
    world.hub.resume(listener.subscription)
    world.run()
    assert listener.got == [1001, 1005]
    assert listener.gaps == []


def test_a_gap_in_the_others_is_told_all_the_same() -> None:
    world = World()
    listener = world.follow(Listener(), "a", "b")
    world.post("a", "b")
    world.run()
    world.hub.lose(world.hub.last_id())
    world.hub.unfollow(listener.subscription, [A], "expired")
    world.run()
    assert listener.gaps == []  # it has had all that was lost
    lost = EventId(world.history.last_id + 3)
    world.wall_clock.now = (lost + 1) / 1000
    world.hub.lose(lost)
    world.hub.unfollow(listener.subscription, [B], "expired")
    world.run()
    assert listener.gaps == []
    world.follow(listener, "b")
    assert listener.gaps == [Gap(B, EventId(1002), EventId(lost + 1))]


def test_with_the_last_one_it_waits_for_nothing_and_is_there_for_its_next_filter() -> None:
    world = World()
    listener = world.follow(Listener(), "a", "b")
    listener.taking = False
    world.post("a")
    world.run()
    world.post("a", "b")
    world.hub.unfollow(listener.subscription, [B, A], "revoked")
    world.hub.resume(listener.subscription)
    world.hub.move(listener.subscription, listener.subscription.encoding, listener.write)
    world.run()
    assert listener.revoked == [("a", "revoked"), ("b", "revoked")]
    assert world.hub.channels().count(A) == 1  # in history alone
    assert listener.got == [1001]
    listener.taking = True
    world.follow(listener, "a")
    world.run()
    assert listener.got == [1001, 1002]


def test_channels_that_it_does_not_follow_are_passed_over() -> None:
    world = World()
    listener = world.follow(Listener(), "a")
    world.hub.unfollow(listener.subscription, [B], "expired")
    world.hub.leave(listener.subscription)
    world.hub.unfollow(listener.subscription, [A], "expired")
    assert listener.revoked == []


def test_who_leaves_when_it_is_told_gets_nothing_more() -> None:
    world = World()
    listener = world.follow(Listener(), "a", "b", "c")
    listener.on_told = lambda: world.hub.leave(listener.subscription)
    world.post("b")
    world.hub.unfollow(listener.subscription, [A, Channel("c")], "expired")
    world.run()
    assert listener.revoked == [("a", "expired")]
    assert listener.got == []
    assert world.hub.listeners(B) == 0


def test_who_cannot_be_told_is_cut_off() -> None:
    world = World()
    listener = world.follow(Listener(), "a", "b")

    def fail() -> None:
        raise RuntimeError

    listener.on_told = fail
    world.hub.unfollow(listener.subscription, [A], "expired")
    assert listener.cut
    assert world.hub.listeners(B) == 0
