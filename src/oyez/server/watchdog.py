"""Ends a process whose event loop stands still.

Knows one counter that the loop moves. Must not know what the loop does.

Posters wait minutes for a daemon that hangs, and not at all for one that is gone: a supervisor starts another.
"""

import asyncio
import threading
import time

from oyez.net.ticker import until_next_second
from oyez.server.ending import Ending

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h

_LOOKS = 10  # within the deadline; one more without a turn of the loop ends the process


class Watchdog:
    """Looks from a thread whether the loop still turns.

    It counts its own looks instead of reading a clock: when the whole process stood still (a suspended machine, a
    debugger), both begin where they were.

    Args:
        deadline_s: how long the loop may stand still.
        ending: of the process.
    """

    def __init__(self, deadline_s: float, ending: Ending) -> None:
        self._interval_s = deadline_s / _LOOKS
        self._deadline_s = deadline_s
        self._ending = ending
        self._turns = 0
        self._over = threading.Event()

    def start(self) -> None:
        """Watch the running loop, from a thread of its own."""
        self._loop = asyncio.get_running_loop()
        self._turn()
        threading.Thread(target=self._watch, name="oyez-watchdog", daemon=True).start()

    def stop(self) -> None:
        """End the thread; the loop may stand still from now on."""
        self._over.set()

    def _turn(self) -> None:
        self._turns += 1
        if not self._over.is_set():
            self._loop.call_later(self._until_next_turn(), self._turn)

    def _until_next_turn(self) -> float:
        """Return a time of at most an interval, up to a whole second where that fits: then others wake the loop too."""
        if self._interval_s < 1:
            return self._interval_s
        return int(self._interval_s) - 1 + until_next_second(time.monotonic())

    def _watch(self) -> None:
        seen, looks = self._turns, 0
        while not self._over.wait(self._interval_s):
            looks = looks + 1 if self._turns == seen else 0
            seen = self._turns
            if looks > _LOOKS:
                self._ending.end(
                    EXIT_CODE,
                    f"the event loop has stood still for {self._deadline_s:g} s (stall_deadline_s); the process ends,"
                    " so that posters need not wait. What it was doing:",
                )
