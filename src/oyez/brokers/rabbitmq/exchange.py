"""What is read of an exchange without a stream: everything from the moment on at which a queue is bound to it.

Knows the queue. Must not know what its messages say.
"""

from typing import Protocol

from aiormq.abc import AbstractChannel, DeliveredMessage

from oyez.brokers.rabbitmq.connection import AmqpConnection
from oyez.brokers.rabbitmq.intake import Intake
from oyez.hub.publication import EventId


class Feed(Protocol):
    """How the broker reads: of an exchange alone (`ExchangeFeed`), or of a stream bound to it (`StreamFeed`)."""

    async def begin(self, connection: AmqpConnection) -> EventId:
        """Read for the first time.

        Returns:
            The horizon: events up to this id may be missing.

        Raises:
            BrokerError: it cannot be read; temporary if waiting may help.
        """
        ...

    async def resume(self, connection: AmqpConnection) -> None:
        """Read again after an outage, and report a loss (`Intake.lose`) if there may be one.

        Raises:
            BrokerError: it cannot be read.
        """
        ...

    def missed(self) -> None:
        """Note that events passed by unseen, though the connection was there: the next `resume` reports a loss."""
        ...


class ExchangeFeed:
    """A queue of this daemon alone, bound to the exchange; RabbitMQ deletes it with the connection."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def begin(self, connection: AmqpConnection) -> EventId:
        """Bind a queue and read it."""
        channel, queue = await self._bind(connection)
        horizon = self._intake.skip_to_now()
        await self._consume(connection, channel, queue)
        return horizon

    async def resume(self, connection: AmqpConnection) -> None:
        """Bind a new queue: whatever was published meanwhile has passed unseen."""
        channel, queue = await self._bind(connection)
        self._intake.lose()  # the queue takes all that is published from now on, and nothing of it has been read yet
        await self._consume(connection, channel, queue)

    def missed(self) -> None:
        """Do nothing: each `resume` reports a loss."""

    async def _bind(self, connection: AmqpConnection) -> tuple[AbstractChannel, str]:
        channel: AbstractChannel = await connection.ask("open a channel", connection.open_channel(watched=True))
        declared = await connection.ask("make a queue", channel.queue_declare("", exclusive=True, auto_delete=True))
        queue = str(declared.queue)
        await connection.bind("bind a queue", channel, queue)
        return channel, queue

    async def _consume(self, connection: AmqpConnection, channel: AbstractChannel, queue: str) -> None:
        async def receive(message: DeliveredMessage) -> None:
            if connection.lost.done():
                return  # late: the next connection's queue may have it too, and what it has not is told as a gap
            try:
                self._intake.take(message.header.properties.message_id, message.body)
            except Exception:  # noqa: BLE001 - it is logged there
                self._intake.lose_by_error()

        await connection.ask("read a queue", channel.basic_consume(queue, receive, no_ack=True))
