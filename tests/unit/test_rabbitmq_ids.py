"""Do ids that posters' clocks give rise, and stay what they were where they can?"""

from hypothesis import given
from hypothesis import strategies as st

from oyez.brokers.rabbitmq.ids import REMEMBERED, IdSequence
from oyez.hub.publication import MAX_EVENT_ID
from tests.fuzz import fuzz

NOW = 1_800_000_000_000_000
SKEW = 2_000_000


def sequence(last: int = NOW, remembered: int = REMEMBERED) -> IdSequence:
    ids = IdSequence(2.0, remembered)
    ids.raise_to(last)
    return ids


def test_an_id_that_rises_is_kept() -> None:
    ids = sequence()
    assert [ids.take(NOW + step, NOW).id for step in (1, 2, 50, SKEW)] == [NOW + 1, NOW + 2, NOW + 50, NOW + SKEW]


def test_an_id_that_does_not_rise_is_the_next_one() -> None:
    ids = sequence()
    assert [ids.take(given, NOW).id for given in (NOW, 1, NOW + 1)] == [NOW + 1, NOW + 2, NOW + 3]


def test_an_id_from_too_far_ahead_is_cut_to_the_allowance() -> None:
    ids = sequence()
    assert ids.take(NOW + SKEW, NOW) == (NOW + SKEW, False)
    assert ids.take(NOW + SKEW + 2, NOW) == (NOW + SKEW + 1, True)
    assert ids.take(MAX_EVENT_ID, NOW) == (NOW + SKEW + 2, True)
    assert ids.take(NOW, NOW + 1) == (NOW + SKEW + 3, False)


def test_a_clock_that_was_set_back_is_no_reason_to_cut_what_is_next_anyway() -> None:
    ids = sequence()
    assert ids.take(NOW + 1, NOW - 10 * SKEW) == (NOW + 1, False)


def test_a_trusted_id_is_bounded_too() -> None:
    ids = sequence()
    assert ids.take(MAX_EVENT_ID, NOW, trusted=True).cut
    assert ids.last < NOW + 71 * 366 * 86_400 * 1_000_000 < MAX_EVENT_ID


def test_a_trusted_id_is_not_cut() -> None:
    assert sequence().take(NOW + 10 * SKEW, NOW, trusted=True) == (NOW + 10 * SKEW, False)


def test_proposals_rise_whatever_comes_meanwhile() -> None:
    ids = sequence()
    assert [ids.propose(NOW) for _ in range(3)] == [NOW + 1, NOW + 2, NOW + 3]
    ids.take(NOW + 10, NOW)
    assert [ids.propose(NOW), ids.propose(NOW - SKEW), ids.propose(NOW + 20)] == [NOW + 11, NOW + 12, NOW + 20]


def test_going_back_allows_for_other_clocks() -> None:
    ids = sequence(NOW)
    assert ids.reach_back(NOW - 5, NOW) == NOW - 5 - SKEW
    assert ids.reach_back(NOW + SKEW, NOW) == NOW
    assert ids.reach_back(NOW + 10 * SKEW, NOW + 10 * SKEW) == NOW, "quiet since, and no gap"
    assert ids.reach_back(1, NOW) == 0


def test_a_start_in_the_future_comes_from_elsewhere() -> None:
    assert sequence(NOW).reach_back(NOW + SKEW + 1, NOW) == NOW + SKEW + 1


@given(st.integers(0, 2**53), st.lists(st.tuples(st.integers(1, MAX_EVENT_ID), st.integers(0, 2 * NOW)), max_size=8))
@fuzz
def test_ids_rise_and_are_never_far_ahead(last: int, events: list[tuple[int, int]]) -> None:
    ids = sequence(last)
    newest_now = 0
    for number, (given_id, now) in enumerate(events):
        newest_now = max(newest_now, now)
        before = ids.last
        taken = ids.take(given_id, now)
        assert taken.id == ids.last > before
        assert taken.id <= max(min(last, MAX_EVENT_ID), newest_now + SKEW) + number + 1
        assert ids.reach_back(given_id, now) >= 0


def test_an_id_that_was_given_here_needs_no_allowance() -> None:
    """Its owner has all below it, though the event may be forgotten by now."""
    ids = sequence(NOW)
    ids.take(NOW + 10, NOW)
    ids.take(NOW + 20, NOW)
    assert [ids.reach_back(NOW + step, NOW) - NOW for step in (0, 10, 11, 20)] == [0, 10, 11 - SKEW, 20]


def test_not_all_ids_ever_given_are_remembered() -> None:
    ids = sequence(NOW, remembered=100)
    for step in range(1, 250):
        ids.take(NOW + step, NOW)
    assert ids.reach_back(NOW + 249, NOW) == NOW + 249
    assert ids.reach_back(NOW + 10, NOW) == NOW + 10 - SKEW
