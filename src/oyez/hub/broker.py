"""What the hub asks of a broker.

A broker gives every event the next id, keeps it by the durability that its URL promises, and hands it back in id
order. Knows no listeners.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from oyez.errors import BrokerError
from oyez.hub.publication import EventId, Post, Publication

Settle = Callable[[list[EventId] | BrokerError], None]
"""Told once for each call of `Broker.publish`: the ids in the order of the posts, or why none of them was taken."""

Deliver = Callable[[Sequence[Publication]], None]
"""Where a broker hands over what was published, here or on another node, in rising id order."""


class Broker(Protocol):
    """The store behind a hub."""

    async def start(self, deliver: Deliver) -> EventId:
        """Open the store. Hand what it still has to ``deliver``, and give the horizon: nothing up to it is there.

        Raises:
            BrokerError: the store cannot be opened.
        """
        ...

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Take posts, all or none. ``settle`` is called when they are kept, before or after this returns."""
        ...

    def last_id(self) -> EventId:
        """Give the newest id, at or above that of every settled post; never 0."""
        ...

    async def stop(self) -> None:
        """Settle what is under way and close the store."""
        ...
