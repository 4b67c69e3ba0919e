"""Has everybody some wrong keys for free, and nobody more for the failures of others?"""

from oyez.access.failures import FailedAttempts
from tests.fakes import Clock


def test_failures_are_free_up_to_the_limit_of_each_minute_and_address() -> None:
    clock = Clock()
    failures = FailedAttempts(3, clock)
    assert [failures.add("a") for _ in range(5)] == [False, False, False, True, True]
    assert failures.add("b") is False
    clock.now = 59.9
    assert failures.add("a") is True
    clock.now = 60
    assert failures.add("a") is False


def test_who_shows_the_right_key_takes_its_own_failures_back_and_no_others() -> None:
    failures = FailedAttempts(3, Clock())
    for _ in range(4):
        failures.add("a")
    failures.take_back("a", 2)
    assert [failures.add("a"), failures.add("a")] == [False, True]
    failures.take_back("a", 0)
    assert failures.add("a") is True
    failures.take_back("a", 99)
    assert failures.add("a") is False
    failures.take_back("unknown", 5)
    assert failures.add("unknown") is False


def test_addresses_are_not_remembered_without_bound() -> None:
    failures = FailedAttempts(1, Clock(), remembered=2)
    for address in ("a", "b", "a", "c"):  # b has been quiet for longest
        failures.add(address)
    assert failures.add("a") is True
    assert failures.add("b") is False
