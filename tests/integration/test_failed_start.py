"""Does a daemon that fails while it starts leave nothing that keeps its process alive?"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.inbox import PATIENCE_S
from tests.ports import free_port
from tests.sandbox import environment

PROGRAM = """
import errno, sys
from oyez.net.http.server import HttpServer

async def fail(*_):
    raise %s

HttpServer.listen = fail
sys.argv[0] = "oyez"
from oyez.cli import main
main()
"""


def start(tmp_path: Path, failure: str) -> "subprocess.CompletedProcess[str]":
    """Start a daemon that fails when its store is open."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM % failure, "serve", "--port", "0", "--broker", f"sqlite://{tmp_path}/events"],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_an_error_of_ours_after_the_store_is_open_ends_the_process(tmp_path: Path) -> None:
    done = start(tmp_path, "ZeroDivisionError")
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr


def test_a_port_that_another_takes_meanwhile_is_explained(tmp_path: Path) -> None:
    done = start(tmp_path, "OSError(errno.EADDRINUSE, 'Address already in use')")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("oyez: port = 0 cannot be had: 127.0.0.1:0 is taken")


def test_an_address_within_another_is_explained(tmp_path: Path) -> None:
    port = free_port()
    done = subprocess.run(
        [sys.executable, "-m", "oyez", "serve", "--port", str(port), "--broker", "memory://"],
        env=environment({"OYEZ_POLL_LISTENER_HOST": "0.0.0.0", "OYEZ_POLL_LISTENER_PORT": str(port)}),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        f"oyez: poll_listener.port = {port} cannot be had: 0.0.0.0:{port} is"
    )


def test_a_unix_socket_whose_daemon_hangs_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "oyez.sock"
    with socket.socket(socket.AF_UNIX) as hanging, ExitStack() as stack:
        hanging.bind(str(path))
        hanging.listen(0)
        for _ in range(2):  # as many as wait there
            link = stack.enter_context(socket.socket(socket.AF_UNIX))
            link.setblocking(False)
            with suppress(BlockingIOError):
                link.connect(str(path))
        done = subprocess.run(
            [sys.executable, "-m", "oyez", "serve", "--uds", str(path), "--broker", "memory://"],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert done.returncode == 2
    assert "a daemon that lives has it" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_that_comes_while_settings_are_read_ends_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """The settings come slowly, and are wrong, so that the end tells who was first."""
    pipe = tmp_path / "oyez.toml"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-m", "oyez", "serve", "--config", str(pipe)], stderr=subprocess.PIPE, text=True
    ) as process:
        with pipe.open("w") as settings:  # when it reads
            process.send_signal(number)
            settings.write("port = true")
        assert process.wait(PATIENCE_S) == 2
        assert process.stderr is not None
        assert "port" in process.stderr.read()
