"""Is every deadline kept, not early, late by one slot at most, and once?"""

from collections.abc import Callable

import pytest

from oyez.net.ticker import Ticker
from tests.fake_sockets import Loop
from tests.fakes import Clock


class Timed:
    """Something with a deadline, that notes when it was ticked."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.tick_slot = 0
        self.ticks: list[float] = []
        self.then = then

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.then()


class Time:
    """A ticker whose clock goes when it is told to."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.clock = Clock(1000.0)
        self.ticker = Ticker(resolution_s=0.5, clock=self.clock)
        self.ticker.start()
        self.sweeps = 0

    def sweep(self) -> None:
        """Call what the ticker has planned, which is one thing, when its time has come."""
        ((delay, function),) = self.loop.later
        assert delay > 0
        self.clock.now += delay
        self.sweeps += 1
        self.loop.later.clear()
        function()
        self.loop.run()

    def pass_by(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now + self.loop.later[0][0] <= until:
            self.sweep()
        self.clock.now = until


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(Loop(monkeypatch.setattr))


@pytest.mark.parametrize("deadline", [1000.0, 1000.1, 1000.5, 1003.0, 1003.3])
def test_deadlines_are_kept(time: Time, deadline: float) -> None:
    timed = Timed()
    time.ticker.set(timed, deadline)
    time.pass_by(10)
    (ticked,) = timed.ticks
    assert deadline <= ticked <= deadline + 0.51


def test_a_deadline_in_the_past_comes_with_the_next_slot(time: Time) -> None:
    timed = Timed()
    time.ticker.set(timed, 5.0)
    time.pass_by(1)
    assert len(timed.ticks) == 1


def test_only_the_last_deadline_counts(time: Time) -> None:
    timed = Timed()
    for deadline in (1001.0, 1005.0, 1003.0):
        time.ticker.set(timed, deadline)
    time.pass_by(10)
    assert [round(tick) for tick in timed.ticks] == [1004]


def test_a_cleared_deadline_never_comes(time: Time) -> None:
    timed = Timed()
    time.ticker.clear(timed)
    time.ticker.set(timed, 1001.0)
    time.ticker.clear(timed)
    time.pass_by(5)
    assert timed.ticks == []


def test_a_deadline_may_be_set_anew_when_it_has_come(time: Time) -> None:
    timed = Timed()
    timed.then = lambda: time.ticker.set(timed, time.clock.now + 1)
    time.ticker.set(timed, 1001.0)
    time.pass_by(6)
    assert len(timed.ticks) >= 3
    assert all(later - earlier >= 1 for earlier, later in zip(timed.ticks, timed.ticks[1:], strict=False))


def test_a_tick_may_clear_and_postpone_others_that_are_due(time: Time) -> None:
    both = [Timed(), Timed()]
    both[0].then = lambda: time.ticker.clear(both[1])
    both[1].then = lambda: time.ticker.set(both[0], 1004.0)
    for timed in both:
        time.ticker.set(timed, 1001.0)
    time.pass_by(2)
    assert len(both[0].ticks) + len(both[1].ticks) == 1
    time.pass_by(5)
    assert len(both[0].ticks) == 1


def test_after_a_long_sleep_all_come_a_slice_at_a_time(time: Time) -> None:
    crowd = [Timed() for _ in range(1000)]
    for number, timed in enumerate(crowd):
        time.ticker.set(timed, 1001.0 + number)
    time.clock.now = 100_000.0
    ((_, function),) = time.loop.later
    time.loop.later.clear()
    function()
    assert 0 < sum(len(timed.ticks) for timed in crowd) < 1000
    time.loop.run()
    assert all(len(timed.ticks) == 1 for timed in crowd)


def test_an_error_of_one_does_not_stop_the_clock(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    broken, sound = Timed(fail), Timed()
    time.ticker.set(broken, 1001.0)
    time.ticker.set(sound, 1002.0)
    time.pass_by(5)
    assert len(broken.ticks) == len(sound.ticks) == 1
    assert len(caplog.records) == 1
    time.pass_by(5)
    assert len(broken.ticks) == 2, "without a deadline it would never end"
    assert len(sound.ticks) == 1


def test_an_error_of_the_clock_does_not_stop_it(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    sound = Timed()
    time.ticker.set(sound, 1001.0)
    clock, time.ticker.clock = time.ticker.clock, lambda: 1 / 0
    time.pass_by(2)
    time.ticker.clock = clock
    time.pass_by(1)
    assert len(sound.ticks) == 1
    assert "ZeroDivisionError" in caplog.text


def test_what_is_done_each_second_goes_on_after_an_error(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    looks: list[float] = []

    def fail() -> None:
        raise RuntimeError("a bug")

    time.ticker.call_each_second(fail)
    time.ticker.call_each_second(lambda: looks.append(time.clock.now))
    timed = Timed(lambda: time.ticker.set(timed, time.clock.now + 1))
    time.ticker.set(timed, 1001.0)
    time.pass_by(51)
    assert [round(look) for look in looks] == [1010, 1020, 1030, 1040, 1050], "of twenty slots, half a second each"
    assert len(timed.ticks) > len(looks)
    assert len(caplog.records) == len(looks)


def test_what_comes_sooner_than_planned_is_not_slept_through(time: Time) -> None:
    late, soon = Timed(), Timed()
    time.ticker.set(late, 1009.0)
    time.pass_by(0.1)
    time.ticker.set(soon, 1000.2)
    time.pass_by(1)
    assert len(soon.ticks) == 1
    time.pass_by(10)
    assert len(late.ticks) == 1


def test_heartbeats_that_are_far_away_come_together_and_it_sleeps_between(time: Time) -> None:
    crowd = [Timed() for _ in range(100)]
    for number, timed in enumerate(crowd):
        time.ticker.set(timed, 1300.0 + number / 10)
    time.pass_by(320)
    assert all(1300 + number / 10 <= timed.ticks[0] <= 1310.1 for number, timed in enumerate(crowd))
    assert len({timed.ticks[0] for timed in crowd}) == 1
    assert time.sweeps <= 320 / 10 + 2, "a twentieth of the slots"
