"""Revocations from the request to the listeners: told to the store, taken from it, and carried out.

Knows stores' notices, and who has which grant. Must not know HTTP, nor how grants are made.
"""

import asyncio
import logging
from collections.abc import Callable

from oyez.access.revocations import Revocations
from oyez.endpoints.context import NoRoomError
from oyez.endpoints.held_grants import HeldGrants
from oyez.errors import BrokerError, ProtocolError
from oyez.hub.notices import Notice, Notices
from oyez.hub.publication import Channel
from oyez.wire import revocations as wire_revocations
from oyez.wire.revocations import Revocation

logger = logging.getLogger(__name__)


class _UnderWay:
    """Equal revocations that are asked for in the same second, which are told one number.

    Attributes:
        asked: by how many, who all wait.
        ended: how many channels listeners lose, for each time that the store tells of it.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.ended: list[asyncio.Future[int]] = []


class Revoker:
    """Takes grants back.

    Args:
        revocations: all that count.
        held: the grants by which listeners have their channels.
        notices: of the store.
        longest_s: for how long a grant is good at most; it may be changed.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        revocations: Revocations,
        held: HeldGrants,
        notices: Notices,
        longest_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._revocations = revocations
        self._held = held
        self._notices = notices
        self.longest_s = longest_s
        self._clock = clock
        self._under_way: dict[bytes, _UnderWay] = {}  # by the text
        notices.hear(self.take)

    async def revoke(self, subject: str | None, channel: str | None) -> int:
        """Take back all grants for a subject (None: any), for a channel (None: any), or for both, that were made.

        It takes until the second is over in which it began: what is made from then on is good.

        Returns:
            How many channels listeners of this daemon lose by it.

        Raises:
            NoRoomError: too many are remembered.
            BrokerError: the store cannot keep it, or tell the other daemons.
        """
        now_s = self._clock()
        if not self._revocations.has_room_for(subject, channel, now_s):
            raise NoRoomError
        second = int(now_s)
        # A store takes nothing in the place of what is of use for longer, so its end must not fall with `longest_s`.
        until_s = max(second + int(self.longest_s) + 1, self._revocations.until(subject, channel))
        revocation = Revocation(subject, channel, second, until_s)
        text = revocation.encode()
        under_way = self._under_way.setdefault(text, _UnderWay())
        under_way.asked += 1
        try:
            await self._tell(Notice(revocation.encode_name(), text, until_s))
            ended = sum([await asyncio.shield(one) for one in under_way.ended])  # others may wait for it too
            await asyncio.sleep(max(second + 1 - self._clock(), 0))
        finally:
            under_way.asked -= 1
            if not under_way.asked:
                del self._under_way[text]
        return ended

    async def _tell(self, notice: Notice) -> None:
        settled: asyncio.Future[BrokerError | None] = asyncio.get_running_loop().create_future()

        def settle(error: BrokerError | None) -> None:
            if not settled.done():  # else nobody waits any more
                settled.set_result(error)

        self._notices.tell(notice, settle)
        error = await settled
        if error is not None:
            raise error

    def take(self, text: bytes) -> None:
        """Carry out a revocation that the store tells of, whoever made it."""
        try:
            revocation = wire_revocations.parse(text)
        except ProtocolError as error:
            logger.error("a revocation in the store cannot be read, and counts for nothing: %s", error)
            return
        if not self._revocations.add(*revocation, self._clock()):
            logger.error("a revocation of another daemon counts for nothing: %d are remembered", len(self._revocations))
            return
        channel = None if revocation.channel is None else Channel(revocation.channel)
        self._held.end_some(revocation.subject, channel, self._expect_end(text))

    def _expect_end(self, text: bytes) -> Callable[[int], None]:
        """Return what is to be told how many channels listeners lose by a revocation, which may be under way here."""
        under_way = self._under_way.get(text)
        if under_way is None:
            return lambda _: None
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        under_way.ended.append(ended)
        return ended.set_result
