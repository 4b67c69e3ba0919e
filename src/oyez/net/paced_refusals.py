"""Refusals of addresses that had their share: some are given at once, those that follow late, in the turn of each.

Knows whose refusals wait, and since when they are due. Must not know what was asked for, nor what is answered.

Whoever is refused behind a proxy has been read and judged by then, which costs as much as to let it in: an address that
asked again and again took half of a core. Nearly all ask again when they have their answer, and not before. So what
they cost is bounded by when that comes.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from oyez.access.shares import Share
from oyez.access.token_bucket import TokenBucket
from oyez.net.ticker import Ticker
from oyez.net.turns import Turns
from oyez.setting import Rate

AT_ONCE = Rate(per_second=20, burst=50)
"""How many refusals an address gets without a wait: a class whose pages are refused hears of it at once."""

MOST_WAITING = 64
"""Of one address: more are answered in its next turn, so that nobody waits for longer than a few seconds, and sockets
that wait are few."""

_Answer = Callable[[], None]


class _Turn:
    """A refusal that waits for its address's turn of the loop."""

    __slots__ = ("read_on",)

    def __init__(self, answer: _Answer) -> None:
        self.read_on = answer


class _RefusedAddress:
    """One address: its refusals that wait, in the order in which they came, and how many it had lately."""

    __slots__ = ("_refusals", "bucket", "share", "tick_slot", "waiting")

    def __init__(self, refusals: "PacedRefusals", share: Share, now: float) -> None:
        self._refusals = refusals
        self.share = share
        self.bucket = TokenBucket(AT_ONCE, now)
        self.waiting: deque[_Answer] = deque()
        self.tick_slot = 0

    def tick(self, now: float) -> None:
        """Give those that are due."""
        self._refusals.go_on(self, now)


class PacedRefusals:
    """The refusals of all addresses.

    Args:
        turns: of the loop, shared over addresses.
        ticker: the clock, and what wakes up those that wait.
    """

    def __init__(self, turns: Turns, ticker: Ticker) -> None:
        self._turns = turns
        self._ticker = ticker
        self._refused: dict[Share, _RefusedAddress] = {}

    def __len__(self) -> int:
        """Of how many addresses is remembered that they were refused."""
        return len(self._refused)

    def add(self, share: Share | None, answer: Callable[[], None]) -> None:
        """Have a refusal given, now or later.

        Args:
            share: of the address that is refused; None: the refusal is not paced.
            answer: gives it. Nobody may be there any more by then.
        """
        if share is None:
            answer()
            return
        now = self._ticker.clock()
        refused = self._refused.get(share)
        if refused is None:
            refused = self._refused[share] = _RefusedAddress(self, share, now)
            self._plan(refused, now)
        if not refused.waiting and refused.bucket.take(now):
            self._give(share, answer)
        elif len(refused.waiting) < MOST_WAITING:
            refused.waiting.append(answer)
            if len(refused.waiting) == 1:
                self._plan(refused, now)
        else:
            self._give(share, answer)

    async def wait(self, share: Share | None) -> None:
        """Wait until a refusal may be given; the argument is that of `add`."""
        if share is not None:
            due = asyncio.get_running_loop().create_future()
            self.add(share, lambda: None if due.done() else due.set_result(None))
            await due

    def give_all(self) -> None:
        """Give all that wait for their time: the daemon stops."""
        for refused in self._refused.values():
            while refused.waiting:
                self._give(refused.share, refused.waiting.popleft())

    def go_on(self, refused: _RefusedAddress, now: float) -> None:
        """Give what is due to an address, and forget one that was not refused for a while."""
        while refused.waiting and refused.bucket.take(now):
            self._give(refused.share, refused.waiting.popleft())
        if refused.waiting or not refused.bucket.is_full(now):
            self._plan(refused, now)
        else:
            del self._refused[refused.share]

    def _plan(self, refused: _RefusedAddress, now: float) -> None:
        tokens = 1 if refused.waiting else AT_ONCE.burst
        self._ticker.set(refused, now + refused.bucket.wait_for(now, tokens))

    def _give(self, share: Share, answer: _Answer) -> None:
        """Give a refusal in the turn of its address: in this one, if there is something left of it."""
        began = self._turns.begin(share)
        if began is None:
            self._turns.add(_Turn(answer), share)
        else:
            answer()
            self._turns.end(share, began)
