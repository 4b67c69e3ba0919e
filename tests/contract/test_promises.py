"""Every promise of the tables of `oyez selftest`, each for itself, against a daemon of this source tree.

What a row says is said nowhere else by hand. By hand is what a row cannot say of every server: the answer to the byte,
other limits, and requests that end daemons of old.
"""

import pytest

from oyez.cli.probe.report import Status
from oyez.cli.selftest.checks import Check
from oyez.cli.selftest.examiner import DOORS, make
from oyez.cli.selftest.findings import Door
from oyez.cli.selftest.run import Run
from tests.daemon import Daemon

# Those that wait for time-outs: `test_selftest` makes them, with a daemon that makes nobody wait for long.
ROWS = {f"{door}.{check.name}": (door, check) for door in Door for check in DOORS[door].checks if not check.when.slow}


@pytest.fixture(scope="module")
def run(shared_daemon: Daemon) -> Run:
    return Run(shared_daemon.url, shared_daemon.key)


@pytest.mark.parametrize(("door", "check"), ROWS.values(), ids=ROWS)
def test_is_kept(run: Run, door: Door, check: Check) -> None:
    result = make(door, check, run)
    assert (result.status, result.expected, result.came, result.reason) == (Status.OK, "", "", "")
