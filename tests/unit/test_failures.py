"""Has everybody some wrong keys for free, and does guessing take longer and longer?"""

from oyez.access.failures import FailedAttempts
from tests.fakes import Clock


def waits(failures: FailedAttempts, who: str, count: int) -> list[float]:
    return [failures.add(who).wait_s for _ in range(count)]


def test_failures_are_free_up_to_the_limit_of_each_minute_and_address() -> None:
    clock = Clock()
    failures = FailedAttempts(3, clock)
    assert waits(failures, "a", 3) == [0, 0, 0]
    assert failures.wait_s("a") == 0
    assert failures.add("a") == (4, 1.0)
    assert (failures.wait_s("a"), failures.wait_s("b")) == (1.0, 0.0)
    assert failures.add("b") == (1, 0.0)
    clock.now = 59.9
    assert failures.add("b") == (2, 0.0)
    clock.now = 60
    assert failures.add("b") == (1, 0.0)


def test_each_failure_after_a_wait_begins_a_longer_one() -> None:
    clock = Clock()
    failures = FailedAttempts(1, clock)
    failures.add("a")
    found = []
    for _ in range(8):
        found.append(failures.add("a").wait_s)
        clock.now += failures.wait_s("a")
    assert found == [1, 2, 4, 8, 16, 30, 30, 30]


def test_failures_during_a_wait_count_and_make_it_no_longer() -> None:
    clock = Clock()
    failures = FailedAttempts(1, clock)
    assert waits(failures, "a", 2) == [0, 1]
    clock.now = 0.5
    assert [failures.add("a") for _ in range(3)] == [(3, 0.5), (4, 0.5), (5, 0.5)]
    clock.now = 1.0
    assert failures.add("a") == (6, 2.0)


def test_a_quiet_minute_after_a_wait_forgets_all() -> None:
    clock = Clock()
    failures = FailedAttempts(1, clock)
    waits(failures, "a", 2)
    clock.now = 60.9  # the wait ended at 1
    assert failures.add("a") == (3, 2.0)
    clock.now = 60.9 + 2 + 60
    assert failures.add("a") == (1, 0.0)


def test_who_shows_the_right_key_takes_its_own_failures_back_and_no_others() -> None:
    failures = FailedAttempts(3, Clock())
    waits(failures, "a", 4)
    failures.take_back("a", 2)
    assert failures.wait_s("a") == 0
    assert waits(failures, "a", 2) == [0, 1]
    failures.take_back("a", 0)
    assert failures.wait_s("a") == 1
    failures.take_back("a", 99)
    assert waits(failures, "a", 1) == [0]
    failures.take_back("unknown", 5)
    assert waits(failures, "unknown", 1) == [0]


def test_others_wait_goes_on_when_one_takes_its_few_failures_back() -> None:
    failures = FailedAttempts(1, Clock())
    waits(failures, "a", 5)
    failures.take_back("a", 1)
    assert failures.wait_s("a") == 1


def test_addresses_are_not_remembered_without_bound() -> None:
    failures = FailedAttempts(1, Clock(), remembered=2)
    for address in ("a", "b", "a", "c"):  # b has been quiet for longest
        failures.add(address)
    assert failures.add("a").number == 3
    assert failures.add("b").number == 1
