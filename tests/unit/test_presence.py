"""Is who asks told how many listen: seldom, only what changed, and nothing of who is back in a moment?"""

import random
from functools import partial
from itertools import pairwise

from oyez.endpoints.presence import Presence, StandingCount
from oyez.hub.publication import Channel
from tests.fakes import Listener, Sweeper, World

EVERY_S, LEAVE_S, SLICE_S = 5.0, 3.0, 0.005


class Scene:
    """Listeners over a hub, of which some ask; the channels that begin with ``c`` are counted."""

    def __init__(self) -> None:
        self.world = World()
        self.sweeper = Sweeper()
        self.presence = Presence(
            self.world.hub.listeners, lambda name: name.startswith("c"), self.sweeper, every_s=EVERY_S, leave_s=LEAVE_S
        )
        self.told: dict[Listener, list[tuple[float, str, int]]] = {}
        self.telling_s = 0.0  # how long it takes to tell one

    def follow(self, *channels: str) -> Listener:
        listener = Listener()
        self.world.follow(listener, *channels)
        return listener

    def ask(self, *channels: str, listener: Listener | None = None) -> Listener:
        """Have a listener set its filter and ask for counts."""
        listener = listener or Listener()
        self.world.follow(listener, *channels)
        self.presence.ask(listener.subscription, channels, partial(self.tell, listener))
        return listener

    def tell(self, listener: Listener, channel: str, count: int) -> None:
        self.told.setdefault(listener, []).append((self.sweeper.time.now, channel, count))
        self.sweeper.time.now += self.telling_s

    def leave(self, listener: Listener) -> None:
        self.world.hub.leave(listener.subscription)
        self.presence.forget(listener.subscription)

    def counts(self, listener: Listener) -> list[int]:
        return [count for _, _, count in self.told.get(listener, [])]

    def pass_by(self, seconds: float) -> None:
        """Let time pass, in sweeps as the ticker would make them."""
        end = self.sweeper.time.now + seconds
        while self.sweeper.planned:
            ((_, deadline),) = self.sweeper.planned.items()
            due = max(deadline, self.sweeper.time.now) + 0.05
            if due > end:
                break
            self.sweeper.time.now = due
            self.sweep()
        self.sweeper.time.now = max(end, self.sweeper.time.now)

    def sweep(self) -> None:
        self.sweeper.planned.clear()
        self.presence.tick_slot = 0
        self.presence.tick(self.sweeper.time.now)


def test_the_first_count_comes_at_once_and_a_change_within_seconds() -> None:
    scene = Scene()
    one = scene.ask("c")
    assert scene.told[one] == [(0.0, "c", 1)]
    scene.pass_by(0.5)
    scene.follow("c", "d")
    other = scene.ask("c")
    assert scene.counts(other) == [3]
    scene.pass_by(4.4)
    assert scene.counts(one) == [1]
    scene.pass_by(2)
    assert (scene.counts(one), scene.counts(other)) == ([1, 3], [3])
    scene.pass_by(60)
    assert (scene.counts(one), scene.counts(other)) == ([1, 3], [3])


def test_each_is_told_a_count_every_five_seconds_at_most_and_never_one_twice() -> None:
    scene, dice = Scene(), random.Random(14)
    askers = [scene.ask("c") for _ in range(5)]
    others: list[Listener] = []
    for _ in range(600):
        if others and dice.random() < 0.5:
            scene.leave(others.pop())
        else:
            others.append(scene.follow("c"))
        if dice.random() < 0.1:
            askers.append(scene.ask("c"))
        scene.pass_by(dice.choice([0.1, 0.5, 2]))
    scene.pass_by(LEAVE_S + EVERY_S + 3)
    for asker in askers:
        told = scene.told[asker]
        assert all(later[0] - earlier[0] >= EVERY_S for earlier, later in pairwise(told))
        assert all(later[2] != earlier[2] for earlier, later in pairwise(told))
        assert told[-1][2] == len(askers) + len(others)
    assert max(len(scene.told[asker]) for asker in askers) > 50


def test_a_reload_within_three_seconds_is_no_event() -> None:
    scene = Scene()
    witness, page = scene.ask("c"), scene.ask("c")
    scene.pass_by(20)
    for _ in range(20):
        scene.leave(page)
        scene.pass_by(2.8)
        page = scene.ask("c")
        assert scene.counts(page) == [2]
        scene.pass_by(7.3)
    assert scene.counts(witness) == [1, 2]


