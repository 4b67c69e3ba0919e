"""Are complaints counted, but not repeated in the log?"""

import logging

import pytest

from oyez.notes import Notes
from tests.fakes import Clock


def test_notes_are_all_counted_and_seldom_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(1000.0)
    note = Notes(clock)
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            note("bad-frame", "x" * 1000)
        note("other", "y")
        clock.now += 19.9
        note("bad-frame", "z")
        clock.now += 0.1
        note("bad-frame", "z")
        clock.now += 20
        note("bad-frame", "z")
    assert note.counts == {"bad-frame": 53, "other": 1}
    assert [record.getMessage() for record in caplog.records] == [
        "bad-frame: " + "x" * 200,
        "other: y",
        "bad-frame: z (50 more of this kind since the last line)",
        "bad-frame: z",
    ]


def test_notes_are_logged_from_the_first_second_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Notes(Clock(0.0))("bad-frame", "x")
    assert len(caplog.records) == 1


def test_a_note_says_who_it_was_and_asks_only_for_a_line(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def find_peer() -> str:
        asked.append("asked")
        return "203.0.113.9"

    note = Notes(Clock(1000.0))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            note("refused-command", "bad-command", find_peer)
    assert [record.getMessage() for record in caplog.records] == ["refused-command: bad-command, from 203.0.113.9"]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("reason", "level"), [("refused-command", "INFO"), ("bad-request", "INFO"), ("auth-failed", "WARNING")]
)
def test_a_visitors_slip_is_no_warning(caplog: pytest.LogCaptureFixture, reason: str, level: str) -> None:
    with caplog.at_level(logging.INFO):
        Notes()(reason, "x")
    assert [record.levelname for record in caplog.records] == [level]
