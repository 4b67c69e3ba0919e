"""Does a bucket give what its rate promises, and no more? Are rates read as they are written?"""

import pytest

from oyez.access.token_bucket import TokenBucket
from oyez.setting import Rate, parse_rate


def test_a_burst_is_there_at_once_and_the_rate_after_it() -> None:
    bucket = TokenBucket(Rate(2, 3), now=10.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(10.5), bucket.take(10.5), bucket.take(11.5), bucket.take(11.5), bucket.take(11.5)] == [
        True, False, True, True, False,
    ]  # fmt: skip


def test_no_more_than_the_burst_is_saved_up() -> None:
    bucket = TokenBucket(Rate(2, 3), now=0.0)
    assert [bucket.take(1000.0) for _ in range(4)] == [True, True, True, False]


def test_what_is_spent_beyond_it_is_a_debt_that_time_pays() -> None:
    bucket = TokenBucket(Rate(2, 3), now=0.0)
    assert bucket.spend(0.0, 3) == 0.0
    assert bucket.spend(0.0, 4) == 2.0
    assert bucket.spend(1.0, 1) == 1.5
    assert not bucket.take(2.9)
    assert bucket.take(3.0)


def test_what_is_given_back_can_be_taken_again() -> None:
    bucket = TokenBucket(Rate(1, 2), now=0.0)
    assert bucket.take(0.0, 2)
    bucket.give_back(5)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0)] == [True, True, False]


@pytest.mark.parametrize(
    ("rate", "taken", "left"),
    [
        (Rate(2, 1000), 0, 1000),  # nobody owes anything for a smaller burst
        (Rate(2, 1000), 3000, 1000),
        (Rate(2, 1000), 9500, 500),
        (Rate(2, 1000), 10_007, -7),  # and whoever does still does
        (Rate(2, 20_000), 0, 20_000),
        (Rate(2, 20_000), 3000, 17_000),
        (Rate(2, 20_000), 10_007, 9993),
        (Rate(5, 10_000), 3000, 7000),
    ],
)
def test_at_another_rate_it_has_what_was_left(rate: Rate, taken: float, left: float) -> None:
    bucket = TokenBucket(Rate(1, 10_000), now=0.0)
    bucket.spend(0.0, taken)
    bucket.change_rate(rate, 0.0)
    assert bucket.wait_for(0.0, left + rate.per_second) == 1.0
    assert bucket.wait_for(0.0, left) == 0.0
    assert bucket.is_full(0.0) is (left == rate.burst)


def test_a_clock_that_stands_or_falls_gives_nothing() -> None:
    bucket = TokenBucket(Rate(1, 1), now=5.0)
    assert bucket.take(5.0)
    assert not bucket.take(4.0)
    assert not bucket.take(5.9)
    assert bucket.take(6.0)


def test_it_says_when_so_much_is_there() -> None:
    bucket = TokenBucket(Rate(2, 4), now=0.0)
    assert bucket.wait_for(0.0, 4) == 0.0
    bucket.spend(0.0, 5)
    assert bucket.wait_for(0.0) == 1.0
    assert not bucket.is_full(2.4)
    assert bucket.is_full(2.5)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("50 burst 500", Rate(50, 500)), ("50", Rate(50, 50)), (" 0.5  burst 1 ", Rate(0.5, 1)), ("2.5", Rate(2.5, 2.5))],
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "fast", "-1", "0", "0.5", "5 burst 0", "5burst", "5 burst", "nan", "inf", "1e3", "5/s", "9" * 30, "\u0665"],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)
