"""Signals, heard by a thread of their own: a process whose event loop hangs can still be told to end.

Knows signals. Must not know what a stop is, nor which settings are read.
"""

import errno
import os
import signal
import threading
import time
from collections.abc import Callable

_ALWAYS = (signal.SIGTERM, signal.SIGINT)

# Not heard where they are ignored from the start, which is what `nohup` and its kin ask for. Shells ignore SIGINT too,
# on behalf of whatever runs in the background: that is no wish of anybody's.
_UNLESS_IGNORED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

_PASSED_OVER = {
    signal.SIGUSR1: "the log goes to the standard error, so there is no file to open anew",
    signal.SIGUSR2: "a new program takes over by a restart",
}

# Errors that say nothing of a terminal: without a descriptor to spare there may be one.
_UNTOLD = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

# A signal to a whole group of processes comes twice, once of them by way of make or a shell.
_SAME_REQUEST_S = 1.0


class Signals:
    """Takes SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 from when it is made.

    That has to be in the main thread and before any other is started: threads inherit what may interrupt them. What
    `oyez serve` holds back before waits for it.
    """

    def __init__(self) -> None:
        asked_for = {number for number in _UNLESS_IGNORED if signal.getsignal(number) is not signal.SIG_IGN}
        self._taken = {*_ALWAYS, *asked_for}
        self._had_terminal = _has_terminal()
        signal.pthread_sigmask(signal.SIG_BLOCK, self._taken)
        # What runs in the background may write to its terminal, even where `stty tostop` would suspend it for that.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)

    def listen(
        self,
        *,
        stop: Callable[[], None],
        end: Callable[[], None],
        reload: Callable[[], None],
        pass_over: Callable[[str, str], None],
    ) -> None:
        """Call back for signals, those that came meanwhile too; from a thread that must neither lock nor wait.

        Args:
            stop: called at the first wish that the process should end.
            end: called at another one, if it comes a moment later.
            reload: called at each wish that the settings should be read again.
            pass_over: told the name of a signal that has no meaning, and why.
        """

        def listen() -> None:
            asked_at: float | None = None
            while True:
                number = signal.Signals(signal.sigwait(self._taken))
                if number in _PASSED_OVER:
                    pass_over(number.name, _PASSED_OVER[number])
                elif number is signal.SIGHUP and not self._has_lost_terminal():
                    reload()
                elif asked_at is None:
                    asked_at = time.monotonic()
                    stop()
                elif time.monotonic() - asked_at > _SAME_REQUEST_S:
                    end()

        threading.Thread(target=listen, name="oyez-signals", daemon=True).start()

    def _has_lost_terminal(self) -> bool:
        """Return whether the terminal of the start is closed: then SIGHUP is a wish to end (signal(7))."""
        return self._had_terminal and not _has_terminal()


def _has_terminal() -> bool:
    """Return whether this process belongs to a terminal that is there (tty(4)), as far as can be told."""
    try:
        os.close(os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError as error:
        return error.errno in _UNTOLD
    return True
