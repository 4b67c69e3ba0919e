"""What the hub asks of a broker.

A broker gives every event the next id, keeps it by the durability that its URL promises, and hands it back in id
order. Knows no listeners.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from oyez.errors import BrokerError
from oyez.hub.publication import EventId, Post, Publication

Settle = Callable[[list[EventId] | BrokerError], None]
"""Told once for each call of `Broker.publish`: the ids in the order of the posts, or why none of them was taken.

What it raises is the poster's affair: it must cost no other call its answer."""

Deliver = Callable[[Sequence[Publication]], None]
"""Where a broker hands over what was published, here or on another node, in rising id order."""

Lose = Callable[[EventId], None]
"""Where a broker tells, after an outage, that events up to an id may be missing: whoever listens is told of a gap."""


class Broker(Protocol):
    """The store behind a hub."""

    @property
    def available(self) -> bool:
        """Whether a post would be taken now, as far as the broker knows."""
        ...

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Open the store. Hand what it still has to ``deliver``, and give the horizon: events up to it may be missing.

        Raises:
            BrokerError: the store cannot be opened.
        """
        ...

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Take posts, all or none. ``settle`` is called when they are kept, before or after this returns.

        They are delivered before they are settled. What is settled with an error may have been published all the same,
        if the answer of the store was what got lost.
        """
        ...

    def last_id(self) -> EventId:
        """Give the newest id, at or above that of every settled post; never 0."""
        ...

    def reach_back(self, start: EventId) -> EventId:
        """Give the id to go on from for a client whose ``start`` is not the id of any event that is remembered.

        It is ``start`` where this broker gives the ids. Where posters bring them, it was read from a clock, as were the
        ids that it is compared with, so it has to be lower by as much as those clocks may differ.
        """
        ...

    async def stop(self) -> None:
        """Settle what is under way and close the store."""
        ...
