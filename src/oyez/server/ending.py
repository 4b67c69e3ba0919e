"""The end of the process when it cannot end as it should.

Knows the interpreter. Must not know why the process has to end.

What it hangs on may be anything: a lock, a disk, a stream that nobody reads. So nothing here takes a lock that others
take, logs the usual way, opens a file, or waits for what it writes for longer than a moment.
"""

import faulthandler
import math
import os
import threading
import time
from collections.abc import Callable

LastWords = Callable[[str, str, float], None]
"""Writes a message and a traceback, in so many seconds at most, and whatever other threads are stuck in."""

_LAST_WORDS_S = 1.0
_MOST_STACKS_BYTES = 65_536


class Ending:
    """Ends this process, from any thread.

    Args:
        say: writes the last line.
    """

    def __init__(self, say: LastWords) -> None:
        self._say = say
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)  # stacks that are more than a pipe holds are cut off
        os.set_blocking(self._reading, False)
        self._ends_at = math.inf

    def end(self, code: int, why: str) -> None:
        """End now, with a word of why and of what each thread was doing."""
        try:
            self._say(why, self._stacks(), _LAST_WORDS_S)
        finally:
            os._exit(code)

    def end_within(self, seconds: float, why: str) -> None:
        """See to it that the process has ended by then, in good order or not."""
        threading.Thread(target=self._end_after, args=(seconds, why), name="oyez-ending", daemon=True).start()
        self.end_silently_within(seconds + 2 * _LAST_WORDS_S)

    def end_silently_within(self, seconds: float) -> None:
        """See to it even if no thread of Python's can run, as at the interpreter's own end, which waits for others.

        Of several times the earliest counts.
        """
        ends_at = time.monotonic() + seconds
        if ends_at < self._ends_at:
            self._ends_at = ends_at
            faulthandler.dump_traceback_later(seconds, file=self._nowhere, exit=True)

    def _end_after(self, seconds: float, why: str) -> None:
        time.sleep(seconds)
        self.end(1, why)

    def _stacks(self) -> str:
        faulthandler.dump_traceback(self._writing)  # reads no sources and takes no lock
        try:
            return os.read(self._reading, _MOST_STACKS_BYTES).decode(errors="backslashreplace").rstrip()
        except BlockingIOError:
            return ""
