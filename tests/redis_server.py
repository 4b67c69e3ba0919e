"""A real Redis of the tests' own: no rights, no place on the machine but a folder, a port and a socket in it.

What is stored there it does not know.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.ports import free_port

START_PATIENCE_S = 30.0
STOP_PATIENCE_S = 10.0
_LOOK_S = 0.01


class RedisServer:
    """``with RedisServer(directory) as redis`` starts a server and ends it. It keeps its port over restarts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self.socket = directory / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.client = Redis(port=self.port, socket_timeout=START_PATIENCE_S)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.client.close()

    def url(self, more: str = "", *, port: int | None = None, database: int = 0) -> str:
        """The broker's URL for a daemon."""
        return f"redis://127.0.0.1:{port or self.port}/{database}{more}"

    def start(self) -> None:
        """Start it, with the data that it had: each write is on the disk before it is answered."""
        program = shutil.which("redis-server")
        assert program, "Redis is not installed: make test does it, or names the package"
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "unixsocket": str(self.socket),
            "dir": str(self._directory),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
        }
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, *_as_flags(settings)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": os.environ["PATH"]},
            )
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            try:
                self.client.ping()
            except RedisConnectionError:
                assert time.monotonic() < deadline, (self._directory / "log").read_text()
                time.sleep(_LOOK_S)
            else:
                return

    def kill(self) -> None:
        """End it without a chance to tidy up (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_PATIENCE_S)
            self._process = None

    def suspend(self) -> None:
        """Hang it: its sockets stay open and nothing answers (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def _as_flags(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in (f"--{name}", value)]
