"""A store of messages that have lost members: nobody behind it sees those, and nobody reads them back.

Knows when a message comes in. Must not know what leaves it, nor what the store behind it does.
"""

import logging
from collections.abc import Callable, Sequence

from oyez.errors import BrokerError
from oyez.hub.broker import Broker, Deliver, KnowsFloors, Lose, Settle
from oyez.hub.notices import Notices
from oyez.hub.publication import EventId, Post, Publication

logger = logging.getLogger(__name__)

Parts = tuple[bytes, tuple[bytes, ...]]
"""A message, and its attachments."""

TakeOut = Callable[[bytes, tuple[bytes, ...]], Parts]
"""Returns a message without what leaves it: the very same bytes if that is nothing."""


class StrippedBroker:
    """Takes members out of posts before they are kept, and out of what others have put into the store.

    Args:
        broker: the store.
        find: says for a channel what leaves its messages; None: nothing.
    """

    def __init__(self, broker: Broker, find: Callable[[str], TakeOut | None]) -> None:
        self._broker = broker
        self._find = find
        self.last_id = broker.last_id
        self.reach_back = broker.reach_back
        self.stop = broker.stop
        if isinstance(broker, Notices):  # nothing leaves those
            self.hear, self.tell = broker.hear, broker.tell
        if isinstance(broker, KnowsFloors):
            self.take_floors = broker.take_floors

    def change_rules(self, find: Callable[[str], TakeOut | None]) -> None:
        """Take other members out of what comes from now on."""
        self._find = find

    @property
    def available(self) -> bool:
        """Whether a post would be taken now."""
        return self._broker.available

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Open the store; what it has from before there was a rule, or by AMQP from others, loses members too."""

        def strip_and_deliver(publications: Sequence[Publication]) -> None:
            deliver([self._strip_publication(publication) for publication in publications])

        return await self._broker.start(strip_and_deliver, lose)

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Publish the posts without what leaves them."""
        try:
            stripped = [self._strip_post(post) for post in posts]
        except Exception as error:
            logger.exception("a post is refused after an error of ours")
            settle(BrokerError(f"an error of ours: {error}", temporary=False))
            return
        self._broker.publish(stripped, settle)

    def _strip_post(self, post: Post) -> Post:
        take_out, message = self._find(post.channel), post.message
        if take_out is None or message is None:
            return post
        kept, attachments = take_out(message, post.attachments)
        return post if kept is message else Post(post.channel, kept, attachments)

    def _strip_publication(self, publication: Publication) -> Publication:
        take_out, message = self._find(publication.channel), publication.message
        if take_out is None or message is None:
            return publication
        kept: bytes | None
        try:
            kept, attachments = take_out(message, publication.attachments)
        except Exception:
            logger.exception("event %d goes without its message after an error of ours", publication.id)
            kept, attachments = None, ()
        if kept is message:
            return publication
        return Publication(publication.id, publication.channel, kept, attachments, publication.time)
