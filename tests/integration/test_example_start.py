"""`make example`, when something is wrong: does it end as a whole, and say why and what helps?"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from tests.browser.example import START, Example
from tests.inbox import PATIENCE_S
from tests.ports import free_ports
from tests.sandbox import environment

pytestmark = pytest.mark.slow

END = "It died 3 times right after its start."


def start(folder: Path, *options: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Start it with something that cannot work, and wait for its end."""
    command = [python, str(START), f"--state={folder / 'var'}", *options]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False
    )


@pytest.mark.parametrize("taken", ["DAEMON_PORT", "SITE_PORT"])
def test_a_port_that_is_taken_is_told_before_anything_is_started(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = dict(zip(("DAEMON_PORT", "SITE_PORT"), free_ports(2), strict=True)) | {taken: other.getsockname()[1]}
        ended = start(tmp_path, f"--daemon-port={ports['DAEMON_PORT']}", f"--site-port={ports['SITE_PORT']}")
    assert (ended.returncode, ended.stdout) == (1, "")
    told = re.search(rf"Port {ports[taken]} of 127.0.0.1 is taken.*\n.*make example {taken}=(\d+)", ended.stderr)
    assert told, ended.stderr
    socket.create_server(("127.0.0.1", int(told[1]))).close()  # that one is free
    assert list((tmp_path / "var").iterdir()) == []


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--daemon-port=0", "expected a port, 1 to 65535"),
        ("--site-port=99999", "expected a port, 1 to 65535"),
        ("--site-port=15100", "cannot share the port 15100"),
        ("--busy=much", "expected a number"),
        ("--pause=-1", "expected a number"),
        ("--busy=nan", "expected a number"),
    ],
)
def test_an_option_that_cannot_be_is_refused(tmp_path: Path, option: str, words: str) -> None:
    ended = start(tmp_path, option)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_of_another_computer_is_told(tmp_path: Path) -> None:
    ended = start(tmp_path, "--address=192.0.2.1")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "192.0.2.1 is no address of this computer" in ended.stderr


def test_a_missing_package_ends_all_with_the_last_line_and_the_cure(tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=False)
    daemon_port, site_port = free_ports(2)
    ended = start(
        tmp_path,
        f"--daemon-port={daemon_port}",
        f"--site-port={site_port}",
        python=str(tmp_path / "empty" / "bin" / "python"),
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "The database ended with exit code 1: ModuleNotFoundError: No module named 'django'" in ended.stderr
    assert "`make example` installs all that is needed" in ended.stderr


def test_a_closed_terminal_ends_all(tmp_path: Path) -> None:
    with Example(tmp_path, busy=0) as example:
        example.process.send_signal(signal.SIGHUP)
        assert example.process.wait(4 * PATIENCE_S) == 0
        assert_gone(example.daemon_pids()[0])
        assert (tmp_path / "events.sqlite3").exists()


def test_what_is_only_starting_ends_too(tmp_path: Path) -> None:
    example = Example(tmp_path, busy=0)
    command, env = example.command, environment()
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        deadline = time.monotonic() + PATIENCE_S
        while not (tmp_path / "database.log").exists():
            assert time.monotonic() < deadline, "nothing is started"
            time.sleep(0.01)  # the first program has just begun
        process.terminate()
        assert process.communicate(timeout=4 * PATIENCE_S)[0] == ""
        assert process.returncode == 0
    assert not (tmp_path / "site.log").exists()


def test_a_daemon_that_dies_at_once_again_and_again_ends_all(tmp_path: Path) -> None:
    with Example(tmp_path, busy=0, pause_s=0) as example:
        killed: set[int] = set()
        while not example.has_said(END):
            for pid in set(example.daemon_pids()) - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            example.said.wait_until(
                lambda: example.has_said(END) or set(example.daemon_pids()) > killed, "a daemon or the end"
            )
        assert example.process.wait(4 * PATIENCE_S) == 1
        assert example.has_said("The daemon ended by SIGKILL")
        for pid in example.daemon_pids():
            assert_gone(pid)


def assert_gone(pid: int) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
