"""A queue of RabbitMQ's type stream: made if it is not there, its messages with their offsets, and its end.

Knows queues and offsets. Must not know what messages say.

Where a stream ends cannot be asked. So a marker is published into it: when it comes, all before it has come.
"""

import uuid
from typing import NamedTuple

from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import ChannelNotFoundEntity
from pamqp.common import FieldValue

from oyez.brokers.rabbitmq.connection import AmqpConnection
from oyez.errors import BrokerError
from oyez.wire.amqp_notices import MARK, encode_mark

OFFSET = "x-stream-offset"

PREFETCH = 1000  # messages that may be on their way, not acknowledged yet
ACK_EVERY = 250  # so that more come long before all of those are used up


class Arrival(NamedTuple):
    """A message of a stream."""

    offset: int
    message_id: str
    body: bytes


def read_arrival(message: DeliveredMessage) -> Arrival | None:
    """Read a message; None if it has no offset, as those of queues that are no streams."""
    properties = message.header.properties
    offset = (properties.headers or {}).get(OFFSET)
    return Arrival(offset, properties.message_id or "", message.body) if isinstance(offset, int) else None


class Acknowledging:
    """Acknowledges what comes on a channel, many messages at a time."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel
        self._unacknowledged = 0

    async def took(self, message: DeliveredMessage) -> None:
        """Note that a message was read."""
        self._unacknowledged += 1
        tag = message.delivery_tag
        if self._unacknowledged >= ACK_EVERY and not self._channel.is_closed and tag is not None:
            self._unacknowledged = 0
            await self._channel.basic_ack(tag, multiple=True, wait=False)


async def declare_stream(connection: AmqpConnection, name: str, *, keep_s: int, keep_bytes: int, segment: int) -> bool:
    """Make a stream, unless it is there: that is taken as it is.

    Args:
        connection: to RabbitMQ.
        name: the stream's.
        keep_s: how old messages may be; 0: any age.
        keep_bytes: how large the stream may be.
        segment: bytes of the pieces in which it is dropped.

    Returns:
        Whether it was made.

    Raises:
        BrokerError: it cannot be.
    """
    looking: AbstractChannel = await connection.ask("open a channel", connection.open_channel())
    try:
        await connection.ask("look for the stream", looking.queue_declare(name, passive=True), name)
    except BrokerError as error:
        if not isinstance(error.__cause__, ChannelNotFoundEntity):
            raise
    else:
        return False
    finally:
        connection.drop(looking)
    arguments: dict[str, FieldValue] = {
        "x-queue-type": "stream",
        "x-max-length-bytes": keep_bytes,
        "x-stream-max-segment-size-bytes": segment,
    }
    if keep_s:
        arguments["x-max-age"] = f"{keep_s}s"
    making: AbstractChannel = await connection.ask("open a channel", connection.open_channel())
    try:
        await connection.ask("make the stream", making.queue_declare(name, durable=True, arguments=arguments), name)
    finally:
        connection.drop(making)
    return True


def new_marker() -> str:
    """Return a message id that no other message has."""
    return f"{MARK}{uuid.uuid4().hex}"


async def publish_marker(connection: AmqpConnection, name: str, marker: str, time_us: int) -> None:
    """Publish a marker into a stream.

    Raises:
        BrokerError: it cannot be done.
    """
    await connection.publish(f"publish to the stream {name!r}", "", name, marker, encode_mark(time_us))


def no_stream(name: str) -> BrokerError:
    """Return what is wrong with a queue whose messages have no offsets."""
    return BrokerError(f"the queue {name!r} is no stream: name another one", temporary=False)
