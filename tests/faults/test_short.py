"""A few faults with the broker that keeps nothing; a fresh clone tries the short `make faults` with the other."""

from pathlib import Path

import pytest

from tests.faults.run import SHORT, Order, play


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_promise_is_broken_under_faults(tmp_path: Path) -> None:
    outcome = play(Order("memory", 12, minutes=None, faults=1, scale=SHORT, folder=tmp_path / "run"))
    assert outcome.violations == 0, outcome.report
