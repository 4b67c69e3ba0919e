"""What the hub asks of a broker.

A broker assigns every event the next id, keeps it as its URL promises, and delivers it in the order of ids. It must not
know listeners, encodings or history: what it needs of the hub are the two functions that `Broker.start` takes.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post, Publication

Settle = Callable[[list[EventId] | BrokerError], None]
"""Called once for each `Broker.publish`, with the ids in the order of the posts, or why none of them was taken.

A callback and not a future: a post that is kept at once is acknowledged without another turn of the loop. What it
raises is the poster's affair: it must cost no other call its answer."""

Deliver = Callable[[Sequence[Publication]], None]
"""Called by a broker with what was published, here or on another node, in rising order of ids."""

Lose = Callable[[EventId], None]
"""Called by a broker after an outage, with the id up to which events may be missing: listeners are told of a gap."""


class Broker(Protocol):
    """The store behind a hub."""

    @property
    def available(self) -> bool:
        """Whether a post would be taken now, as far as the broker knows."""
        ...

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Open the store, and deliver what it still has.

        Args:
            deliver: takes publications, now and for as long as the broker runs.
            lose: takes the id up to which events may be missing, after an outage.

        Returns:
            The horizon: events up to this id may be missing, since the store no longer has them, or never did.

        Raises:
            BrokerError: the store cannot be opened.
        """
        ...

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Take posts, all or none, and deliver them before they are settled.

        What is settled with an error may have been published all the same, if the answer of the store was what got
        lost.

        Args:
            posts: in the order in which their ids rise.
            settle: called when they are kept, before or after this returns.
        """
        ...

    def last_id(self) -> EventId:
        """Return the newest id, at or above that of every settled post; never 0."""
        ...

    def reach_back(self, start: EventId) -> EventId:
        """Return the id to go on from for a client whose ``start`` is not the id of any event that is remembered.

        It is ``start`` itself where this broker assigns the ids. Where posters bring them, ``start`` was read from a
        clock, as were the ids that it is compared with, so it has to be lower by as much as those clocks may differ.
        """
        ...

    async def stop(self) -> None:
        """Settle what is under way, and close the store. Posts that come later are settled with an error."""
        ...


@runtime_checkable
class KnowsFloors(Protocol):
    """What a broker may have besides, if events of some channels leave its store before older ones of others."""

    def take_floors(self) -> list[tuple[Channel, EventId]]:
        """Return the channels of which events above the horizon may be missing, and up to which id; after the start.

        In rising order of ids; once, since there may be many.
        """
        ...
