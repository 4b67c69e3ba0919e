"""Are grants taken back that a revocation is for, and no others, for as long as they could live?"""

import pytest

from oyez.access.revocations import Revocations

NOW_S = 1_795_391_142
UNTIL_S = NOW_S + 1000


@pytest.mark.parametrize(
    ("subject", "channel", "taken"),
    [
        ("42", None, {("42", "tickets"), ("42", "other")}),
        (None, "tickets", {("42", "tickets"), ("43", "tickets"), ("", "tickets")}),
        ("42", "tickets", {("42", "tickets")}),
    ],
)
def test_it_is_for_a_subject_a_channel_or_both(
    subject: str | None, channel: str | None, taken: set[tuple[str, str]]
) -> None:
    revocations = Revocations()
    assert revocations.add(subject, channel, NOW_S, UNTIL_S, NOW_S)
    for pair in ((whose, name) for whose in ("42", "43", "") for name in ("tickets", "other")):
        assert revocations.last_second(*pair) == (NOW_S if pair in taken else 0)


def test_of_several_that_fit_the_latest_counts_and_an_earlier_one_takes_nothing_of_it_away() -> None:
    revocations = Revocations()
    revocations.add("42", None, NOW_S, UNTIL_S, NOW_S)
    revocations.add(None, "tickets", NOW_S + 5, UNTIL_S, NOW_S)
    revocations.add("42", None, NOW_S - 5, UNTIL_S - 100, NOW_S)
    assert revocations.last_second("42", "tickets") == NOW_S + 5
    assert revocations.last_second("42", "other") == NOW_S
    assert len(revocations) == 2


def test_it_is_forgotten_when_it_takes_nothing_back_any_more() -> None:
    revocations = Revocations()
    revocations.add("42", None, NOW_S, UNTIL_S, NOW_S)
    revocations.add("43", None, NOW_S, UNTIL_S + 1, UNTIL_S)
    assert len(revocations) == 2
    revocations.add("44", None, NOW_S, UNTIL_S + 2, UNTIL_S + 1)
    assert [revocations.last_second(subject, "a") for subject in ("42", "43", "44")] == [0, NOW_S, NOW_S]


def test_there_is_room_for_so_many_and_the_same_again_needs_none() -> None:
    revocations = Revocations(most=2)
    for subject in ("42", "43"):
        assert revocations.has_room_for(subject, None, NOW_S)
        revocations.add(subject, None, NOW_S, UNTIL_S, NOW_S)
    assert not revocations.has_room_for("44", None, NOW_S)
    assert revocations.has_room_for("43", None, NOW_S)
    assert revocations.has_room_for("44", None, UNTIL_S + 1)


def test_what_other_daemons_say_has_some_more_room_and_an_end() -> None:
    revocations = Revocations(most=2)
    taken = [revocations.add(str(number), None, NOW_S, UNTIL_S, NOW_S) for number in range(6)]
    assert taken == [True] * 4 + [False] * 2
    assert revocations.add("3", None, NOW_S + 1, UNTIL_S, NOW_S)
