"""Notices over an exchange: each daemon holds all, tells those that it is told of, and is told the rest when it comes.

Knows who is to be told what, and who waits for it. Must not know what notices say.

What is told goes to the exchange, so that all daemons have it at once; with a stream into another one beside that too,
from which it is read back. A daemon that connects asks for what it has missed, and tells what it knows if there is no
stream: nobody else could say.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from oyez.brokers.rabbitmq.connection import AmqpConnection
from oyez.brokers.rabbitmq.held_notices import HeldNotices
from oyez.brokers.rabbitmq.notice_stream import NoticeStream
from oyez.errors import BrokerError, ProtocolError
from oyez.hub.notices import Notice, SettleNotice, TakeNotice
from oyez.wire import amqp_notices

logger = logging.getLogger(__name__)

_PATIENCE_S = 3.0  # with an answer to what is told: whoever revokes waits for 5 s
_MOST_WAITING = 10_000  # that are told, and not answered yet
_ANSWER_PAUSE_S = 1.0  # between two answers to those who ask: they are told to all


class _Told(NamedTuple):
    """A notice on its way: to all (``to_all``), into the stream (``to_keep``); settled with ``settle``."""

    notice: Notice
    settle: SettleNotice | None = None
    to_all: bool = True
    to_keep: bool = True


class ExchangeNotices:
    """What a broker on an exchange has besides events.

    Args:
        exchange: the one that all daemons read.
        stream: in which notices are kept; None: they are forgotten when no daemon is there.
        now_s: seconds since 1970.
        newest_us: microseconds since 1970, now, and not below the id of any event that was seen.
        note: told of records that cannot be read.
    """

    def __init__(
        self,
        exchange: str,
        stream: NoticeStream | None,
        now_s: Callable[[], float],
        newest_us: Callable[[], int],
        note: Callable[[str, str], None],
    ) -> None:
        self._exchange = exchange
        self._stream = stream
        self._now_s = now_s
        self._newest_us = newest_us
        self._note = note
        self._take: TakeNotice | None = None
        self._own = f"{amqp_notices.NOTICES}{uuid.uuid4().hex}-"
        self._number = 0
        self._held = HeldNotices()
        self._tells: deque[_Told] = deque()
        self._answers: deque[_Told] = deque()  # to whoever asked; what is new goes before them
        self._under_way: list[_Told] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._answer: asyncio.TimerHandle | None = None
        self._answered_at = float("-inf")

    def hear(self, take: TakeNotice) -> None:
        """Set who takes notices."""
        self._take = take

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        """Tell all daemons; it is taken, and then settled, when RabbitMQ has confirmed it."""
        if len(notice.name) + len(notice.text) > amqp_notices.MOST_BYTES:
            settle(BrokerError(f"a notice is larger than {amqp_notices.MOST_BYTES} bytes", temporary=False))
            return
        problem = self._refusal(notice)
        if problem:
            settle(BrokerError(problem, temporary=True))
            return
        self._tells.append(_Told(notice, settle))
        self._wake.set()

    def _refusal(self, notice: Notice) -> str:
        if self._writer is None:
            return "RabbitMQ cannot be reached"
        if len(self._tells) >= _MOST_WAITING or not self._held.has_room_for(notice, self._now()):
            return "too many notices are under way, or remembered"
        return ""

    # Connections

    async def begin(self, connection: AmqpConnection) -> None:
        """Learn what was told before, and go on telling; nothing, if nobody hears.

        Raises:
            BrokerError: it cannot be done; temporary if waiting may help.
        """
        if self._take is None:
            return
        if self._stream is not None:
            await self._read(connection, self._stream)
        await self._publish(connection, (), asks=True)
        if self._stream is None:  # whoever started while this daemon was away has asked, and not been told
            self._answers.extend(self._all_for_others())
        self._wake.set()
        self._writer = asyncio.get_running_loop().create_task(self._write(connection))

    def end(self, error: BrokerError) -> None:
        """Tell nothing more over this connection, and settle what is under way with an error."""
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None
        unsettled = [*self._under_way, *self._tells]
        self._under_way = []
        self._tells.clear()
        self._answers.clear()
        for told in unsettled:
            _settle(told, error)

    async def _read(self, connection: AmqpConnection, stream: NoticeStream) -> None:
        """Read back what the stream has kept; what this daemon knows besides is added to it."""
        kept = HeldNotices()

        def take(message_id: str, body: bytes) -> None:
            for notice in self._parse(message_id, body).notices:
                kept.add(Notice(*notice), self._now())

        await stream.read(connection, self._newest_us(), take)
        now_s = self._now()
        missing = [notice for notice in self._held.all(now_s) if kept.add(notice, now_s)]
        self._answers.extend(_Told(notice, to_all=False) for notice in missing)
        self._learn(kept.all(now_s))

    async def _write(self, connection: AmqpConnection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._tells or self._answers:
                error = await self._publish_next(connection)
                if self._writer is not asyncio.current_task():
                    return  # the library may make an error of its own of being cancelled
                done, self._under_way = self._under_way, []
                if error is None:
                    self._learn(told.notice for told in done)
                for told in done:
                    _settle(told, error)

    async def _publish_next(self, connection: AmqpConnection) -> BrokerError | None:
        """Publish as many as fit into a record; return why they are not taken, or None."""
        self._under_way = batch = self._take_batch()
        to_all, to_keep = ([told.notice for told in batch if chosen(told)] for chosen in (_is_to_all, _is_to_keep))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                if to_keep and self._stream is not None:
                    await self._keep(connection, self._stream, to_keep)
                if to_all:
                    await self._publish(connection, to_all)
        except BrokerError as error:
            return error
        except TimeoutError:
            return BrokerError(f"RabbitMQ gave no answer within {_PATIENCE_S:g} s", temporary=True)
        except Exception as error:
            logger.exception("notices are refused after an error of ours")
            return BrokerError(f"an error of ours: {error}", temporary=False)
        return None

    async def _keep(self, connection: AmqpConnection, stream: NoticeStream, notices: Iterable[Notice]) -> None:
        if await stream.keep(connection, self._next_id(), self._encode(notices)):
            logger.warning("the stream %r was gone, and is made anew from what is known here", stream.name)
            self._answers.extend(_Told(notice, to_all=False) for notice in self._held.all(self._now()))

    def _take_batch(self) -> list[_Told]:
        waiting = self._tells or self._answers
        batch: list[_Told] = []
        size = 0
        while waiting:
            size += len(waiting[0].notice.name) + len(waiting[0].notice.text)
            if batch and (size > amqp_notices.MOST_BYTES or len(batch) >= amqp_notices.MOST_NOTICES):
                break
            batch.append(waiting.popleft())
        return batch

    async def _publish(self, connection: AmqpConnection, notices: Iterable[Notice], *, asks: bool = False) -> None:
        body = self._encode(notices, asks=asks)
        await connection.publish("tell all daemons", self._exchange, "#", self._next_id(), body)

    def _encode(self, notices: Iterable[Notice], *, asks: bool = False) -> bytes:
        return amqp_notices.encode_notices(self._newest_us(), notices, asks=asks)

    def _now(self) -> int:
        return int(self._now_s())

    def _next_id(self) -> str:
        self._number += 1
        return f"{self._own}{self._number}"

    # What comes

    def receive(self, message_id: str, body: bytes, *, is_old: bool) -> None:
        """Take a mark of the exchange; what holds no notices is passed over.

        Args:
            message_id: AMQP's.
            body: as `oyez.wire.amqp_notices` has it.
            is_old: whether it was published before this daemon connected: what it asks for has been answered, and what
                it says is read from the stream of notices, or asked for.
        """
        if self._take is None or is_old:
            return
        record = self._parse(message_id, body)
        self._learn(Notice(*notice) for notice in record.notices)
        is_of_another = not message_id.startswith(self._own)
        if record.asks and is_of_another and self._writer is not None and self._answer is None:
            loop = asyncio.get_running_loop()
            self._answer = loop.call_at(self._answered_at + _ANSWER_PAUSE_S, self._tell_all)

    def _parse(self, message_id: str, body: bytes) -> amqp_notices.NoticesRecord:
        if message_id.startswith(amqp_notices.NOTICES):
            try:
                return amqp_notices.parse_notices(body)
            except ProtocolError as error:
                self._note("bad-record", f"a message of the exchange holds no notices: {error}")
        return amqp_notices.NoticesRecord((), asks=False)

    def _learn(self, notices: Iterable[Notice]) -> None:
        now_s = self._now()
        for notice in notices:
            if self._held.add(notice, now_s) and self._take is not None:
                try:
                    self._take(notice.text)
                except Exception:
                    logger.exception("a notice counts for nothing after an error of ours")

    def _tell_all(self) -> None:
        """Tell all that is known, to whoever asked for it."""
        loop = asyncio.get_running_loop()
        if self._answers:  # some of them went before this one asked
            self._answer = loop.call_later(_ANSWER_PAUSE_S, self._tell_all)
            return
        self._answer = None
        self._answered_at = loop.time()
        self._answers.extend(self._all_for_others())
        self._wake.set()

    def _all_for_others(self) -> list[_Told]:
        return [_Told(notice, to_keep=False) for notice in self._held.all(self._now())]


def _is_to_all(told: _Told) -> bool:
    return told.to_all


def _is_to_keep(told: _Told) -> bool:
    return told.to_keep


def _settle(told: _Told, error: BrokerError | None) -> None:
    """Answer whoever told it, whose errors are their own."""
    if told.settle is None:
        return
    try:
        told.settle(error)
    except Exception:
        logger.exception("whoever told a notice gets no answer after an error of ours")
