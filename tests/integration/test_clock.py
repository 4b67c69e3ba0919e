"""Does a real daemon keep what was acknowledged when its wall clock is set, while it runs and between two runs?"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api import history, publish
from tests.daemon import Daemon
from tests.faults import launcher
from tests.faults.process import Clock
from tests.integration.links import eventually
from tests.sqlite_store import NAME, query

DAY_S = 86_400
KEPT = 8


class DaemonWithClock(Daemon):
    """A daemon whose wall clock is in the test's hands."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / NAME
        self.clock = Clock(directory / "clock")
        super().__init__(
            directory,
            "--broker",
            f"sqlite://{self.file}",
            settings={"sqlite.max_events": KEPT, "sqlite.max_age_s": 3600},
        )

    def _command(self) -> list[str]:
        _, _, _, *serve = super()._command()
        return [sys.executable, "-P", launcher.__file__, str(self.clock.path), "the same boot", *serve]

    def post_some(self, count: int) -> list[int]:
        return [publish(self, {"channel": "c", "message": n})["id"] for n in range(count)]

    def kept(self) -> list[int]:
        return [event for (event,) in query(self.file, "SELECT id FROM events ORDER BY id")]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonWithClock]:
    with DaemonWithClock(tmp_path) as daemon:
        yield daemon


@pytest.mark.slow
def test_a_clock_that_jumps_costs_no_event(daemon: DaemonWithClock) -> None:
    before = daemon.post_some(6)
    daemon.clock.set(400 * DAY_S)
    eventually(lambda: "the clock was set ahead by 34560000" in daemon.stderr, "word of the step")
    assert "(400.0 days)" in daemon.stderr
    after = daemon.post_some(6)
    assert after[0] - before[-1] >= 399 * DAY_S * 1000
    # The file is looked through after the step: what is too many goes, and nothing else.
    eventually(lambda: len(daemon.kept()) <= KEPT, "look at the file")
    assert daemon.kept() == [*before, *after][-KEPT:]
    daemon.clock.set(0)
    last = daemon.post_some(1)
    assert last[0] > after[-1]
    everything = [*before, *after, *last][-KEPT:]
    eventually(lambda: daemon.kept() == everything, "second look at the file")
    for offset_s in (0, -300 * DAY_S, 900 * DAY_S, 0):  # each start finds the clock elsewhere
        daemon.stop()
        daemon.clock.set(offset_s)
        daemon.start()
        assert daemon.kept() == everything
    daemon.clock.set(-300 * DAY_S)
    last += daemon.post_some(1)
    everything = [*before, *after, *last][-KEPT:]
    eventually(lambda: daemon.kept() == everything, "third look at the file")
    assert [event["id"] for event in history(daemon, "c")["events"]][-1] == last[-1]
