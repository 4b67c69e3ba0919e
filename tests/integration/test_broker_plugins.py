"""Can a broker of another package be named by its URL?"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.integration.dialects import RawPoster
from tests.raw import Call
from tests.sandbox import environment

PLUGIN = """
import time
from oyez.brokers.memory import MemoryBroker

class Tape(MemoryBroker):
    pass

class Torn(MemoryBroker):
    def publish(self, posts, settle):
        time.sleep(600)

def open_tape(url):
    if url == "tape://torn":
        return Torn()
    if url != "tape://reel":
        raise ValueError("there is one reel only, tape://reel")
    return Tape()
"""


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """An installed package with a broker; the environment that finds it."""
    site = tmp_path / "site"
    about = site / "tape-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "tape.py").write_text(PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tape\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[oyez.brokers]\ntape = tape:open_tape\n")
    return {"PYTHONPATH": str(site)}


def test_a_broker_of_another_package_is_found_by_its_scheme(tmp_path: Path, plugin: dict[str, str]) -> None:
    with Daemon(tmp_path, "--broker", "tape://reel", env=plugin) as daemon:
        (event,) = daemon.post("a", 1)
        assert daemon.last() == event["id"]
        assert "broker tape://reel" in daemon.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("tape://other", "there is one reel only, tape://reel"),
        ("film://reel", "expected one of memory://"),
    ],
)
def test_what_it_refuses_is_explained(plugin: dict[str, str], url: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "oyez", "serve", "--port", "0", "--broker", url],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment(plugin),
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert said in " ".join(done.stderr.split())


def test_a_daemon_that_stands_still_ends_itself_and_says_where(
    start_daemon: StartDaemon, plugin: dict[str, str]
) -> None:
    daemon = start_daemon("--broker", "tape://torn", env=plugin, settings={"stall_deadline_s": 0.5})
    assert Call(daemon.port, "POST", "/api/publish", b"{}").answer().status == 401  # it serves
    with RawPoster(daemon.port) as poster:
        poster.command("post", channel="a", message=1)
        assert daemon.process.wait(PATIENCE_S) == 70
    daemon.log.wait_until(lambda: "in publish" in daemon.stderr, "word of where it stood")
    assert "stall_deadline_s" in daemon.stderr
