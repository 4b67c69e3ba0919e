"""Does every target of the Makefile work, with nothing around the repository?

Those that a newcomer types first run in an empty folder that holds what git would commit now, so a file that somebody
forgot to add is missed there. Those for developers need the tests' own tools, and run where these are.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.integration.links import eventually
from tests.ports import free_ports
from tests.sandbox import with_installers

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv"
START_S = 300.0  # it installs all that it needs first

# Those that end by themselves, in an order that shows what each needs of its own.
IN_THE_CLONE = ("help", "bench SHORT=1", "bench-diff RUN=.venv/peers/short.json", "format", "clean")
IN_PLACE = ("faults SHORT=1 SEED=3", "matrix SHORT=1", "test-pythons SHORT=1", "dist", "fuzz EXAMPLES=2")
# What CI calls in a fresh clone anyway; the tests run this.
OF_CI = ("check", "test", "test-fast", "test-slow", "coverage")
OF_OTHER_TESTS = ("event.js", "siege")  # of test_event_js_files and tests/siege


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Copy what git would commit now to an empty folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, check=True, capture_output=True
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, tmp_path / "clone" / name
        if source.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)
    return tmp_path / "clone"


@contextmanager
def running(clone: Path, target: str, url: str, settings: Mapping[str, str] = {}) -> Iterator[None]:
    """Run a target that serves until Ctrl-C, which has to end it."""
    process = subprocess.Popen(
        ["make", *target.split()], cwd=clone, env=with_installers(settings), start_new_session=True
    )
    try:
        eventually(lambda: process.poll() is not None or answers(url), f"answer at {url}", within_s=START_S)
        assert process.poll() is None, f"make {target} ended"
        yield
        os.killpg(process.pid, signal.SIGINT)
        process.wait(START_S)
        assert not answers(url)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


@pytest.mark.slow
@pytest.mark.longest
@pytest.mark.timeout(1800)  # two minutes, and many more when others want the cores too
def test_a_newcomers_targets_work_in_a_fresh_clone(clone: Path) -> None:
    port, site_port, daemon_port = free_ports(3)
    with running(clone, "run", f"http://127.0.0.1:{port}/", {"OYEZ_PORT": str(port)}):
        assert answers(f"http://127.0.0.1:{port}/event.js")
    with running(clone, f"example SITE_PORT={site_port} DAEMON_PORT={daemon_port}", f"http://127.0.0.1:{site_port}/"):
        assert answers(f"http://127.0.0.1:{daemon_port}/healthz")
    for target in IN_THE_CLONE:
        # Formatting needs the developers' tools, which are here; nothing is installed for it.
        tools = (
            [f"VENV={VENV}", *(f"--old-file={VENV}/{done}" for done in (".run", ".dev"))] if target == "format" else []
        )
        make(target, clone, *tools)


@pytest.mark.slow
@pytest.mark.longest
@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", IN_PLACE)
def test_developers_targets_work(target: str) -> None:
    make(target, ROOT)


def make(target: str, folder: Path, *options: str) -> None:
    done = subprocess.run(
        ["make", *target.split(), *options],
        cwd=folder, env=with_installers({}), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"make {target}:\n{done.stdout}\n{done.stderr}"


def test_no_target_is_forgotten() -> None:
    targets = {
        line.split(":")[0]
        for line in (ROOT / "Makefile").read_text("utf-8").splitlines()
        if "##" in line and not line.startswith("\t")
    }
    tried = {target.split()[0] for target in (*IN_THE_CLONE, *IN_PLACE)} | {"run", "example", *OF_CI, *OF_OTHER_TESTS}
    assert targets <= tried
