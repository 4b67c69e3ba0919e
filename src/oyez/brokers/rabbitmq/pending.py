"""Posts that were published and are not settled yet: an answer of the server is due, and the event itself.

Knows who waits for what, and for how long. Must not know how anything is published.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from oyez.errors import BrokerError
from oyez.hub.broker import Settle
from oyez.hub.publication import EventId, Post

logger = logging.getLogger(__name__)

TIMEOUT_S = 5.0
_LOOKS_PER_TIMEOUT = 10  # so what is not answered fails at most a tenth of the time later

# However slowly the answers to a large call come, it does not take longer than this.
_LONGEST_S = 30.0

# What may be pending: more is refused at once, so that those who wait are answered long before the timeout. A call
# with many posts is let in whole if there is room for its first.
_MOST_POSTS = 5_000
_MOST_BYTES = 64 * 1024 * 1024


class _PendingCall:
    """Posts of one call, settled together."""

    __slots__ = ("began", "bytes", "ids", "numbers", "posts", "progressed", "settle", "settled", "to_come")

    def __init__(
        self, numbers: range, posts: Sequence[Post], ids: list[EventId], settle: Settle, *, size: int, now: float
    ) -> None:
        self.numbers = numbers
        self.posts = posts
        self.settle = settle
        self.bytes = size
        self.began = self.progressed = now
        self.ids = ids  # those that were published; what comes back puts its own in their places
        self.to_come = 2 * len(posts)  # a confirm and a delivery for each
        self.settled = False


class PendingPosts:
    """Settles each call once: when all of it is confirmed and delivered, in the order of calls; or with an error.

    Args:
        timeout_s: how long no answer may come to any post of a call.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._calls: deque[_PendingCall] = deque()  # in the order of the calls; the settled ones go when they are first
        self._by_number: dict[int, tuple[_PendingCall, int]] = {}
        self._unconfirmed: dict[int, _PendingCall] = {}
        self._next_number = 0
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def has_room(self) -> bool:
        """Whether one more post may be pending."""
        return len(self._unconfirmed) < _MOST_POSTS and len(self._by_number) < _MOST_POSTS and self._bytes < _MOST_BYTES

    def add(self, posts: Sequence[Post], ids: list[EventId], settle: Settle, size: int) -> range:
        """Add the posts of one call.

        Args:
            posts: in their order.
            ids: with which they are published.
            settle: called once, when all are confirmed and delivered, or with an error.
            size: bytes of all of them as they are published.

        Returns:
            A number for each post, by which `delivered`, `confirmed` and `failed` name it.
        """
        numbers = range(self._next_number, self._next_number + len(posts))
        self._next_number = numbers.stop
        call = _PendingCall(numbers, posts, ids, settle, size=size, now=asyncio.get_running_loop().time())
        for index, number in enumerate(numbers):
            self._by_number[number] = (call, index)
            self._unconfirmed[number] = call
        self._calls.append(call)
        self._bytes += size
        self._idle.clear()
        if self._timer is None:
            self._look_later()
        return numbers

    def find(self, number: int) -> tuple[Post, EventId] | None:
        """Return the post of a number and the id that it was published with; None if nobody waits for it any more."""
        found = self._by_number.get(number)
        if found is None:
            return None
        call, index = found
        return call.posts[index], call.ids[index]

    def delivered(self, number: int, event_id: EventId) -> None:
        """Note that a post came back, and was delivered with this id."""
        call, index = self._by_number.pop(number)
        call.ids[index] = event_id
        self._came(call)

    def confirmed(self, number: int) -> None:
        """Note that the server has a post."""
        call = self._unconfirmed.pop(number, None)
        if call is not None:
            self._came(call)

    def failed(self, number: int, error: BrokerError) -> None:
        """Settle the call of a post that the server has not taken, with an error."""
        call = self._unconfirmed.get(number)
        if call is not None:
            self._fail(call, error)
            self._settle_first()

    def fail_all(self, error: BrokerError) -> None:
        """Settle all calls, with this error those of which something is still to come."""
        for call in list(self._calls):
            self._fail(call, error)
        self._settle_first()

    async def idle(self) -> None:
        """Wait until nothing is pending."""
        await self._idle.wait()

    def _came(self, call: _PendingCall) -> None:
        call.to_come -= 1
        call.progressed = asyncio.get_running_loop().time()
        if not call.to_come:
            self._settle_first()

    def _settle_first(self) -> None:
        """Settle from the oldest on, as far as everything came: an answer overtakes none of an earlier call."""
        while self._calls and (self._calls[0].settled or not self._calls[0].to_come):
            call = self._calls.popleft()
            if not call.settled:
                call.settled = True
                self._bytes -= call.bytes
                _settle(call, call.ids)
        if not self._calls:
            self._idle.set()

    def _fail(self, call: _PendingCall, error: BrokerError) -> None:
        if call.settled or not call.to_come:
            return
        call.settled = True
        self._bytes -= call.bytes
        for number in call.numbers:
            self._by_number.pop(number, None)
            self._unconfirmed.pop(number, None)
        _settle(call, error)

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._timeout_s / _LOOKS_PER_TIMEOUT, self._sweep)

    def _sweep(self) -> None:
        """Settle what has waited for too long, with an error."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for call in list(self._calls):
            if now - call.progressed >= self._timeout_s or now - call.began >= _LONGEST_S:
                self._fail(call, BrokerError(f"RabbitMQ gave no answer within {self._timeout_s:g} s", temporary=True))
        self._settle_first()
        if self._calls:
            self._look_later()


def _settle(call: _PendingCall, outcome: list[EventId] | BrokerError) -> None:
    """Answer a poster, whose errors are its own: those after it wait for their answers."""
    try:
        call.settle(outcome)
    except Exception:
        logger.exception("a poster gets no answer after an error of ours")
