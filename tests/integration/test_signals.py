"""What do signals do, and whoever starts the daemon with some of them ignored?"""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import StartDaemon
from tests.inbox import PATIENCE_S
from tests.raw import request
from tests.sandbox import environment
from tests.terminal import Terminal


def test_a_terminal_that_is_closed_ends_what_was_started_from_it() -> None:
    ours, theirs = pty.openpty()
    serve = [sys.executable, "-m", "oyez", "serve", "--port", "0", "--broker", "memory://"]
    said: list[str] = []
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *serve], env=environment(), stdin=theirs, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if "listening on" in line:
                os.close(ours)
    assert "stopped" in said[-1], said
    assert process.returncode == 0


def test_signals_without_a_meaning_are_passed_over_with_a_line(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        daemon.process.send_signal(number)
    daemon.log.wait_until(lambda: daemon.stderr.count("is passed over") == 2, "line about each")
    assert "SIGUSR1 is passed over: the log goes to the standard error, so there is no file" in daemon.stderr
    assert "SIGUSR2 is passed over: a new program takes over by a restart" in daemon.stderr
    assert request(daemon.port, "GET", "/healthz").status == 200


@pytest.mark.parametrize("numbers", [[signal.SIGINT, signal.SIGTERM], [signal.SIGUSR1, signal.SIGTERM]])
def test_what_is_one_wish_counts_once(start_daemon: StartDaemon, numbers: list[signal.Signals]) -> None:
    daemon = start_daemon()
    for number in numbers:
        daemon.process.send_signal(number)
    assert daemon.process.wait(PATIENCE_S) == 0


def test_what_nohup_ignores_stays_ignored(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(wrapper=["nohup"])
    daemon.process.send_signal(signal.SIGHUP)
    daemon.process.send_signal(signal.SIGUSR1)  # comes after the other: once it is there, that one was passed over
    daemon.log.wait_until(lambda: "SIGUSR1" in daemon.stderr, "line about it")
    assert request(daemon.port, "GET", "/healthz").status == 200
    assert daemon.stop() == 0


def test_what_runs_in_the_background_of_a_terminal_may_write_to_it(tmp_path: Path) -> None:
    serve = [sys.executable, "-m", "oyez", "serve", "--port", "0", "--broker", f"sqlite://{tmp_path}/events.sqlite3"]
    script = f"set -m; stty tostop; {shlex.join(serve)} & jobs -p; read -r"
    with Terminal(["setsid", "--ctty", "--wait", "bash", "-c", script], environment()) as terminal:
        terminal.wait("listening on")
        pid = re.findall(r"^(\d+)$", terminal.text, re.MULTILINE)
        os.kill(int(pid[0]), signal.SIGTERM)
        terminal.wait("stopped")
        terminal.type("\n")
        terminal.process.wait(PATIENCE_S)
