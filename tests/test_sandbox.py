"""Do the tests stay in a place of their own, and does everything that they start end with them?"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from oyez.config.load import load
from tests.inbox import PATIENCE_S
from tests.integration.links import eventually
from tests.sandbox import environment
from tests.sweeper import find_marked

# A run of the tests, as far as the sandbox goes: what it starts says where it is, and waits to be ended.
RUN = """
import subprocess, sys
from tests.sandbox import Sandbox, environment
sandbox = Sandbox()
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleeper, start_new_session=True)
subprocess.Popen(sleeper, env=environment())
subprocess.Popen([sys.executable, "-c", f"import subprocess; subprocess.run({sleeper}, env={{}})"])
print(sandbox.folder, flush=True)
sys.stdin.read()
"""


def test_whatever_was_started_ends_when_the_tests_are_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        folder = run.stdout.readline().decode().strip()
        mark = os.fsencode(f"{folder}/bin")
        eventually(lambda: len(find_marked(mark)) == 4, "four sleepers", within_s=PATIENCE_S)
        run.send_signal(signal.SIGKILL)
    eventually(lambda: not find_marked(mark), "end of the sleepers", within_s=PATIENCE_S)


def test_home_is_the_sandbox() -> None:
    assert Path.home().parent == Path(tempfile.gettempdir())
    assert environment()["HOME"] == str(Path.home())


def test_no_setting_of_whoever_runs_the_tests_is_seen() -> None:
    assert not [name for name in os.environ if name.startswith(("OYEZ_", "EVENT_DAEMON_", "XDG_"))]
    assert load(None, os.environ, {}) == load(None, {}, {})
