"""The stream beside that of the events, in which notices are kept: it is small, and read whole.

Knows when it has been read to its end. Must not know what a record says, nor who is told.
"""

import asyncio
from collections.abc import Callable

from aiormq.abc import AbstractChannel, DeliveredMessage

from oyez.brokers.rabbitmq.connection import AmqpConnection, was_returned
from oyez.brokers.rabbitmq.stream_queue import (
    OFFSET,
    PREFETCH,
    Acknowledging,
    declare_stream,
    new_marker,
    no_stream,
    publish_marker,
    read_arrival,
)
from oyez.brokers.rabbitmq.url import NOTICES_END
from oyez.errors import BrokerError

_MOST_BYTES = 32 * 2**20  # some 150,000 revocations
_SEGMENT_BYTES = 2**20

_DOING = "read the stream of notices"


class NoticeStream:
    """Reads the stream at the beginning of each connection.

    Args:
        name: of the stream of events, beside which it is.
    """

    def __init__(self, name: str) -> None:
        self.name = name + NOTICES_END

    async def read(self, connection: AmqpConnection, time_us: int, take: Callable[[str, bytes], None]) -> bool:
        """Have all taken that it keeps, by message id and body; it is made if it is not there.

        Args:
            connection: to RabbitMQ.
            time_us: now, in microseconds since 1970.
            take: raises nothing.

        Returns:
            Whether it was made.

        Raises:
            BrokerError: it cannot be made or read; temporary if waiting may help.
        """
        is_new = await self._declare(connection)
        channel: AbstractChannel = await connection.ask("open a channel", connection.open_channel())
        try:
            await self._read(connection, channel, time_us, take)
        finally:
            connection.drop(channel)
        return is_new

    async def _declare(self, connection: AmqpConnection) -> bool:
        return await declare_stream(connection, self.name, keep_s=0, keep_bytes=_MOST_BYTES, segment=_SEGMENT_BYTES)

    async def _read(
        self, connection: AmqpConnection, channel: AbstractChannel, time_us: int, take: Callable[[str, bytes], None]
    ) -> None:
        acknowledging = Acknowledging(channel)
        marker = new_marker()
        came = asyncio.Event()
        ended: asyncio.Future[BrokerError | None] = asyncio.get_running_loop().create_future()

        async def receive(message: DeliveredMessage) -> None:
            came.set()
            arrival = read_arrival(message)
            if ended.done():
                return
            if arrival is None:
                ended.set_result(no_stream(self.name))
            elif arrival.message_id == marker:
                ended.set_result(None)
            else:
                take(arrival.message_id, arrival.body)
            await acknowledging.took(message)

        await connection.ask(_DOING, channel.basic_qos(prefetch_count=PREFETCH), self.name)
        reading = channel.basic_consume(self.name, receive, arguments={OFFSET: "first"})
        await connection.ask(_DOING, reading, self.name)
        await publish_marker(connection, self.name, marker, time_us)
        while True:
            came.clear()
            await asyncio.wait({ended}, timeout=connection.answer_timeout_s)
            if ended.done():
                break
            if not came.is_set():
                raise BrokerError(f"the stream {self.name!r} gives nothing", temporary=True)
        problem = ended.result()
        if problem is not None:
            raise problem

    async def keep(self, connection: AmqpConnection, message_id: str, body: bytes) -> bool:
        """Add a record; the stream is made if it is not there any more.

        Returns:
            Whether it was made, and so has nothing else.

        Raises:
            BrokerError: it is not kept, or nobody knows.
        """
        try:
            await self._add(connection, message_id, body)
        except BrokerError as error:
            if not was_returned(error):
                raise
        else:
            return False
        is_new = await self._declare(connection)
        await self._add(connection, message_id, body)
        return is_new

    async def _add(self, connection: AmqpConnection, message_id: str, body: bytes) -> None:
        await connection.publish("keep a notice", "", self.name, message_id, body)
