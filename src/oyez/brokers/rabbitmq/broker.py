"""``amqp://``: posts are published to an exchange, and whatever is published there is delivered.

Knows when the exchange can be reached, and what becomes of posts meanwhile. Must not know AMQP.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from oyez.backoff import Backoff
from oyez.brokers.rabbitmq.connection import ANSWER_TIMEOUT_S, AmqpConnection
from oyez.brokers.rabbitmq.exchange import ExchangeFeed, Feed
from oyez.brokers.rabbitmq.ids import IdSequence
from oyez.brokers.rabbitmq.intake import Intake, IntakeContext
from oyez.brokers.rabbitmq.notice_stream import NoticeStream
from oyez.brokers.rabbitmq.notices import ExchangeNotices
from oyez.brokers.rabbitmq.pending import PendingPosts
from oyez.brokers.rabbitmq.posting import Message
from oyez.brokers.rabbitmq.stream import StreamFeed
from oyez.brokers.rabbitmq.url import AmqpUrl
from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose, Settle
from oyez.hub.notices import Notice, SettleNotice, TakeNotice
from oyez.hub.publication import EventId, Post
from oyez.wire import amqp_records

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.1  # before another try to connect; twice as long after each
_LONGEST_PAUSE_S = 5.0
SETTLE_TIMEOUT_S = 2.0  # the daemon names a store that takes 2.5 s to close
_LOG_INTERVAL_S = 60.0

T = TypeVar("T")


class AmqpBroker:
    """Reads one exchange, and publishes to it.

    Args:
        url: where, and what.
        context: what the daemon says about the events.
        answer_timeout_s: how long the server may take for an answer, other than to a post.
        settle_timeout_s: how long a stop waits for posts that are pending.
    """

    def __init__(
        self,
        url: AmqpUrl,
        context: IntakeContext,
        *,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        settle_timeout_s: float = SETTLE_TIMEOUT_S,
    ) -> None:
        self._url = url
        self._answer_timeout_s = answer_timeout_s
        self._settle_timeout_s = settle_timeout_s
        self._max_body_bytes = context.max_body_bytes
        self._ids = IdSequence(url.skew_s)
        self._pending = PendingPosts()
        self._intake = Intake(self._ids, self._pending, context, self._take_mark)
        self._notices = ExchangeNotices(
            url.exchange,
            None if url.stream is None else NoticeStream(url.stream),
            context.wall_clock,
            lambda: max(self._intake.now_us(), self._ids.last),
            context.note,
        )
        self._feed: Feed = (
            ExchangeFeed(self._intake)
            if url.stream is None
            else StreamFeed(self._intake, url.stream, context.history.ttl_s, self._ids.allowance)
        )
        self._connection: AmqpConnection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._last_problem = ("", 0.0)

    @property
    def available(self) -> bool:
        """Whether there is a connection, and RabbitMQ takes posts."""
        return self._connection is not None and not self._connection.is_blocked

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Connect, and read back what a stream has. A server that cannot be reached is tried again and again."""
        self._intake.open(deliver, lose)
        connection: AmqpConnection | None = None
        try:
            connection, horizon = await self._connect(self._feed.begin)
        except BrokerError as error:
            if not error.temporary:
                raise
            horizon = self._intake.skip_to_now()
            logger.error("%s; posts are refused until it is there", error)
        self._keeper = asyncio.create_task(self._keep(connection))
        return horizon

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Publish posts; they are settled when RabbitMQ has confirmed them, and they have come back and been delivered.

        AMQP has no batches: of posts that are settled with an error some may have been published.
        """
        if not self._intake.is_open:
            raise RuntimeError("publish before start")
        if not posts:
            settle([])
            return
        problem = self._refusal()
        if problem:
            settle(BrokerError(problem, temporary=True))
            return
        now_us = self._intake.now_us()
        ids = [EventId(self._ids.propose(now_us)) for _ in posts]
        bodies = [
            amqp_records.encode_record(event_id, post.channel, post.message, post.attachments)
            for event_id, post in zip(ids, posts, strict=True)
        ]
        if max(map(len, bodies)) > self._max_body_bytes:
            settle(BrokerError(f"an event is larger than {self._max_body_bytes} bytes", temporary=False))
            return
        numbers = self._pending.add(posts, ids, settle, sum(map(len, bodies)))
        assert self._connection is not None
        for number, body in zip(numbers, bodies, strict=True):
            self._connection.posting.publish(Message(number, self._intake.message_id(number), body))

    def hear(self, take: TakeNotice) -> None:
        """Set who takes notices. With a stream they are kept in another one beside it."""
        self._notices.hear(take)

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        """Tell all daemons on the exchange; it is settled when RabbitMQ has it, or is away."""
        problem = self._outage()
        if problem:
            settle(BrokerError(problem, temporary=True))
        else:
            self._notices.tell(notice, settle)

    def _take_mark(self, message_id: str, body: bytes) -> None:
        self._notices.receive(message_id, body, is_old=self._intake.catching_up)

    def last_id(self) -> EventId:
        """Return the newest id; before the first event, the time of the start in microseconds."""
        return self._ids.last

    def reach_back(self, start: EventId) -> EventId:
        """Return ``start`` lowered by as much as clocks may differ: ids come from clocks, and a start may do so too."""
        return self._ids.reach_back(start, self._intake.now_us())

    async def stop(self) -> None:
        """Wait a moment for posts that are pending, settle the others with an error, and close the connection."""
        try:
            if self._connection is not None:
                async with asyncio.timeout(self._settle_timeout_s):
                    await self._pending.idle()
        except TimeoutError:
            problem = f"RabbitMQ at {self._url.server} has not answered all posts"
            logger.warning("%s", problem)
            if self._connection is not None:
                self._connection.lose(BrokerError(problem, temporary=True))  # it will not answer a good-bye either
        finally:
            connection, self._connection = self._connection, None
            self._pending.fail_all(BrokerError("the daemon stops", temporary=True))
            self._notices.end(BrokerError("the daemon stops", temporary=True))
            if self._keeper is not None:
                self._keeper.cancel()
            if connection is not None:
                await connection.close()
            if self._keeper is not None:
                await asyncio.wait({self._keeper})

    def _refusal(self) -> str:
        """Return why no post would be taken now; empty if it would."""
        problem = self._outage()
        return problem if problem or self._pending.has_room else "too many posts are under way"

    def _outage(self) -> str:
        """Return why RabbitMQ takes nothing now; empty if it does."""
        if self._connection is None:
            return f"RabbitMQ at {self._url.server} cannot be reached"
        if self._connection.is_blocked:
            return f"RabbitMQ at {self._url.server} takes no posts: its memory or its disk is full"
        return ""

    def _answered(self, number: int, problem: str) -> None:
        """Take RabbitMQ's answer to one post."""
        if problem:
            self._pending.failed(number, BrokerError(f"RabbitMQ has not taken the post: {problem}", temporary=True))
        else:
            self._pending.confirmed(number)

    # The connection

    async def _connect(self, read: Callable[[AmqpConnection], Awaitable[T]]) -> tuple[AmqpConnection, T]:
        """Connect and begin to read; the connection is the one that posts go to from then on.

        Raises:
            BrokerError: it cannot be done now.
        """
        connection = AmqpConnection(self._url, self._answered, self._answer_timeout_s)
        try:
            await connection.open()
            result = await _unless_lost(connection, read(connection))
            await _unless_lost(connection, self._notices.begin(connection))
        except BaseException:
            self._notices.end(BrokerError("RabbitMQ cannot be reached", temporary=True))
            await connection.close()
            raise
        self._connection = connection
        connection.lost.add_done_callback(self._went_away)
        return connection, result

    def _went_away(self, lost: "asyncio.Future[BrokerError]") -> None:
        """Settle all pending posts with an error: nobody can say any more what becomes of them."""
        if self._connection is not None and self._connection.lost is lost:
            if self._connection.is_unbound:
                self._feed.missed()
            self._connection = None
            self._log(str(lost.result()))
            went_away = BrokerError(f"RabbitMQ at {self._url.server} went away", temporary=True)
            self._pending.fail_all(went_away)
            self._notices.end(went_away)

    async def _keep(self, connection: AmqpConnection | None) -> None:
        """Connect again whenever the connection is lost, whatever went wrong."""
        while True:
            try:
                if connection is not None:
                    await asyncio.wait({connection.lost})
                    await connection.close()
                connection = await self._reconnect()
            except Exception:
                logger.exception("RabbitMQ is tried again after an error of ours")
                connection = None
                await asyncio.sleep(_LONGEST_PAUSE_S)

    async def _reconnect(self) -> AmqpConnection:
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, spread=(0, 1))
        while True:
            await asyncio.sleep(backoff.take())
            try:
                connection, _ = await self._connect(self._feed.resume)
            except BrokerError as error:
                self._log(str(error))
            else:
                self._last_problem = ("", 0.0)
                logger.info("RabbitMQ at %s is there again", self._url.server)
                return connection

    def _log(self, problem: str) -> None:
        """Log a problem that comes back every few seconds: when it changes, or after a while."""
        text, logged = self._last_problem
        now = time.monotonic()
        if problem != text or now - logged >= _LOG_INTERVAL_S:
            self._last_problem = (problem, now)
            logger.warning("%s; posts are refused, and it is tried again", problem)


async def _unless_lost(connection: AmqpConnection, reading: Awaitable[T]) -> T:
    """Await a result, or the loss of the connection that it comes over.

    Raises:
        BrokerError: the connection is lost.
    """
    task = asyncio.ensure_future(reading)
    either: list[asyncio.Future[Any]] = [task, connection.lost]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise connection.lost.result()
        return task.result()
    finally:
        task.cancel()
