"""The turns of the event loop, shared over addresses: each has a slice of a turn, and what is left waits here.

Knows who waits, and how long each address was busy in this turn. Must not know what is read.

An address that asks for much has its slice in each turn, however many connections it asks on. So what others ask for
waits for about one slice. Where nobody else is, one slice follows the other: nothing is lost but a look at the sockets.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger(__name__)

SLICE_S = 0.0005
"""What one address may have of a turn. Beside all attackers of the siege, whoever asks for little waited for a third
less than with twice as much; what the turns themselves cost more is not to be measured."""

# What all of them may have. With that many addresses that ask for much, those that ask for little come first.
_TURN_S = 0.0015

# What happens in less than this needs no record: it is forgotten after the time that a turn may take.
_NOTABLE_S = SLICE_S

Payer = object
"""Whose slice it is: a share, or whatever stands for itself."""


class Reader(Protocol):
    """Who has more to read."""

    def read_on(self) -> None:
        """Read some of it; who has still more then queues up again."""
        ...


class _Waiter:
    """A task that waits for its turn."""

    __slots__ = ("_begin", "_future")

    def __init__(self, future: asyncio.Future[None], begin: Callable[[], None]) -> None:
        self._future = future
        self._begin = begin

    def read_on(self) -> None:
        if not self._future.done():
            self._begin()
            self._future.set_result(None)


class Turns:
    """Who is busy in this turn of the loop, and who waits for the next one.

    Args:
        clock: seconds on a steady scale.
        before_serving: called before those who waited are served: what is due to others goes first.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, before_serving: Callable[[], object] = lambda: None
    ) -> None:
        self.clock = clock
        self._before_serving = before_serving
        self._began = 0.0
        self._all_s = 0.0
        self._spent: dict[Payer, float] = {}
        self._waiting: dict[Payer, deque[Reader]] = {}
        self._new: deque[Payer] = deque()  # who came since the last turn, and is served first
        self._old: deque[Payer] = deque()
        self._planned = False

    def begin(self, payer: Payer) -> float | None:
        """Return the time if there is something left of the payer's slice, to be handed to `end`; None: nothing is."""
        now = self.clock()
        if not self._planned and now - self._began > _TURN_S:
            self._begin_turn(now)
        elif self._all_s > _TURN_S or self._spent.get(payer, 0.0) > SLICE_S or payer in self._waiting:
            return None
        return now

    def end(self, payer: Payer, began: float) -> float:
        """Count the time since ``began``; return it, in seconds."""
        spent_s = self.clock() - began
        self.count(payer, spent_s)
        return spent_s

    def count(self, payer: Payer, spent_s: float) -> None:
        """Count time that was spent, or will be in a moment."""
        self._spent[payer] = self._spent.get(payer, 0.0) + spent_s
        self._all_s += spent_s
        if self._all_s > _NOTABLE_S:
            self._plan()

    async def take(self, payer: Payer, busy_s: float) -> None:
        """Wait until it is the payer's turn; what follows takes ``busy_s`` seconds of it, by experience."""
        if self.begin(payer) is not None:
            self.count(payer, busy_s)
            return
        waiting = asyncio.get_running_loop().create_future()
        self.add(_Waiter(waiting, lambda: self.count(payer, busy_s)), payer)
        await waiting

    def add(self, reader: Reader, payer: Payer) -> None:
        """Have ``reader.read_on`` called once, when it is the payer's turn."""
        waiting = self._waiting.get(payer)
        if waiting is None:
            waiting = self._waiting[payer] = deque()
            self._new.append(payer)
        waiting.append(reader)
        self._plan()

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _begin_turn(self, now: float) -> None:
        self._began = now
        self._all_s = 0.0
        self._spent.clear()

    def _serve(self) -> None:
        """Give everybody who waits a slice, as far as the turn goes: who has come since the last one comes first."""
        try:
            self._before_serving()
            self._begin_turn(self.clock())
            for _ in range(len(self._waiting)):
                if self._all_s > _TURN_S:
                    break
                self._serve_one((self._new or self._old).popleft())
        finally:
            self._planned = False
            if self._waiting:
                self._plan()

    def _serve_one(self, payer: Payer) -> None:
        readers = self._waiting[payer]
        began = self.clock()
        while readers and self._spent.get(payer, 0.0) <= SLICE_S:
            try:
                readers.popleft().read_on()
            except Exception:
                logger.exception("somebody is not read any more after an error of ours")
            began += self.end(payer, began)
        if readers:
            self._old.append(payer)
        else:
            del self._waiting[payer]
