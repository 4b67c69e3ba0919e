"""What is read of a stream of RabbitMQ: a queue that keeps what was read, so that it can be read again.

Knows offsets, and which ids are complete. Must not know what events say.
"""

import asyncio
import math

from aiormq.abc import AbstractChannel, DeliveredMessage

from oyez.brokers.rabbitmq.connection import AmqpConnection
from oyez.brokers.rabbitmq.ids import US_PER_S
from oyez.brokers.rabbitmq.intake import Intake, is_daemons
from oyez.brokers.rabbitmq.stream_queue import (
    OFFSET,
    PREFETCH,
    Acknowledging,
    Arrival,
    declare_stream,
    new_marker,
    no_stream,
    publish_marker,
    read_arrival,
)
from oyez.errors import BrokerError
from oyez.hub.publication import EventId
from oyez.wire.amqp_notices import MARK, read_time

_ASKING_S = 60  # what finding the place to begin at may take; so much more is read

# A new stream: whole segments are dropped, so what it keeps is longer than what is asked for by up to one of them.
_KEEP_FACTOR = 2
_LEAST_KEEP_S = 3600
_MOST_BYTES = 1024**3
_SEGMENT_BYTES = 16 * 1024**2


class StreamFeed:
    """Reads a stream that is bound to the exchange; several daemons may read the same.

    Args:
        intake: where events go.
        name: the stream's.
        replay_s: how old the events are that are read back at start.
        skew_us: by how much clocks may differ.
    """

    def __init__(self, intake: Intake, name: str, replay_s: float, skew_us: int) -> None:
        self._intake = intake
        self._name = name
        self._replay_s = replay_s
        self._skew_us = skew_us
        self._next_offset: int | None = None
        self._begin_us = 0
        self._first: Arrival | None = None  # the oldest message, while none has been read at start
        self._expects_offset = False
        self._skipping = False
        self._marker = ""
        self._marker_came = asyncio.Event()
        self._received = 0

    async def begin(self, connection: AmqpConnection) -> EventId:
        """Read back what is young enough, until the stream's end as it is now."""
        begin_us = self._intake.now_us()
        # Whatever was published before has an id that is lower than this by twice the skew at most: the poster's
        # clock and RabbitMQ's may differ from ours.
        since_us = begin_us - math.ceil(self._replay_s * US_PER_S) - 2 * self._skew_us
        channel = await self._open(connection)
        first = await self._peek(connection)
        self._intake.catching_up = True
        self._intake.horizon = EventId(max(since_us, 0) + 2 * self._skew_us)
        self._first, self._begin_us = first, begin_us
        # By RabbitMQ's own clock, whatever ours says; it goes on while we ask.
        await self._consume(connection, channel, f"{math.ceil((begin_us - since_us) / US_PER_S) + _ASKING_S}s")
        await self._publish_marker(connection)
        await self._await_marker(connection.answer_timeout_s)
        return self._intake.skip_to_horizon()

    async def resume(self, connection: AmqpConnection) -> None:
        """Go on after what was read last; report a loss if the stream has dropped what follows."""
        self._first = None
        channel = await self._open(connection)
        self._intake.catching_up = True
        self._skipping = self._next_offset is None
        self._expects_offset = not self._skipping
        await self._consume(connection, channel, "next" if self._next_offset is None else self._next_offset)
        await self._publish_marker(connection)
        await self._await_marker(connection.answer_timeout_s)

    def missed(self) -> None:
        """Skip what the stream has up to its end of then: something is missing before it."""
        self._next_offset = None

    # The stream's end

    async def _publish_marker(self, connection: AmqpConnection) -> None:
        self._marker = new_marker()
        self._marker_came.clear()
        await publish_marker(connection, self._name, self._marker, self._intake.now_us())

    async def _await_marker(self, patience_s: float) -> None:
        """Wait for the marker, for as long as there is anything that comes.

        Raises:
            BrokerError: nothing came for so many seconds.
        """
        while not self._marker_came.is_set():
            received = self._received
            try:
                async with asyncio.timeout(patience_s):
                    await self._marker_came.wait()
            except TimeoutError:
                if received == self._received:
                    self._next_offset = None  # perhaps the stream was made anew by others, and has not come so far yet
                    raise BrokerError(f"the stream {self._name!r} gives nothing", temporary=True) from None

    # The queue

    async def _open(self, connection: AmqpConnection) -> AbstractChannel:
        """Return a channel to read the stream on; the stream is made if it is not there."""
        keep_s = max(math.ceil(self._replay_s * _KEEP_FACTOR), _LEAST_KEEP_S)
        if await declare_stream(connection, self._name, keep_s=keep_s, keep_bytes=_MOST_BYTES, segment=_SEGMENT_BYTES):
            self._next_offset = None  # if there was one before, it is gone with all that it kept
        channel: AbstractChannel = await connection.ask("open a channel", connection.open_channel(watched=True))
        await connection.bind("bind the stream", channel, self._name)
        await connection.ask("read the stream", channel.basic_qos(prefetch_count=PREFETCH), self._name)
        return channel

    async def _peek(self, connection: AmqpConnection) -> Arrival:
        """Publish a marker, and return the first message that the stream still has, which may be that one."""
        channel: AbstractChannel = await connection.ask("open a channel", connection.open_channel())
        first: asyncio.Future[Arrival | None] = asyncio.get_running_loop().create_future()

        async def take(message: DeliveredMessage) -> None:
            if not first.done():
                first.set_result(read_arrival(message))

        await connection.ask("read the stream", channel.basic_qos(prefetch_count=1), self._name)
        reading = channel.basic_consume(self._name, take, arguments={OFFSET: "first"})
        await connection.ask("read the stream", reading, self._name)
        await self._publish_marker(connection)  # not before: what is no stream has refused to be read by offset
        arrival = await connection.ask("read the stream", first)
        await connection.ask("close a channel", channel.close())
        if arrival is None:
            raise no_stream(self._name)
        assert isinstance(arrival, Arrival)
        return arrival

    async def _consume(self, connection: AmqpConnection, channel: AbstractChannel, offset: int | str) -> None:
        acknowledging = Acknowledging(channel)

        async def receive(message: DeliveredMessage) -> None:
            if connection.lost.done():
                return  # late: the next connection reads it again
            arrival = read_arrival(message)
            if arrival is None:
                connection.lose(no_stream(self._name))
                return
            try:
                self._receive(arrival)
            except Exception:  # noqa: BLE001 - it is logged there
                self._intake.lose_by_error()
            await acknowledging.took(message)

        reading = channel.basic_consume(self._name, receive, arguments={OFFSET: offset})
        await connection.ask("read the stream", reading, self._name)

    # What comes

    def _receive(self, arrival: Arrival) -> None:
        if self._first is not None:
            self._intake.horizon = self._find_horizon(arrival, self._first)
            self._first = None
        elif self._expects_offset and arrival.offset != self._next_offset:
            self._intake.lose()  # retention has dropped what follows, or the stream was made anew
        self._expects_offset = False
        self._received += 1
        if not self._skipping:
            self._next_offset = arrival.offset + 1
        if arrival.message_id == self._marker:
            self._reach_end(arrival)
        elif arrival.message_id.startswith(MARK) or not self._skipping:
            self._intake.take(arrival.message_id, arrival.body)

    def _reach_end(self, marker: Arrival) -> None:
        if self._skipping:  # what came before the marker may be a part of what was published while nobody read
            self._skipping = False
            self._next_offset = marker.offset + 1
            self._intake.lose()
        self._intake.catching_up = False
        self._marker_came.set()

    def _find_horizon(self, arrival: Arrival, first: Arrival) -> EventId:
        """Find the id up to which events may be missing, at the first message that is read.

        All from that one on is read. What came before it has ids that are lower, or higher by twice the skew at most;
        if it was a daemon's, that holds whatever the clocks said, for daemons' ids rise. If there is none before it,
        the stream may have dropped some, or have been made later.
        """
        horizon = self._intake.horizon
        arrival_us = self._time_of(arrival)
        if arrival.offset == first.offset:
            return EventId(min(arrival_us + 2 * self._skew_us, max(arrival_us, self._begin_us)))
        if arrival_us > self._begin_us + 2 * self._skew_us:  # a clock was ahead: what is not read may be so, too
            return EventId(arrival_us - 1)
        if is_daemons(arrival.message_id):
            horizon = min(horizon, EventId(arrival_us - 1 + 2 * self._skew_us))
        return min(horizon, EventId(self._begin_us))

    def _time_of(self, arrival: Arrival) -> int:
        """Return when a message was published, by its poster's clock in microseconds; if it does not say, our start."""
        is_mark = arrival.message_id.startswith(MARK)
        given = read_time(arrival.body) if is_mark else self._intake.read_id(arrival.body)
        return self._begin_us if given is None else given
