"""The reading of settings again, in a thread, in bounded time: a file may be where none comes from any more.

Knows threads and how long one is waited for. Must not know what is read, nor what follows from it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from threading import Thread

from oyez.config.load import Loaded
from oyez.errors import UnreadError

# Files come in milliseconds. On a file system that is away, or in a pipe that nobody writes to, they never do.
_PATIENCE_S = 5.0


class SettingsReader:
    """Reads settings in a thread that neither the event loop nor the end of the process waits for.

    There is one thread at a time: a reading that hangs is given up, and until it ends there is no other.

    Args:
        read: reads them; called in the thread.
        patience_s: how long it may take.
    """

    def __init__(self, read: Callable[[], Loaded], patience_s: float = _PATIENCE_S) -> None:
        self._read = read
        self._patience_s = patience_s
        self._outcome: asyncio.Future[Loaded | Exception] | None = None

    async def read(self) -> Loaded:
        """Read the settings.

        Raises:
            ConfigError: one is wrong, or the files have not come in time.
        """
        if self._outcome is not None and not self._outcome.done():
            raise UnreadError("has not been read since the last time; what hangs has to end first")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Loaded | Exception] = loop.create_future()
        self._outcome = outcome
        Thread(target=self._run, args=(loop, outcome), name="oyez-reload", daemon=True).start()
        await asyncio.wait({outcome}, timeout=self._patience_s)
        if not outcome.done():
            raise UnreadError(f"cannot be read within {self._patience_s:g} s")
        found = outcome.result()
        if isinstance(found, Exception):
            raise found
        return found

    def _run(self, loop: asyncio.AbstractEventLoop, outcome: "asyncio.Future[Loaded | Exception]") -> None:
        found: Loaded | Exception
        try:
            found = self._read()
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            found = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: the daemon has stopped
            loop.call_soon_threadsafe(outcome.set_result, found)
