"""``redis://``: posts go into one stream of Redis, and whatever comes out of it is delivered.

Knows when Redis can be reached, and what becomes of posts meanwhile. Must not know its commands.

While one batch of posts is under way, those that come make the next one: under load one script carries many.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from oyez.backoff import Backoff
from oyez.brokers.redis.context import RedisContext
from oyez.brokers.redis.durability import tell_settings
from oyez.brokers.redis.entries import encode_post
from oyez.brokers.redis.errors import FullError
from oyez.brokers.redis.intake import RedisIntake
from oyez.brokers.redis.link import ANSWER_TIMEOUT_S, RedisLink
from oyez.brokers.redis.log import LogPosition
from oyez.brokers.redis.pending import PendingBatches, PostBatch, PostCall
from oyez.brokers.redis.stream import RedisStream
from oyez.brokers.redis.url import RedisUrl
from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose, Settle
from oyez.hub.notices import Notice, SettleNotice, TakeNotice
from oyez.hub.publication import EventId, Post

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.1  # before another try to connect; twice as long after each
_LONGEST_PAUSE_S = 5.0
_HELD_S = 5.0  # a link that is lost sooner is tried again ever later: it may be lost as soon each time
_FULL_S = 10.0  # so long a post that Redis has refused tells of those to come
_LOOK_S = 1.0
SETTLE_TIMEOUT_S = 2.0  # the daemon names a store that takes 2.5 s to close
_LOG_INTERVAL_S = 60.0
_BLIND = EventId(1)  # the horizon without a store, whose ids are not known: a clock may be ahead of all of them


class RedisBroker:
    """One daemon's part in a stream.

    Args:
        url: where, and what.
        context: what the daemon says about the events.
        answer_timeout_s: how long Redis may take for an answer, and an event to come back.
        settle_timeout_s: how long a stop waits for posts that are pending.
    """

    def __init__(
        self,
        url: RedisUrl,
        context: RedisContext,
        *,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        settle_timeout_s: float = SETTLE_TIMEOUT_S,
    ) -> None:
        self._url = url
        self._answer_timeout_s = answer_timeout_s
        self._settle_timeout_s = settle_timeout_s
        self._pending = PendingBatches()
        self._position = LogPosition()
        self._intake = RedisIntake(self._position, self._pending, context)
        self._stream = RedisStream(url, self._position, self._intake, context)
        self._link: RedisLink | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopped = False
        self._full_until = 0.0
        self._told: Sequence[str] = ()
        self._blind_since: EventId | None = None
        self._last_problem = ("", 0.0)

    @property
    def available(self) -> bool:
        """Whether there is a link, and Redis has refused no post in the last seconds."""
        is_full = time.monotonic() < self._full_until
        return self._link is not None and not is_full and not self._stopped

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Connect, and read back what the stream has. A server that cannot be reached is tried again and again."""
        self._intake.open(deliver, lose)
        link: RedisLink | None = None
        try:
            link = await self._open_link()
            try:
                horizon = await self._stream.begin(link)
            except BaseException:
                await link.close()
                raise
            logger.info("Redis at %s: events from id %d on", self._url.server, horizon + 1)
        except BrokerError as error:
            if not error.temporary:
                raise
            link = None
            horizon = self._blind_since = _BLIND
            logger.error("%s; posts are refused until it is there", error)
        self._link = link
        self._keeper = asyncio.create_task(self._keep(link))
        return horizon

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Have posts taken, all or none; they are settled when Redis has answered and they have come back."""
        if not self._intake.is_open:
            raise RuntimeError("publish before start")
        if not posts and not self._stopped:
            settle([])
            return
        self._add(PostCall(posts, [encode_post(post) for post in posts], settle))

    def hear(self, take: TakeNotice) -> None:
        """Set who takes notices."""
        self._intake.take_notice = take

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        """Have a notice kept beside the events, and told in its place among them."""
        self._add(
            PostCall((), [], lambda outcome: settle(outcome if isinstance(outcome, BrokerError) else None), notice),
        )

    def _add(self, call: PostCall) -> None:
        problem = self._refusal()
        if problem:
            call.settle(BrokerError(problem, temporary=True))
        else:
            self._pending.add(call)

    def _refusal(self) -> str:
        """Return why no post would be taken now; empty if it would."""
        if self._stopped:
            return "the daemon stops"
        if self._link is None:
            return f"Redis at {self._url.server} cannot be reached"
        return "" if self._pending.has_room else "too many posts are under way"

    def last_id(self) -> EventId:
        """Return the newest id; before the first event, the one at which the stream begins."""
        return max(self._intake.last_id, self._blind_since or EventId(0))

    def reach_back(self, start: EventId) -> EventId:
        """Return the start itself: the store gives the ids, on one scale for all daemons."""
        return start

    async def stop(self) -> None:
        """Wait a moment for posts that are pending, settle the others with an error, and close the link."""
        self._stopped = True
        try:
            async with asyncio.timeout(self._settle_timeout_s):
                await self._pending.idle()
        except TimeoutError:
            logger.warning("Redis at %s has not answered all posts", self._url.server)
        finally:
            if self._keeper is not None:
                self._keeper.cancel()
                await asyncio.wait({self._keeper})
            self._link = None
            self._fail_all("the daemon stops")

    def _fail_all(self, why: str) -> None:
        self._pending.fail_sent(BrokerError(f"{why}: the post may have been taken all the same", temporary=True))
        self._pending.fail_waiting(BrokerError(why, temporary=True))

    # The link

    async def _open_link(self) -> RedisLink:
        link = RedisLink(self._url, self._answer_timeout_s)
        try:
            await link.open()
            self._told = await tell_settings(link, self._url, self._told)
        except BaseException:
            await link.close()
            raise
        return link

    async def _keep(self, link: RedisLink | None) -> None:
        """Connect again whenever the link is lost, whatever went wrong."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, spread=(0, 1))
        while True:
            began: float | None = None
            try:
                if link is None:
                    link = await self._reconnect()
                began = time.monotonic()
                await self._use(link)
            except BrokerError as error:
                if began is not None and time.monotonic() - began >= _HELD_S:
                    backoff.restart()
                    self._last_problem = ("", 0.0)
                self._drop(str(error))
                await asyncio.sleep(backoff.take())
            except Exception:
                logger.exception("Redis is tried again after an error of ours")
                self._drop("an error of ours")
                await asyncio.sleep(_LONGEST_PAUSE_S)
            finally:
                if link is not None:
                    await link.close()
                    link = None

    async def _reconnect(self) -> RedisLink:
        link = await self._open_link()
        try:
            if self._blind_since is None:
                await self._stream.resume(link)
            else:
                await self._stream.begin_late(link, self._blind_since)
        except BaseException:
            await link.close()
            raise
        self._blind_since = None
        self._link = link
        self._full_until = 0.0
        logger.info("Redis at %s is there again", self._url.server)
        return link

    async def _use(self, link: RedisLink) -> None:
        """Post and read until one of both fails.

        Raises:
            BrokerError: the first that went wrong.
        """
        tasks = {asyncio.create_task(self._stream.follow(link)), asyncio.create_task(self._post_all(link))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.exception()  # where both fail: else asyncio logs that nobody asked for it

    async def _post_all(self, link: RedisLink) -> None:
        loop = asyncio.get_running_loop()
        look_at = loop.time()
        while True:
            if loop.time() >= look_at:
                await self._stream.look(link)
                self._check_patience(loop.time())
                look_at = loop.time() + _LOOK_S
                loop.call_at(look_at, self._pending.wake.set)
            batch = self._pending.next_batch(loop.time())
            if batch is not None:
                await self._post(link, batch)
            else:
                await self._pending.wake.wait()
                self._pending.wake.clear()

    async def _post(self, link: RedisLink, batch: PostBatch) -> None:
        try:
            first = await self._stream.post(link, batch)
        except BrokerError as error:
            if not link.is_open:
                raise  # nobody knows what became of it
            self._pending.refuse(batch, error)
            if not isinstance(error, FullError):
                raise
            self._full_until = time.monotonic() + _FULL_S
            self._log(str(error))
        else:
            self._full_until = 0.0
            self._pending.answered(batch, first, self._position.place.newest)

    def _check_patience(self, now: float) -> None:
        oldest = self._pending.oldest
        if oldest is not None and now - oldest > self._answer_timeout_s:
            raise BrokerError(f"posts do not come back from Redis at {self._url.server}", temporary=True)

    def _drop(self, problem: str) -> None:
        """Settle all pending posts with an error: nobody can say any more what becomes of them."""
        self._link = None
        self._log(problem)
        self._fail_all(problem)

    def _log(self, problem: str) -> None:
        """Log a problem that comes back every few seconds: when it changes, or after a while."""
        text, logged = self._last_problem
        now = time.monotonic()
        if problem != text or now - logged >= _LOG_INTERVAL_S:
            self._last_problem = (problem, now)
            logger.warning("%s; posts are refused, and it is tried again", problem)
