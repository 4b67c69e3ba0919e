"""The stream behind one link: read back, followed, looked at, and begun anew when it is not the one that it was.

Knows which script is run when. Must not know connections, nor when there is a link.
"""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import Any

from oyez.brokers.redis.context import RedisContext
from oyez.brokers.redis.errors import FullError, StoreChangedError
from oyez.brokers.redis.intake import LogMismatchError, RedisIntake
from oyez.brokers.redis.link import Part, RedisLink
from oyez.brokers.redis.log import LogPlace, LogPosition, StreamState
from oyez.brokers.redis.pending import PostBatch
from oyez.brokers.redis.scripts import BEGIN, LOOK, POST, RAISE
from oyez.brokers.redis.url import RedisUrl
from oyez.errors import BrokerError
from oyez.hub.publication import EventId

logger = logging.getLogger(__name__)

_PAGE = 500  # entries that are read at once
_SLICE_BYTES = 2**20  # that are delivered in a turn of the loop
_BLOCK_S = 1.0  # for how long a read waits for something new
_REPLICAS_MS = 2000  # for how long replicas are waited for
_MARGIN = 60_000  # ids between two epochs: another daemon may have read more than the one that begins, or Redis, knows
_MOST_TRIES = 5  # to begin an epoch, while others do so too

Entries = Sequence[Sequence[Any]]  # as Redis writes them: an id, and fields


