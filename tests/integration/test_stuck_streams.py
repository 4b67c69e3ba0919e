"""Does the daemon serve, and end in time, while nobody reads what it prints?"""

import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

import pytest

from tests.daemon import KEY
from tests.inbox import PATIENCE_S
from tests.integration.dialects import RawPoster
from tests.integration.links import Sender, eventually, listen, metrics
from tests.ports import free_port
from tests.raw import dial, request
from tests.sandbox import environment

pytestmark = pytest.mark.slow

_PIPE_BYTES = 4096  # the smallest there is: less than what a start says

# Brokers whose posts or whose end the daemon waits for in vain.
PLUGIN = """
import asyncio, time
from oyez.brokers.memory import MemoryBroker

class Torn(MemoryBroker):
    def publish(self, posts, settle):
        time.sleep(600)

class Endless(MemoryBroker):
    async def stop(self):
        await asyncio.sleep(600)

class Busy(MemoryBroker):
    async def start(self, deliver, lose):
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)  # a name server that does not answer
        return await super().start(deliver, lose)

def open_tape(url):
    return {"tape://torn": Torn, "tape://endless": Endless, "tape://busy": Busy}[url]()
"""


class Pipe:
    """A pipe that is full, and stays so until it is read."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self.writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.writing, b"#")
        os.set_blocking(self.writing, True)

    def read_to_end(self) -> str:
        """Read what was written since, until its last writer has gone."""
        os.close(self.writing)
        with open(self._reading, encoding="utf-8") as lines:
            return lines.read().lstrip("#")


class Serve(Protocol):
    """Starts a daemon whose standard error, at least, is a full pipe."""

    def __call__(self, *flags: str, stdout: int | None = None, **settings: object) -> "Stuck": ...


class Stuck:
    """A daemon whose log nobody reads."""

    def __init__(self, folder: Path, flags: tuple[str, ...], stdout: int | None, env: Mapping[str, str]) -> None:
        self.port = free_port()
        self.log = Pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "oyez", "serve", "--port", str(self.port), "--key", KEY, *flags],
            env=environment({"OYEZ_BROKER": "memory://", "XDG_STATE_HOME": str(folder), **env}),
            stdout=subprocess.DEVNULL if stdout is None else stdout,
            stderr=self.log.writing,
        )
        eventually(self.listens, "daemon that listens")

    def listens(self) -> bool:
        assert self.process.poll() is None
        try:
            return bool(request(self.port, "GET", "/healthz"))
        except (ConnectionRefusedError, ConnectionResetError):  # it may stop while it is asked
            return False

    def ends_by_a_signal(self) -> bool:
        """Signal again; one that comes right after the first counts as the same."""
        self.process.terminate()
        try:
            self.process.wait(0.2)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    site = tmp_path / "site"
    about = site / "tape-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "tape.py").write_text(PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tape\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[oyez.brokers]\ntape = tape:open_tape\n")
    with ExitStack() as stack:

        def start(*flags: str, stdout: int | None = None, **settings: object) -> Stuck:
            env = {f"OYEZ_{name.upper()}": str(value) for name, value in settings.items()}
            daemon = Stuck(tmp_path, flags, stdout, {"PYTHONPATH": str(site), **env})
            stack.callback(daemon.process.wait)
            stack.callback(daemon.process.kill)
            return daemon

        yield start


def test_every_door_goes_on_while_nobody_reads_the_log(serve: Serve) -> None:
    daemon = serve()
    with listen(daemon.port, "a") as listener, Sender(daemon.port) as sender:
        listener.receive()
        assert request(daemon.port, "POST", "/api/publish", b"{}", Authorization="Bearer wrong").status == 401  # logged
        (event,) = sender.post("a", 1)
        assert listener.messages(1) == [event]
    assert metrics(daemon.port)["oyez_log_lines_dropped_total"] == 0  # none of those few


def test_lines_wait_for_who_reads_on_and_are_written_at_the_end(serve: Serve) -> None:
    daemon = serve()
    assert daemon.end() == 0  # it does not wait for them
    assert daemon.log.read_to_end() == ""
    other = serve()
    other.process.terminate()
    log = other.log.read_to_end()
    assert other.process.wait(PATIENCE_S) == 0
    assert re.findall(r"oyez\.server\S*: (Oyez|listening|stopping|stopped)", log) == [
        "Oyez", "listening", "stopping", "stopped",
    ]  # fmt: skip


def test_the_stop_takes_no_longer_than_it_may(serve: Serve) -> None:
    daemon = serve(drain_deadline_s=0.5)
    silent = [listen(daemon.port, "x") for _ in range(5)]  # they never answer the close frame
    assert daemon.end() == 0  # one that is cut short, 4 s later, ends with 1
    for link in silent:
        link.drop()


def test_one_more_signal_ends_it_at_once(serve: Serve) -> None:
    daemon = serve(drain_deadline_s=60)
    with dial(daemon.port) as body:
        fields = [f"Authorization: Bearer {KEY}", "Host: x", "Content-Length: 15"]
        body.sendall(
            "\r\n".join(["POST /api/publish HTTP/1.1", *fields, "", ""]).encode()
        )  # the stop waits for the rest
        daemon.process.terminate()
        eventually(lambda: not daemon.listens(), "stop")
        eventually(daemon.ends_by_a_signal, "end")
        assert daemon.process.returncode == 1


def test_the_watchdog_needs_nobody_who_reads(serve: Serve) -> None:
    daemon = serve("--broker", "tape://torn", stall_deadline_s=0.5)
    with RawPoster(daemon.port) as poster:
        poster.command("post", channel="a", message=1)
        assert daemon.process.wait(PATIENCE_S) == 70


def test_a_loop_that_hangs_can_still_be_told_to_end(serve: Serve) -> None:
    daemon = serve("--broker", "tape://torn", stall_deadline_s=0, drain_deadline_s=0.1)
    with RawPoster(daemon.port) as poster:
        poster.command("post", channel="a", message=1)
        assert daemon.end() == 1


def test_a_store_that_does_not_close_is_not_waited_for(serve: Serve) -> None:
    daemon = serve("--broker", "tape://endless", drain_deadline_s=0.1)
    daemon.process.terminate()
    log = daemon.log.read_to_end()
    assert daemon.process.wait(PATIENCE_S) == 1
    assert "the store does not close: tape://endless" in log
    assert "the stop has not come to its end" in log


def test_threads_of_libraries_are_not_waited_for(serve: Serve) -> None:
    assert serve("--broker", "tape://busy").end() == 0


def test_a_banner_that_nobody_reads_holds_nothing_up(serve: Serve) -> None:
    full = Pipe()
    daemon = serve("--dev", stdout=full.writing)
    assert daemon.end() == 0
