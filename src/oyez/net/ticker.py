"""One clock that sweeps every deadline, so that no connection needs a timer of its own.

Knows when something is due. Must not know what.

It is a timing wheel without an end: deadlines are rounded up to slots of time, and a slot is a set of all that is due
in it. To move one, as each pong does, costs two operations on sets. The event loop's own timers are kept in a heap, the
cancelled ones among them until their time has come.

To be woken up costs an idle process more than what it is woken up for. So it sleeps until the next slot in which there
is something, and what is far away, as heartbeats are, is rounded up to whole seconds. What else has to be done each
second is done then, too, without a task: that would be resumed, and have a timer made, each time.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger(__name__)

# After a restart thousands of heartbeats fall into the same instant: so many, for a millisecond or two, are ticked in
# one turn of the loop.
_TICKS_PER_TURN = 64

# In slots: what is that far away comes with a whole second, and late by a twenty-fifth at most. How far it is, is
# counted from the last sweep, so there is one each second.
_FAR = 500
_SECOND = 20

# The loop counts in milliseconds: without it a sweep would come just before its slot is over, and once more after it.
_PAST_S = 0.001

# A tick that raised may have planned no next one, and what has no deadline would never be pinged, nor end.
_RETRY_S = 5.0


def until_next_second(now: float) -> float:
    """Return how long to sleep until the clock's next whole second, when others wake up as well."""
    return 1 - now % 1 + _PAST_S


class Timed(Protocol):
    """Something with a deadline. It has at most one at a time."""

    tick_slot: int
    """Where the ticker keeps it; 0: nowhere."""

    def tick(self, now: float) -> None:
        """Do what is due; set the next deadline, if there is one."""
        ...


class Ticker:
    """Deadlines in slots of time. None comes early, and none late by more than a slot or a twenty-fifth of its time.

    Args:
        resolution_s: width of a slot; a heartbeat of seconds is not hurt by a twentieth of one.
        clock: seconds on a steady scale.
    """

    def __init__(self, resolution_s: float = 0.05, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolution_s = resolution_s
        self.clock = clock
        self._slots: dict[int, set[Timed]] = {}
        self._swept = int(clock() / resolution_s)
        self._due: list[Timed] = []
        self._planned = 0  # the slot of the next sweep; 0: none is planned, or one is under way
        self._timer: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._each_second: list[Callable[[], None]] = []
        self._second = self._swept // _SECOND

    def call_each_second(self, look: Callable[[], None]) -> None:
        """Call ``look`` with each whole second from now on; what it raises is logged, and it is called again."""
        self._each_second.append(look)

    def set(self, timed: Timed, deadline: float) -> None:
        """Plan to tick ``timed`` at ``deadline``, in seconds on the clock, in place of what was set before."""
        slot = int(deadline / self._resolution_s) + 1
        ahead = slot - self._swept
        if ahead >= _FAR:
            slot += -slot % _SECOND
        elif ahead < 1:
            slot = self._swept + 1
        if slot == timed.tick_slot:
            return
        if timed.tick_slot:
            self.clear(timed)
        timed.tick_slot = slot
        members = self._slots.get(slot)
        if members is None:
            members = self._slots[slot] = set()
        members.add(timed)
        if slot < self._planned:
            self._plan(slot)

    def clear(self, timed: Timed) -> None:
        """Forget the deadline; harmless when there is none."""
        if timed.tick_slot:
            members = self._slots.get(timed.tick_slot)
            if members is not None:
                members.discard(timed)
                if not members:
                    del self._slots[timed.tick_slot]
            timed.tick_slot = 0

    def start(self) -> None:
        """Begin to sweep, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._sweep()

    def stop(self) -> None:
        """End the sweeping; deadlines that are due later are not called."""
        self._planned = 0
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        """Tick what is due. Whatever goes wrong in it, the next sweep is planned."""
        assert self._loop is not None
        self._planned = 0
        try:
            self._collect_due()
            if self._swept // _SECOND != self._second:
                self._second = self._swept // _SECOND
                self._look()
            if self._tick_some():
                self._timer = self._loop.call_soon(self._sweep)
            else:
                next_second = self._swept - self._swept % _SECOND + _SECOND
                self._plan(min(next_second, min(self._slots, default=next_second)))
        except Exception:
            logger.exception("deadlines come late after an error of ours")
            self._timer = self._loop.call_later(self._resolution_s, self._sweep)

    def _look(self) -> None:
        for look in self._each_second:
            try:
                look()
            except Exception:
                logger.exception("what is done each second has failed; it is tried again")

    def _plan(self, slot: int) -> None:
        """Have the next sweep when a slot has passed, in place of the one that was planned."""
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
        self._planned = slot
        wait_s = slot * self._resolution_s - self.clock()
        self._timer = self._loop.call_later(max(wait_s, 0) + _PAST_S, self._sweep)

    def _collect_due(self) -> None:
        current = int(self.clock() / self._resolution_s)
        if current - self._swept > len(self._slots):  # the process slept: look at what there is, not at all of time
            passed = sorted(slot for slot in self._slots if slot <= current)
        else:
            passed = list(range(self._swept + 1, current + 1))
        for slot in passed:
            self._due.extend(self._slots.pop(slot, ()))
        self._swept = current

    def _tick_some(self) -> bool:
        """Tick some of what is due; True when more is left."""
        now = self.clock()
        for _ in range(min(_TICKS_PER_TURN, len(self._due))):
            timed = self._due.pop()
            if 0 < timed.tick_slot <= self._swept:  # neither cleared nor set anew meanwhile
                timed.tick_slot = 0
                try:
                    timed.tick(now)
                except Exception:
                    logger.exception("a deadline of %s could not be handled; it comes again", type(timed).__name__)
                    if not timed.tick_slot:
                        self.set(timed, now + _RETRY_S)
        return bool(self._due)
