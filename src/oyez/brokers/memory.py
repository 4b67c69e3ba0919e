"""``memory://``: events live in this process only.

Knows how ids are assigned. Keeps nothing: after a restart, whoever names an older id is told of a gap.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from oyez.brokers.clocks import as_id
from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose, Settle
from oyez.hub.publication import EventId, Post, Publication

logger = logging.getLogger(__name__)

# A batch of 10,000 at once would keep everybody waiting for 13 to 29 milliseconds.
_AT_ONCE = 500


class MemoryBroker:
    """Assigns ids on the scale of milliseconds since 1970, and never one below an earlier one.

    Args:
        clock: seconds on the hub's steady scale.
        wall_clock: seconds since 1970.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._last = EventId(as_id(wall_clock(), 1000))
        self._deliver: Deliver | None = None
        self._stopped = False
        self._under_way: list[_LongBatch] = []

    @property
    def available(self) -> bool:
        """True until it is stopped: nothing can be in the way of a post."""
        return not self._stopped

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Begin with no events, and with the time of now as the horizon."""
        self._deliver = deliver
        return self._last

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Assign ids to the posts, deliver and settle them: at once, or those of a long batch over some turns."""
        if self._stopped:
            settle(BrokerError("the store is closed", temporary=True))
            return
        if len(posts) <= _AT_ONCE:
            settle(self._take(posts))
            return
        batch = _LongBatch(posts, settle)
        self._under_way.append(batch)
        self._go_on(batch)

    def _take(self, posts: Sequence[Post]) -> list[EventId]:
        """Deliver the posts, and return their ids."""
        if self._deliver is None:
            raise RuntimeError("publish before start")
        now, first = self._clock(), EventId(as_id(self._wall_clock(), 1000))
        if first <= self._last:
            first = EventId(self._last + 1)
        if len(posts) == 1:  # nearly all: without the lists of many, a tenth of what a post costs
            self._last, post = first, posts[0]
            self._deliver((Publication(first, post.channel, post.message, post.attachments, now),))
            return [first]
        ids = [EventId(event_id) for event_id in range(first, first + len(posts))]
        self._last = EventId(first + len(posts) - 1)
        self._deliver(
            [
                Publication(event_id, post.channel, post.message, post.attachments, now)
                for event_id, post in zip(ids, posts, strict=True)
            ]
        )
        return ids

    def _go_on(self, batch: "_LongBatch") -> None:
        """Take the next slice of a long batch; others' posts may come before the one after it."""
        if batch not in self._under_way:  # a stop has ended it
            return
        try:
            batch.take_slice(self._take)
        except Exception as error:
            self._under_way.remove(batch)
            batch.settle(BrokerError(f"an error of ours: {error}", temporary=False))
            raise
        if batch.is_whole:
            self._under_way.remove(batch)
            batch.settle(batch.ids)
        else:
            asyncio.get_running_loop().call_soon(self._go_on, batch)

    def last_id(self) -> EventId:
        """Return the newest id; before the first post, the time of the start in milliseconds."""
        return self._last

    def reach_back(self, start: EventId) -> EventId:
        """Return the start itself: no clock but this one assigns ids."""
        return start

    async def stop(self) -> None:
        """Take what is left of long batches, and refuse posts from now on; there is nothing to close."""
        self._stopped = True
        while self._under_way:
            try:
                self._go_on(self._under_way[0])
            except Exception:  # its poster was told; no other batch is to lose its answer
                logger.exception("a batch breaks off after an error of ours")


class _LongBatch:
    """Posts that are taken slice by slice."""

    def __init__(self, posts: Sequence[Post], settle: Settle) -> None:
        self.settle = settle
        self.ids: list[EventId] = []
        self._posts = posts

    @property
    def is_whole(self) -> bool:
        """Whether all were taken."""
        return len(self.ids) == len(self._posts)

    def take_slice(self, take: Callable[[Sequence[Post]], list[EventId]]) -> None:
        begin = len(self.ids)
        self.ids += take(self._posts[begin : begin + _AT_ONCE])
