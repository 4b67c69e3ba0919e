"""The daemon's process: started, killed, hung, drained, with a clock and a boot of the harness's own.

Knows processes and the daemon's log. Must not know what is posted or who listens.
"""

import asyncio
import re
import resource
import signal
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.daemon import KEY, LISTENING, as_toml
from tests.faults import launcher
from tests.integration.links import rss_mb
from tests.ports import free_port
from tests.sandbox import environment

# On a busy machine a start takes its time; what is judged is never this one.
START_PATIENCE_S = 60.0
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)")


class Clock:
    """The daemon's wall clock: the true one and an offset, which may be changed while it runs.

    Without a memory of what was before (``memory://``), and after a loss of power, the clock is all that keeps new ids
    above old ones. So there it goes back by days, or not at all: then every old id is recognised as of another time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0.0)

    def set(self, offset_s: float) -> None:
        """Set it, seen at once by a daemon that runs."""
        mode = "r+b" if self.path.exists() else "wb"
        with self.path.open(mode) as file:  # never truncated: it is mapped
            file.write(struct.pack("d", offset_s))


class DaemonProcess:
    """One daemon over all its lives, on one port.

    Args:
        folder: for its settings, log and clock.
        broker: the URL.
        settings: dotted names with values.
        accuse: told what it did wrong by itself: ending, or a traceback.
    """

    def __init__(
        self, folder: Path, broker: str, settings: Mapping[str, object], accuse: Callable[[str], None]
    ) -> None:
        self.port = free_port()
        self.lives = 0
        self.boot = 1
        self.clock = Clock(folder / "clock")
        self.log = folder / "daemon.log"
        self._config = folder / "oyez.toml"
        self._config.write_text("".join(f"{name} = {as_toml(value)}\n" for name, value in settings.items()))
        self._broker = broker
        self._accuse = accuse
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._expected_end = False
        self._listening = asyncio.Event()
        self.largest_mb = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.returncode is None and self._listening.is_set()

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self.lives += 1
        self._listening.clear()
        self._expected_end = False
        self._note(f"--- life {self.lives}, boot {self.boot}")
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", launcher.__file__, str(self.clock.path), f"boot {self.boot}"),
            *("serve", "--port", str(self.port), "--key", KEY, "--broker", self._broker),
            *("--config", str(self._config)),
            env=environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the harness
        )
        self._reader = asyncio.create_task(self._read_log(self._process))
        async with asyncio.timeout(START_PATIENCE_S):
            await self._listening.wait()
        if self._process.returncode is not None:
            raise RuntimeError(f"the daemon does not start, see {self.log}")

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with self.log.open("a", encoding="utf-8") as log:
            while line := (await process.stderr.readline()).decode("utf-8", "backslashreplace"):
                log.write(f"{time.strftime('%H:%M:%S')} {line}")
                log.flush()
                if listening := LISTENING.search(line):
                    self.port = int(listening[1])
                    self._listening.set()
                if _TRACEBACK.search(line):
                    self._accuse(f"a traceback in the log of life {self.lives}")
        code = await process.wait()
        if not self._expected_end:
            self._accuse(f"ended by itself in life {self.lives}, with code {code}")
        self._listening.set()  # whoever waits for it looks whether it lives

    async def kill(self) -> None:
        """End it at once (SIGKILL), in whatever it is doing."""
        self._expected_end = True
        self._signal(signal.SIGKILL)
        await self._ended()

    async def drain(self) -> tuple[float, int]:
        """Ask it to end (SIGTERM); gives the seconds that it took and its code."""
        self._expected_end = True
        begun = time.monotonic()
        self._signal(signal.SIGTERM)
        await self._ended()
        assert self._process is not None
        assert self._process.returncode is not None
        return time.monotonic() - begun, self._process.returncode

    def hang(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def limit_files(self, size: int | None) -> None:
        """Let no file of it grow beyond a size (RLIMIT_FSIZE); None: any may."""
        if self.is_up:
            soft = resource.RLIM_INFINITY if size is None else size
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def measure_mb(self) -> float:
        """Give the memory that it has now; 0 while there is none."""
        try:
            size = rss_mb(self.pid) if self.is_up else 0.0
        except OSError:
            size = 0.0
        self.largest_mb = max(self.largest_mb, size)
        return size

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def _ended(self) -> None:
        if self._process is not None:
            async with asyncio.timeout(START_PATIENCE_S):
                await self._process.wait()
                if self._reader is not None:
                    await self._reader
        self._listening.clear()

    def _note(self, line: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")
