"""The channel of AMQP on which events are published, many at a time.

Knows publisher confirms. Must not know ids, or who waits for a post.

The client library's own ways to publish wait for the confirm, so they would cost a task for each post: 340 us of CPU
for a post and its way back, where this takes 150. It writes the same frames and keeps the same books as
`aiormq.Channel.basic_publish`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from aiormq.abc import AbstractChannel, ChannelFrame, FrameType
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError, DeliveryError
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

logger = logging.getLogger(__name__)

# What goes into one write to the socket, unless a single event is larger.
_WRITE_BYTES = 64 * 1024

Answered = Callable[[int, str], None]
"""Called with a post's number, and with why the server has not taken it; empty: it has."""


class Message(NamedTuple):
    """A post as it is published."""

    number: int
    message_id: str
    body: bytes


class PostingChannel:
    """Publishes to one exchange, in the order in which it is asked.

    Args:
        channel: open, in confirm mode, and used by nobody else.
        exchange: where to publish; no name is the server's default one.
        routing_key: with which key.
        answered: told once for each message, unless the channel closes before.
        unrouted: told when no queue is bound to the exchange.
        failed: told when nothing more is published after an error of ours.
    """

    def __init__(
        self,
        channel: AbstractChannel,
        exchange: str,
        routing_key: str,
        answered: Answered,
        unrouted: Callable[[], None],
        *,
        failed: Callable[[], None],
    ) -> None:
        assert isinstance(channel, Channel)  # its books are kept here
        self._channel = channel
        self._publish = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)
        self._answered = answered
        self._unrouted = unrouted
        self._failed = failed
        self._waiting: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._writer = asyncio.get_running_loop().create_task(self._write())

    def publish(self, message: Message) -> None:
        """Publish a message; it may wait for those before it."""
        self._waiting.append(message)
        self._wake.set()

    def close(self) -> None:
        """Drop what waits, and publish nothing more."""
        self._writer.cancel()
        self._waiting.clear()

    async def _write(self) -> None:
        channel = self._channel
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting and not channel.is_closed:
                    frames = self._take_frames()
                    await channel.write_queue.put(ChannelFrame.marshall(channel.number, frames))
        except Exception:
            logger.exception("posts cannot be published after an error of ours; RabbitMQ is connected to anew")
            self._failed()

    def _take_frames(self) -> list[FrameType | ContentBody]:
        """Return the frames of what waits, as far as they fit into one write."""
        frames: list[FrameType | ContentBody] = []
        size = 0
        while self._waiting and size < _WRITE_BYTES:
            message = self._waiting.popleft()
            size += len(message.body)
            self._await_confirm(message)
            frames += (self._publish, self._header(message))
            most = self._channel.max_content_size
            frames += (ContentBody(message.body[at : at + most]) for at in range(0, len(message.body), most))
        return frames

    def _header(self, message: Message) -> ContentHeader:
        properties = commands.Basic.Properties(
            content_type="application/json", delivery_mode=1, message_id=message.message_id, app_id="oyez"
        )
        return ContentHeader(body_size=len(message.body), properties=properties)

    def _await_confirm(self, message: Message) -> None:
        """Keep the channel's books: it sets the future when the server answers, and finds it by the id on a return."""
        channel = self._channel
        channel.delivery_tag += 1
        confirmation = asyncio.get_running_loop().create_future()
        confirmation.add_done_callback(partial(self._confirm, message))
        channel.confirmations[channel.delivery_tag] = confirmation
        channel.message_id_delivery_tag[message.message_id] = channel.delivery_tag

    def _confirm(self, message: Message, confirmation: "asyncio.Future[object]") -> None:
        self._channel.message_id_delivery_tag.pop(message.message_id, None)
        problem = ""
        if confirmation.cancelled():
            problem = "the channel closed"
        elif isinstance(error := confirmation.exception(), AMQPError):
            problem = str(error) or type(error).__name__
            if isinstance(error, DeliveryError) and isinstance(error.frame, commands.Basic.Return):
                self._unrouted()
        elif error is not None:
            problem = repr(error)
        self._answered(message.number, problem)
