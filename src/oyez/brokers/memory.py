"""``memory://``: events live in this process only.

Knows how ids are assigned. Keeps nothing: after a restart, whoever names an older id is told of a gap.
"""

import time
from collections.abc import Callable, Sequence

from oyez.brokers.clocks import as_id
from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose, Settle
from oyez.hub.publication import EventId, Post, Publication


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

    @property
    def available(self) -> bool:
        """True until it is stopped: nothing can be in the way of a post."""
        return not self._stopped

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Begin with no events, and with the time of now as the horizon."""
        self._deliver = deliver
        return self._last

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Assign ids to the posts, deliver and settle them at once."""
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
        """Return the newest id; before the first post, the time of the start in milliseconds."""
        return self._last

    def reach_back(self, start: EventId) -> EventId:
        """Return the start itself: no clock but this one assigns ids."""
        return start

    async def stop(self) -> None:
        """Refuse posts from now on; there is nothing to close."""
        self._stopped = True