def test_who_stays_away_is_counted_for_three_seconds_more() -> None:
    scene = Scene()
    witness, page = scene.ask("c"), scene.ask("c")
    scene.pass_by(20)
    scene.leave(page)
    scene.pass_by(2.9)
    assert scene.counts(witness) == [1, 2]
    scene.pass_by(2)
    assert scene.counts(witness) == [1, 2, 1]


def test_the_highest_count_of_the_last_seconds_stands() -> None:
    dice = random.Random(3)
    standing, looks = StandingCount(31), []
    for at in range(3000):
        looks.append(dice.randint(0, 3 + at % 7))
        recent = looks[max(0, at - 31) :]
        assert standing.look(looks[-1], at) == max(recent)
        assert len(standing._steps) <= 11, "one of each count at most"


def test_nothing_is_told_of_a_channel_that_no_rule_counts_nor_kept() -> None:
    scene = Scene()
    listener = scene.ask("d", "e")
    scene.pass_by(20)
    assert not scene.told
    assert (len(scene.presence), len(scene.presence._asked), scene.sweeper.planned) == (0, 0, {})
    scene.ask("d", "c", listener=listener)
    assert scene.told[listener] == [(20.0, "c", 1)]


def test_another_filter_asks_for_what_is_new_in_it() -> None:
    scene = Scene()
    listener = scene.ask("c", "c2")
    scene.ask("c3", "c2", listener=listener)
    assert [channel for _, channel, _ in scene.told[listener]] == ["c", "c2", "c3"]
    scene.follow("c", "c2", "c3")
    scene.pass_by(7)
    assert sorted(channel for _, channel, _ in scene.told[listener][3:]) == ["c2", "c3"]
    scene.presence.ask(listener.subscription, ["c3"], None)
    assert (len(scene.presence), len(scene.presence._asked)) == (0, 0)


def test_a_lagging_listener_is_told_once_it_goes_on_and_only_the_newest() -> None:
    scene = Scene()
    slow, witness = scene.ask("c"), scene.ask("c")
    scene.pass_by(10)
    slow.subscription.lagging = True
    for _ in range(3):
        scene.follow("c")
        scene.pass_by(10)
    late = Listener()
    late.subscription.lagging = True
    scene.ask("c", listener=late)
    scene.pass_by(10)
    assert (scene.counts(slow), scene.counts(witness), scene.counts(late)) == ([1, 2], [2, 3, 4, 5, 6], [])
    slow.subscription.lagging = late.subscription.lagging = False
    scene.pass_by(2)
    assert (scene.counts(slow), scene.counts(late)) == ([1, 2, 6], [6])


def test_who_has_lost_the_channel_is_told_nothing_of_it() -> None:
    scene = Scene()
    one, witness = scene.ask("c", "c2"), scene.ask("c")
    scene.pass_by(10)
    scene.world.hub.unfollow(one.subscription, [Channel("c")], "expired")
    scene.pass_by(10)
    assert [told[1:] for told in scene.told[one]] == [("c", 1), ("c2", 1), ("c", 2)]
    assert scene.counts(witness) == [2, 1]


def test_a_crowd_is_told_in_slices_and_who_leaves_meanwhile_is_not() -> None:
    scene = Scene()
    crowd = [scene.ask("c") for _ in range(1000)]
    scene.pass_by(10)
    scene.told.clear()
    scene.telling_s = SLICE_S / 49.5
    scene.follow("c")
    scene.pass_by(1)
    first = len(scene.told)
    scene.sweep()
    assert len(scene.told) - first == 50
    leaver = next(listener for listener in crowd if listener not in scene.told)
    scene.leave(leaver)
    scene.pass_by(2)
    assert set(scene.told) == {*crowd} - {leaver}
    assert {tuple(scene.counts(listener)) for listener in scene.told} == {(1001,)}


def test_when_the_last_has_left_nothing_is_kept_or_planned() -> None:
    scene = Scene()
    listeners = [scene.ask("c", f"c{number % 5}") for number in range(20)]
    for listener in listeners:
        scene.leave(listener)
        scene.leave(listener)
    scene.pass_by(3)
    assert (len(scene.presence), len(scene.presence._asked), scene.sweeper.planned) == (0, 0, {})


def test_who_has_ended_is_not_kept() -> None:
    scene, listener = Scene(), Listener()
    scene.world.follow(listener, "c")
    scene.world.hub.leave(listener.subscription)
    assert scene.presence.ask(listener.subscription, ["c"], partial(scene.tell, listener)) == 0
    assert (len(scene.presence), len(scene.presence._asked)) == (0, 0)