class RedisStream:
    """The stream that a URL names.

    Args:
        url: the broker's.
        position: the daemon's place in it.
        intake: where entries go.
        context: what the daemon says about the events.
    """

    def __init__(self, url: RedisUrl, position: LogPosition, intake: RedisIntake, context: RedisContext) -> None:
        self._replicas = url.replicas
        self._position = position
        self._intake = intake
        self._context = context
        prefix = f"{{{url.name}}}"  # in braces: a cluster of Redis keeps such keys together
        self._keys = (f"{prefix}:events", f"{prefix}:epoch")
        self._notices = f"{prefix}:notices"
        self._cursor = b"0-0"

    async def begin(self, link: RedisLink) -> EventId:
        """Read back what is young enough, and stand at the end; return the horizon."""
        state = await self._look_or_begin(link)
        horizon = EventId(max(state.born, state.gone, state.time_ms - self._context.ttl_ms))
        reached = EventId(max(horizon, state.last))
        await self._give_none_up_to(link, reached)
        self._position.take_over(state)
        self._position.skip_to(horizon)
        self._intake.skips_notices = True  # those of use are kept beside the events
        self._stand_after_newest()
        page = await self._read_page(link)
        # Another daemon may have trimmed between the look and the page, whose first entry has none to come after.
        gone = (await self._ask_state(link, self._position.place)).gone
        horizon = EventId(max(horizon, min(gone, _id_before(page[0])) if page else gone))
        if len(page) == _PAGE:
            await self._read_back(link)
        await self._read_notices(link)
        self._position.pass_by(reached)
        self._intake.last_id = self._position.place.newest
        return horizon

    async def begin_late(self, link: RedisLink, horizon: EventId) -> None:
        """Stand at the end after a start without a store: what was posted meanwhile may be missing."""
        state = await self._look_or_begin(link)
        reached = EventId(max(horizon, state.last))
        await self._give_none_up_to(link, reached)
        self._position.take_over(state)
        await self._read_notices(link)
        self._intake.lose(reached)
        self._stand_after_newest()

    async def resume(self, link: RedisLink) -> None:
        """Go on after what was read last; report a loss if the stream is not the one that it was, or was trimmed."""
        state = await self._look_or_begin(link)
        if state.epoch != self._position.place.epoch:
            logger.warning("the events in Redis are others than before, or a part is lost: listeners are told of a gap")
            self._intake.lose(state.born)
            self._position.take_over(state)
            await self._read_notices(link)
        self._stand_after_newest()
        await self._read_back(link)
        if state.gone > self._position.place.newest:  # all that was missed, so no entry has told of it
            self._intake.lose(state.gone)
            self._stand_after_newest()
        await self._read_notices(link)  # those that were trimmed with the events

    async def follow(self, link: RedisLink) -> None:
        """Deliver what comes, until the link is lost or the stream is another one."""
        while True:
            entries = await self._read(link, _BLOCK_S)
            try:
                await self._take(entries, None)
            except LogMismatchError:
                raise StoreChangedError("what comes from Redis does not follow what was read before") from None

    async def look(self, link: RedisLink) -> None:
        """Trim the stream, and require that it is the one that was read.

        Raises:
            StoreChangedError: it is another, or has lost a part.
        """
        place = self._position.place
        state = await self._ask_state(link, place, trim=True)
        if not place.is_in(state) or (state.is_empty and state.gone > self._position.place.newest):
            raise StoreChangedError("the events in Redis are others than before, or a part is lost")

    async def post(self, link: RedisLink, batch: PostBatch) -> int:
        """Have a batch taken; return the id of its first event.

        Raises:
            BrokerError: it was not taken, or nobody knows: the link is lost.
        """
        head = (self._position.place.epoch, self._intake.now_ms(), self._context.skew_ms, batch.nonce)
        notice = batch.calls[0].notice
        if notice is not None:
            tail = (notice.name, b"%d %b" % (notice.until_s, notice.text))
            return int(await link.run(POST, (*self._keys, self._notices), *head, *tail))
        parts = [part for call in batch.calls for encoded in call.encoded for part in encoded]
        if not self._replicas:
            return int(await link.run(POST, self._keys, *head, *parts))
        wait = ("WAIT", self._replicas, _REPLICAS_MS)
        first, replicas = await link.run_with(POST, self._keys, (*head, *parts), [wait])
        if replicas < self._replicas:
            raise FullError(f"only {replicas} replicas of Redis have the post in time; it may be taken all the same")
        return int(first)

    # What stands in the stream

    async def _look_or_begin(self, link: RedisLink) -> StreamState:
        """Return the state of a stream that goes on after what was read; where it does not, its epoch is over."""
        for _ in range(_MOST_TRIES):
            place = self._position.place
            state = await self._ask_state(link, place)
            if place.is_in(state) or (state.epoch != place.epoch and state.epoch and state.born >= place.newest):
                return state
            new, now_ms = uuid.uuid4().hex, self._intake.now_ms()
            await link.run(BEGIN, self._keys, state.epoch, new, place.newest, now_ms, self._context.skew_ms, _MARGIN)
        raise BrokerError("the events in Redis are begun anew by others again and again", temporary=True)

    async def _ask_state(self, link: RedisLink, place: LogPlace, *, trim: bool = False) -> StreamState:
        bounds: tuple[Part, Part] = (self._context.keep_ms, self._context.history.max_bytes) if trim else ("", 0)
        answer = await link.run(LOOK, (*self._keys, self._notices), place.entry, *bounds)
        epoch, born, last, gone, found, time_ms, length = answer
        self._intake.note_store_time(time_ms)
        return StreamState(epoch, EventId(born), EventId(last), EventId(gone), found, time_ms, length == 0)

    async def _read_back(self, link: RedisLink) -> None:
        """Deliver page by page what is there."""
        entries = await self._read_page(link)
        while len(entries) == _PAGE:
            entries = await self._read_page(link)

    async def _read_page(self, link: RedisLink) -> Entries:
        """Deliver the next page of what is there, and return it; where something is missing before an entry, say so."""
        entries = await self._read(link, 0)
        while True:
            try:
                await self._take(entries, self._intake.now_ms())
            except LogMismatchError as mismatch:
                self._intake.lose(EventId(mismatch.event_id - 1))  # after which it follows
            else:
                return entries

    async def _take(self, entries: Entries, now_ms: int | None) -> None:
        """Deliver entries, with a turn of the loop after each MiB: what a daemon sends waits for no whole page."""
        begin = size = 0
        for end, (_, fields) in enumerate(entries, 1):
            size += sum(map(len, fields))
            if size >= _SLICE_BYTES and end < len(entries):
                self._intake.take(entries[begin:end], now_ms)
                begin, size = end, 0
                await asyncio.sleep(0)
        self._intake.take(entries[begin:], now_ms)

    def _stand_after_newest(self) -> None:
        self._cursor = b"%d-0" % self._position.place.newest

    async def _read(self, link: RedisLink, block_s: float) -> Entries:
        block: tuple[Part, ...] = ("BLOCK", int(block_s * 1000)) if block_s else ()
        answer = await link.read(("XREAD", "COUNT", _PAGE, *block, "STREAMS", self._keys[0], self._cursor), block_s)
        if not answer:
            return ()
        entries: Entries = answer[0][1]
        self._cursor = entries[-1][0]
        return entries

    async def _give_none_up_to(self, link: RedisLink, event_id: EventId) -> None:
        """Have no id given any more up to this one. Before one stands there: a stream that ends below it is another."""
        await link.run(RAISE, self._keys, event_id)

    async def _read_notices(self, link: RedisLink) -> None:
        self._intake.tell_all(await link.ask("HVALS", self._notices))


def _id_before(entry: Sequence[object]) -> int:
    """Return the highest id below an entry, as Redis writes that."""
    raw_id = entry[0]
    return int(raw_id.partition(b"-")[0]) - 1 if isinstance(raw_id, bytes) else 0
