"""Are pauses as long as they should be, whatever a server asks for?"""

import pytest

from oyez.backoff import Backoff


def take(backoff: Backoff, count: int) -> list[float]:
    return [backoff.take() for _ in range(count)]


def test_pauses_double_up_to_the_longest() -> None:
    assert take(Backoff(0.5, 3), 5) == [0.5, 1, 2, 3, 3]


def test_after_a_success_they_begin_anew() -> None:
    backoff = Backoff(0.5, 3)
    take(backoff, 4)
    backoff.restart()
    assert take(backoff, 2) == [0.5, 1]


@pytest.mark.parametrize(
    ("asked_s", "pauses"),
    [
        (2.0, [2, 4, 5]),
        (30.0, [30, 30, 30]),  # longer than the longest of our own
        (0.0, [0.1, 0.2, 0.4]),
        (-1.0, [0.1, 0.2, 0.4]),
        (1e12, [600, 600, 600]),
    ],
)
def test_a_pause_that_the_server_asks_for_counts_within_bounds(asked_s: float, pauses: list[float]) -> None:
    backoff = Backoff(1, 5)
    backoff.restart(asked_s)
    assert take(backoff, 3) == pauses


def test_what_was_asked_for_once_is_forgotten_at_the_next_start() -> None:
    backoff = Backoff(1, 5)
    backoff.restart(30)
    backoff.restart()
    assert take(backoff, 4) == [1, 2, 4, 5]


def test_chance_moves_each_pause_but_not_what_they_grow_from() -> None:
    shortest, longest = Backoff(1, 4, spread=(0, 1)), Backoff(1, 4, spread=(1, 1.5))
    for base_s in (1, 2, 4, 4):
        assert 0 <= shortest.take() <= base_s <= longest.take() <= 1.5 * base_s


def test_chance_differs_from_one_to_the_next() -> None:
    assert len({Backoff(1, 4, spread=(0.5, 1.5)).take() for _ in range(100)}) > 90
