"""Are channels taken from listeners when the last grant for them ends, and nothing else?"""

import random
from collections.abc import Sequence

import pytest

from oyez.access.listen_policy import GrantOutcome
from oyez.endpoints.context import HeldGrant
from oyez.endpoints.held_grants import HeldGrants
from oyez.hub.publication import Channel
from tests.fakes import Clock, Listener, Sweeper, World

NOW_S = 1_795_391_142.0


class Failing(list[GrantOutcome]):
    """Counts that fail once."""

    def append(self, reason: GrantOutcome) -> None:
        super().append(reason)
        if len(self) == 1:
            raise RuntimeError


class Scene:
    """Listeners with grants, over a hub."""

    def __init__(self) -> None:
        self.world = World()
        self.sweeper = Sweeper()
        self.clock = Clock(NOW_S)
        self.revoked: set[str] = set()
        self.counted: list[GrantOutcome] = []
        self.look_s = 0.0
        self.failing: Sequence[HeldGrant] = ()
        self.held = HeldGrants(
            self.world.hub, self.sweeper, self.clock, self.find_end, self.count, call_soon=self.world.turns.append
        )

    def count(self, reason: GrantOutcome) -> None:
        self.counted.append(reason)

    def find_end(self, grant: HeldGrant, now_s: float) -> GrantOutcome | None:
        self.sweeper.time.now += self.look_s
        if any(grant is one for one in self.failing):
            raise RuntimeError
        if grant.subject in self.revoked:
            return GrantOutcome.REVOKED
        return GrantOutcome.EXPIRED if now_s > grant.ends_s else None

    def follow(self, *grants: HeldGrant, also: tuple[str, ...] = (), listener: Listener | None = None) -> Listener:
        listener = listener or Listener()
        self.world.follow(listener, *also, *dict.fromkeys(grant.channel for grant in grants))
        self.held.hold(listener.subscription, grants)
        return listener

    def end(self, subject: str | None, channel: str | None) -> int:
        """Have channels taken away of few listeners, at once; how many."""
        told: list[int] = []
        self.held.end_some(subject, None if channel is None else Channel(channel), told.append)
        (ended,) = told
        return ended

    def pass_by(self, seconds: float) -> None:
        """Let time pass in sweeps, as the ticker would."""
        end = self.clock.now + seconds
        while self.sweeper.planned:
            ((timed, deadline),) = self.sweeper.planned.items()
            wait_s = max(deadline - self.sweeper.time.now, 0) + 0.05
            if self.clock.now + wait_s > end:
                break
            self.let_pass(wait_s)
            del self.sweeper.planned[timed]
            timed.tick_slot = 0
            timed.tick(self.sweeper.time.now)
        self.let_pass(end - self.clock.now)

    def let_pass(self, seconds: float) -> None:
        self.clock.now += seconds
        self.sweeper.time.now += seconds


def made(channel: str = "tickets", subject: str = "42", *, lasts_s: float = 10, is_needed: bool = True) -> HeldGrant:
    return HeldGrant(Channel(channel), subject, int(NOW_S), NOW_S + lasts_s, is_needed)


def test_a_channel_goes_within_a_second_after_its_grant_and_the_others_stay() -> None:
    scene = Scene()
    listener = scene.follow(made(), also=("news",))
    scene.pass_by(9.9)
    assert listener.revoked == []
    scene.pass_by(1)
    assert listener.revoked == [("tickets", "expired")]
    assert scene.held.find(listener.subscription) == ()
    scene.world.post("tickets", "news")
    scene.world.run()
    assert len(listener.got) == 1
    assert scene.world.hub.listeners(Channel("tickets")) == 0
    assert scene.counted == [GrantOutcome.EXPIRED]
    assert not scene.sweeper.planned


def test_a_channel_stays_as_long_as_one_of_its_grants_is_good() -> None:
    scene = Scene()
    listener = scene.follow(made(lasts_s=3), made(subject="43", lasts_s=6))
    scene.pass_by(5)
    assert listener.revoked == []
    assert [grant.subject for grant in scene.held.find(listener.subscription)] == ["43"]
    scene.pass_by(2)
    assert listener.revoked == [("tickets", "expired")]


def test_who_is_only_observed_loses_no_channel_with_its_grant() -> None:
    scene = Scene()
    listener = scene.follow(made(is_needed=False))
    scene.pass_by(12)
    assert listener.revoked == []
    assert scene.world.hub.listeners(Channel("tickets")) == 1
    assert len(scene.held) == 0


def test_a_new_filter_and_a_leave_end_what_was_held() -> None:
    scene = Scene()
    listener, gone = scene.follow(made()), scene.follow(made())
    scene.follow(made(lasts_s=20), listener=listener)
    scene.world.hub.leave(gone.subscription)
    scene.held.drop(gone.subscription)
    scene.held.drop(gone.subscription)
    scene.held.hold(gone.subscription, [made()])  # it has left
    scene.pass_by(15)
    assert listener.revoked == gone.revoked == []
    scene.held.hold(listener.subscription, ())
    scene.pass_by(10)
    assert listener.revoked == []
    assert len(scene.held) == 0
    assert not scene.sweeper.planned


def test_an_end_before_the_time_is_found_by_subject_or_among_all() -> None:
    scene = Scene()
    one, two = scene.follow(made(), made("other")), scene.follow(made(subject="43"))
    scene.revoked.add("42")
    assert scene.end("43", None) == 0
    assert scene.end("42", None) == 2
    assert sorted(one.revoked) == [("other", "revoked"), ("tickets", "revoked")]
    scene.revoked.add("43")
    assert scene.end(None, None) == 1
    assert two.revoked == [("tickets", "revoked")]
    assert scene.end("nobody", None) == 0


