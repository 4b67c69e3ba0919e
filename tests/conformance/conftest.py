"""The echo servers as processes: one with the timers of the public suites, and one that leaves a test its time."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.inbox import PATIENCE_S
from tests.raw import Polling, WebSocket

ENGINE = "/engine.io/"


class Echo:
    """Where an echo server listens, and the first steps of its clients."""

    def __init__(self, port: int) -> None:
        self.port = port

    def poll(self, path: str = ENGINE) -> Polling:
        return Polling(self.port, path)

    def dial(self, path: str = ENGINE) -> WebSocket:
        """Open a WebSocket; its first message, the handshake, is still to be read."""
        return WebSocket(self.port, f"{path}?EIO=4&transport=websocket")

    def open(self, path: str = ENGINE) -> WebSocket:
        websocket = self.dial(path)
        assert str(websocket.receive()).startswith("0{")
        return websocket

    def connected(self, namespace: str = "/") -> WebSocket:
        """Open a Socket.IO link in a namespace."""
        websocket = self.open("/socket.io/")
        where = "" if namespace == "/" else namespace + ","
        websocket.send(f"40{where}")
        assert str(websocket.receive()).startswith(f'40{where}{{"sid":')
        assert websocket.receive() == f'42{where}["auth",{{}}]'
        return websocket


@contextmanager
def running(*flags: str) -> Iterator[Echo]:
    command = [sys.executable, "-m", "tests.conformance.echo", "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), line
            yield Echo(int(line.rsplit(":", 1)[1]))
            assert process.poll() is None
            process.terminate()
            _, errors = process.communicate(timeout=PATIENCE_S)
            assert (process.returncode, errors) == (0, "")
        finally:
            process.kill()


@pytest.fixture(scope="session")
def hasty() -> Iterator[Echo]:
    """Pings after 300 ms and waits 200 ms for the pong."""
    with running() as echo:
        yield echo


@pytest.fixture(scope="session")
def echo() -> Iterator[Echo]:
    """Pings and wants polls after a minute, so that a test on a busy machine need do neither."""
    with running("--ping-interval", "60", "--ping-timeout", "60") as echo:
        yield echo
