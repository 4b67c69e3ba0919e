"""One connection to RabbitMQ: channels, an exchange that is there, and the first sign that all this is gone.

Knows the client library. Must not know events, or when to connect again.

The library `aio-pika`, which is built on this one, would connect again by itself (its "robust" connection), but hides
when: pending posts would wait for a server that is gone, and nobody could say between which two events a gap is.
"""

import asyncio
import contextlib
import logging
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable
from typing import Any

from aiormq import Connection
from aiormq.abc import AbstractChannel
from aiormq.channel import Channel
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from aiormq.exceptions import DeliveryError
from pamqp import commands
from yarl import URL

from oyez.brokers.rabbitmq.errors import explain
from oyez.brokers.rabbitmq.pamqp_patch import read_leniently
from oyez.brokers.rabbitmq.posting import Answered, PostingChannel
from oyez.brokers.rabbitmq.url import AmqpUrl
from oyez.errors import BrokerError

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_BLOCK_LOOK_S = 1.0  # how often to look whether the server takes posts: the library says so to nobody

# What goes wrong is told by `explain`, once; the library would log each attempt with a traceback.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)

read_leniently()


class AmqpConnection:
    """A connection: opened once, and closed for good.

    Args:
        url: the broker's.
        answered: told what becomes of each post.
        answer_timeout_s: how long the server may take for an answer.

    Attributes:
        lost: done when the connection is of no use any more; its result says why.
        is_blocked: whether the server is too full to take posts.
        is_unbound: whether a post came back for want of any queue: the exchange was made anew, and ours is not bound.
    """

    posting: PostingChannel

    def __init__(self, url: AmqpUrl, answered: Answered, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self.url = url
        self.answer_timeout_s = answer_timeout_s
        self.lost: asyncio.Future[BrokerError] = asyncio.get_running_loop().create_future()
        self.is_blocked = False
        self.is_unbound = False
        self._queue: str | None = None
        self._answered = answered
        self._socket = _Socket()
        try:
            address = URL(url.url)
        except ValueError as error:
            raise BrokerError(f"amqp://{url.server} cannot be read as a URL", temporary=False) from error
        self._connection = Connection(address, transport_factory=self._socket)
        self._is_open = False
        self._watcher: asyncio.Task[None] | None = None
        self._dropping: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect and see that the exchange is there.

        Raises:
            BrokerError: it cannot be used; temporary if waiting may help.
        """
        await self.ask("connect", self._open())
        self._watcher = asyncio.create_task(self._watch())

    async def _open(self) -> None:
        await self._connection.connect(client_properties={"connection_name": "oyez"})
        await self._connection.ready()
        self._is_open = True
        await self._check_exchange()
        await self._check_permission_to_write()
        self.posting = PostingChannel(
            await self.open_channel(watched=True, confirms=True),
            self.url.exchange,
            "#",
            self._answered,
            self._unrouted,
            failed=self._posting_failed,
        )
        self._connection.closing.add_done_callback(self._closed)

    async def ask(self, doing: str, answer: Awaitable[Any], queue: str = "") -> Any:
        """Await an answer of the server, for so long as one may take.

        Args:
            doing: what is tried, in words for an error.
            answer: the library's.
            queue: the stream that it is tried with, for an error too.

        Raises:
            BrokerError: it is a refusal, or there was none.
        """
        try:
            async with asyncio.timeout(self.answer_timeout_s):
                return await answer
        except Exception as error:
            raise explain(error, self.url, doing, queue) from error

    async def open_channel(self, *, watched: bool = False, confirms: bool = False) -> AbstractChannel:
        """Open a channel.

        Args:
            watched: whether the connection is of no use any more when the channel closes.
            confirms: whether the server confirms what is published on it.
        """
        if not self._is_open:
            raise ConnectionError("the connection is closed")
        channel = await self._connection.channel(publisher_confirms=confirms)
        if watched:
            assert isinstance(channel, Channel)
            channel.closing.add_done_callback(self._closed)
            channel.on_consumer_cancel_callbacks.add(self._cancelled)
        return channel

    def drop(self, channel: AbstractChannel) -> None:
        """Close a channel that may be open still, whatever becomes of that: nobody waits for it."""
        if not channel.is_closed:
            dropping = asyncio.get_running_loop().create_task(self._drop(channel))
            self._dropping.add(dropping)
            dropping.add_done_callback(self._dropping.discard)

    async def _drop(self, channel: AbstractChannel) -> None:
        with contextlib.suppress(BrokerError):
            await self.ask("close a channel", channel.close())

    async def publish(self, doing: str, exchange: str, routing_key: str, message_id: str, body: bytes) -> None:
        """Publish one message, and wait until the server has it; many at a time are published by `posting`.

        Raises:
            BrokerError: it has not taken it, or nobody knows.
        """
        channel: AbstractChannel = await self.ask("open a channel", self.open_channel(confirms=True))
        properties = commands.Basic.Properties(content_type="application/json", message_id=message_id, app_id="oyez")
        taken = channel.basic_publish(
            body, exchange=exchange, routing_key=routing_key, properties=properties, mandatory=True
        )
        try:
            await self.ask(doing, taken, "" if exchange else routing_key)
        except BrokerError as error:
            if exchange and was_returned(error):
                self._unrouted()
            raise
        finally:
            self.drop(channel)

    async def bind(self, doing: str, channel: AbstractChannel, queue: str) -> None:
        """Bind a queue to the exchange, and again whenever the exchange is checked. Raises as `ask` does."""
        await self.ask(doing, self._bind(channel, queue))
        self._queue = queue

    async def _bind(self, channel: AbstractChannel, queue: str) -> None:
        await channel.queue_bind(queue, self.url.exchange, "#")

    def lose(self, error: BrokerError) -> None:
        """Take the connection for lost, for this reason; the first one counts."""
        if not self.lost.done():
            self.lost.set_result(error)

    async def close(self) -> None:
        """Close the connection, and cut it if the server does not answer that soon."""
        if self._watcher is not None:
            self._watcher.cancel()
        for dropping in self._dropping:
            dropping.cancel()
        if hasattr(self, "posting"):
            self.posting.close()
        is_lost = self.lost.done()
        self.lose(BrokerError("the connection is closed", temporary=True))
        try:
            if self._is_open and not is_lost:
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await self._connection.close()
        except Exception as error:  # noqa: BLE001  # whatever the library makes of it, the socket is cut
            logger.debug("the connection to RabbitMQ did not end well: %r", error)
        finally:
            self._socket.abort()

    def _closed(self, closing: "asyncio.Future[object]") -> None:
        error = None if closing.cancelled() else closing.exception()
        self.lose(explain(error, self.url, "read"))

    def _cancelled(self, _: object) -> None:
        self.lose(BrokerError(f"RabbitMQ at {self.url.server} has deleted the queue that is read", temporary=True))

    async def _check_exchange(self) -> None:
        channel = await self.open_channel()
        if self._queue is None:
            await channel.exchange_declare(self.url.exchange, passive=True)
        else:  # it may have been deleted and made anew, and the binding is gone with the old one
            await self._bind(channel, self._queue)
        await channel.close()

    async def _check_permission_to_write(self) -> None:
        """Find out now, since a refused post ends its channel: unbinding what nobody bound needs the same right."""
        channel = await self.open_channel()
        await channel.exchange_unbind(self.url.exchange, self.url.exchange, routing_key="oyez-nothing")
        await channel.close()

    def _unrouted(self) -> None:
        self.is_unbound = True
        self.lose(BrokerError(f"the exchange {self.url.exchange!r} at {self.url.server} was made anew", temporary=True))

    def _posting_failed(self) -> None:
        self.lose(BrokerError("posts could not be published after an error of ours", temporary=True))

    async def _watch(self) -> None:
        """Ask for a sign of life now and then: a silent server, a deleted exchange, one that takes no posts."""
        connection = self._connection
        loop = asyncio.get_running_loop()
        look_at = loop.time() + self.url.heartbeat_s
        while True:
            await asyncio.sleep(min(_BLOCK_LOOK_S, self.url.heartbeat_s))
            if await self._look_for_block(connection.ready()) or loop.time() < look_at:
                continue
            look_at = loop.time() + self.url.heartbeat_s
            try:
                async with asyncio.timeout(self.url.heartbeat_s):
                    await self._check_exchange()
            except TimeoutError:
                if await self._look_for_block(connection.ready()):
                    continue
                self.lose(BrokerError(f"no answer within {self.url.heartbeat_s} s", temporary=True))
            except Exception as error:  # noqa: BLE001  # whatever it is, this connection is no good
                self.lose(explain(error, self.url, "read"))

    async def _look_for_block(self, ready: Awaitable[Any]) -> bool:
        """See whether RabbitMQ has told us that it takes no posts: its memory or its disk is full."""
        asking = asyncio.ensure_future(ready)
        done, _ = await asyncio.wait({asking}, timeout=0.001)
        asking.cancel()
        blocked = not done
        if blocked and not self.is_blocked:
            logger.warning("RabbitMQ at %s takes no posts: its memory or its disk is full", self.url.server)
        self.is_blocked = blocked
        return blocked


def was_returned(error: BrokerError) -> bool:
    """Return whether a message was not taken because there is no queue for it."""
    cause = error.__cause__
    return isinstance(cause, DeliveryError) and isinstance(cause.frame, commands.Basic.Return)


class _Socket(TransportFactory):
    """Makes the library's socket, and can cut it: the library would wait until a dead one takes its last bytes."""

    def __init__(self) -> None:
        self._writer: StreamWriter | None = None

    async def create(self, url: URL, **options: Any) -> tuple[StreamReader, StreamWriter]:
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, self._writer = await factory.create(url, **options)
        return reader, self._writer

    def abort(self) -> None:
        """Close the socket at once, with what was not sent."""
        if self._writer is not None:
            self._writer.transport.abort()
