"""Signals, heard by a thread of their own: a process whose event loop hangs can still be told to end.

Knows signals. Must not know what a stop is.
"""

import signal
import threading
import time
from collections.abc import Callable

_ALWAYS = (signal.SIGTERM, signal.SIGINT)

# Not heard where they are ignored from the start, which is what `nohup` and its kin ask for. Shells ignore SIGINT too,
# on behalf of whatever runs in the background: that is no wish of anybody's.
_UNLESS_IGNORED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

_PASSED_OVER = (signal.SIGUSR1, signal.SIGUSR2)

# A signal to a whole group of processes comes twice, once of them by way of make or a shell.
_SAME_REQUEST_S = 1.0


class Signals:
    """Takes SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 from when it is made.

    That has to be in the main thread and before any other is started: threads inherit what may interrupt them.
    """

    def __init__(self) -> None:
        asked_for = {number for number in _UNLESS_IGNORED if signal.getsignal(number) is not signal.SIG_IGN}
        self._taken = {*_ALWAYS, *asked_for}
        signal.pthread_sigmask(signal.SIG_BLOCK, self._taken)
        # What runs in the background may write to its terminal, even where `stty tostop` would suspend it for that.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)

    def listen(self, *, stop: Callable[[], None], end: Callable[[], None], pass_over: Callable[[str], None]) -> None:
        """Call back for signals, those that came meanwhile too; from a thread that must neither lock nor wait.

        Args:
            stop: called at the first wish that the process should end.
            end: called at another one, if it comes a moment later.
            pass_over: told the name of a signal that has no meaning.
        """
        arguments = (stop, end, pass_over)
        threading.Thread(target=self._listen, args=arguments, name="oyez-signals", daemon=True).start()

    def _listen(self, stop: Callable[[], None], end: Callable[[], None], pass_over: Callable[[str], None]) -> None:
        asked_at: float | None = None
        while True:
            number = signal.sigwait(self._taken)
            if number in _PASSED_OVER:
                pass_over(signal.Signals(number).name)
            elif asked_at is None:
                asked_at = time.monotonic()
                stop()
            elif time.monotonic() - asked_at > _SAME_REQUEST_S:
                end()
