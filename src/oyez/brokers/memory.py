"""``memory://``: events live in this process only.

Knows how ids are given. Keeps nothing: after a restart, whoever names an older id is told of a gap.
"""

import time
from collections.abc import Callable, Sequence

from oyez.brokers.clocks import as_id
from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose, Settle
from oyez.hub.publication import EventId, Post, Publication


class MemoryBroker:
    """Gives ids on the scale of milliseconds since the epoch, and never one below an earlier one."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._last = EventId(as_id(wall_clock(), 1000))
        self._deliver: Deliver | None = None
        self._stopped = False

    @property
    def available(self) -> bool:
        """Until it is stopped."""
        return not self._stopped

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Begin with nothing."""
        self._deliver = deliver
        return self._last

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Take the posts at once."""
        if self._stopped:
            settle(BrokerError("the store is closed", temporary=True))
            return
        if self._deliver is None:
            raise RuntimeError("publish before start")
        now = self._clock()
        first = max(self._last + 1, as_id(self._wall_clock(), 1000))
        ids = [EventId(event_id) for event_id in range(first, first + len(posts))]
        self._last = EventId(first + len(posts) - 1)
        self._deliver(
            [
                Publication(event_id, post.channel, post.message, post.attachments, now)
                for event_id, post in zip(ids, posts, strict=True)
            ]
        )
        settle(ids)

    def last_id(self) -> EventId:
        """Give the newest id, or the time of the start in milliseconds before the first post."""
        return self._last

    def reach_back(self, start: EventId) -> EventId:
        """Take a client's word: no clock but this one gives ids."""
        return start

    async def stop(self) -> None:
        """Take no more posts."""
        self._stopped = True
