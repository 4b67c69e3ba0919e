"""The short form of `make faults`: a run with each kind of fault on the durable broker, and a few on the other."""

from pathlib import Path

import pytest

from tests.faults.run import SHORT, Order, play


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("broker", "seed", "faults"), [("sqlite", 3, None), ("memory", 12, 1)])
def test_no_promise_is_broken_under_faults(broker: str, seed: int, faults: int | None, tmp_path: Path) -> None:
    outcome = play(Order(broker, seed, minutes=None, faults=faults, scale=SHORT, folder=tmp_path / "run"))
    assert outcome.violations == 0, outcome.report