def test_all_that_has_ended_goes_and_what_was_asked_for_is_counted() -> None:
    scene = Scene()
    one, two = scene.follow(made()), scene.follow(made("other"), made("more"))
    scene.revoked.add("42")
    assert scene.end(None, "other") == 1
    assert (one.revoked, two.revoked) == ([("tickets", "revoked")], [("more", "revoked"), ("other", "revoked")])
    assert scene.end("42", "tickets") == 0


def test_a_crowd_is_looked_through_in_slices_and_once_for_all_who_ask_meanwhile() -> None:
    scene = Scene()
    crowd = [scene.follow(made(subject=str(number % 3))) for number in range(300)]
    elsewhere = scene.follow(made("club", "0"))
    told: dict[str, int] = {}
    scene.look_s = 0.0001
    scene.revoked.add("0")
    scene.held.end_some(None, Channel("tickets"), lambda ended: told.update(first=ended))
    assert 0 < sum(bool(listener.revoked) for listener in crowd) < 100
    scene.revoked.add("1")
    again: list[int] = []
    for _ in range(5):
        scene.held.end_some(None, Channel("tickets"), again.append)
    scene.held.end_some(None, Channel("news"), lambda ended: told.update(news=ended))
    scene.held.drop(crowd[297].subscription)  # left in the middle of it
    slices = 1
    begun = scene.sweeper.time.now
    while scene.world.turn():
        slices += 1
        assert scene.sweeper.time.now - begun < 0.003
        begun = scene.sweeper.time.now
    assert 10 < slices < 60
    assert again == [199 - told["first"]] * 5
    assert told["news"] == 0
    assert elsewhere.revoked == [], "nobody asked for its channel"
    assert [bool(listener.revoked) for listener in crowd] == [number % 3 < 2 and number != 297 for number in range(300)]


def test_an_error_of_ours_costs_one_listener_and_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.follow(made())
    two = scene.follow(made())
    scene.revoked.add("42")
    scene.counted = Failing()
    assert scene.end("42", None) == 1
    assert "may have kept a channel" in caplog.text
    assert two.revoked == [("tickets", "revoked")]


def test_one_whose_grants_cannot_be_judged_holds_up_nobody_of_a_crowd() -> None:
    scene, told = Scene(), list[int]()
    crowd = [scene.follow(made()) for _ in range(300)]
    scene.revoked.add("42")
    scene.failing = scene.held.find(crowd[7].subscription)
    scene.held.end_some("42", None, told.append)
    scene.world.run()
    assert told == [299]
    scene.failing = ()
    scene.held.end_some("42", None, told.append)
    scene.world.run()
    assert all(listener.revoked for listener in crowd)


def test_a_subject_that_was_only_observed_is_forgotten() -> None:
    scene = Scene()
    listener = scene.follow(made(is_needed=False))
    scene.revoked.add("42")
    assert scene.end("42", None) == 0
    assert scene.held.find(listener.subscription) == ()
    assert listener.revoked == []


def test_who_was_let_in_by_what_has_ended_since_is_found_at_once() -> None:
    scene = Scene()
    scene.revoked.add("42")
    listener = scene.follow(made(lasts_s=1000))
    scene.pass_by(0.1)
    assert listener.revoked == [("tickets", "revoked")]


def test_a_crowd_goes_in_parts_and_a_sweep_is_never_put_off() -> None:
    scene = Scene()
    crowd = [scene.follow(made()) for _ in range(1200)]
    for _ in range(20):  # others come all the time
        scene.pass_by(0.5)
        scene.follow(made(lasts_s=1000))
    scene.pass_by(0.06)
    assert 0 < sum(bool(listener.revoked) for listener in crowd) < 1200
    scene.pass_by(0.5)
    assert all(listener.revoked == [("tickets", "expired")] for listener in crowd)


def test_a_clock_that_is_set_ends_what_has_ended_by_it() -> None:
    scene = Scene()
    listener = scene.follow(made(lasts_s=1000))
    scene.clock.now += 2000
    scene.pass_by(1)
    assert listener.revoked == [("tickets", "expired")]


def test_whatever_comes_and_goes_everybody_has_what_its_grants_are_for() -> None:
    scene, draw = Scene(), random.Random(7)
    listeners = [Listener() for _ in range(20)]
    held: dict[Listener, list[HeldGrant]] = {}
    for _ in range(300):
        listener = draw.choice(listeners)
        passed_s = scene.clock.now - NOW_S
        held[listener] = [
            made(draw.choice("abc"), draw.choice("123"), lasts_s=passed_s + draw.randint(1, 20)) for _ in range(3)
        ]
        scene.follow(*held[listener], listener=listener)
        scene.pass_by(draw.random() * 3)
        scene.pass_by(0.06)
        for one, grants in held.items():
            good = {grant.channel for grant in grants if grant.ends_s + 1 >= scene.clock.now}
            surely = {grant.channel for grant in grants if grant.ends_s >= scene.clock.now}
            assert surely <= one.subscription.channels <= good
    scene.pass_by(600)
    assert len(scene.held) == 0


def test_subjects_are_found_as_long_as_they_listen() -> None:
    scene = Scene()
    page = scene.follow(made(subject="42"), made("news", "7"))
    scene.follow(made(subject="42"), made(subject=""))
    assert sorted(scene.held.subjects()) == ["42", "7"]
    found = [(name, channel) for name in ("42", "7", "8") for channel in ("tickets", "news")]
    assert [each for each in found if scene.held.has(each[0], Channel(each[1]))] == [("42", "tickets"), ("7", "news")]
    scene.held.drop(page.subscription)
    assert scene.held.has("42", Channel("tickets"))
    scene.pass_by(12)
    assert scene.held.subjects() == []
    assert not scene.held.has("42", Channel("tickets"))
