"""The one road from the stream to the hub: entries become events, and own posts are known again.

Knows entries, the place in the stream, and own posts. Must not know connections or scripts.
"""

import logging
from collections.abc import Sequence

from oyez.brokers.clocks import HIGHEST_TIME, as_id
from oyez.brokers.redis.context import RedisContext
from oyez.brokers.redis.entries import LogEntry, parse_post, read_entry, read_time_ms
from oyez.brokers.redis.log import LogPosition
from oyez.brokers.redis.pending import PendingBatches
from oyez.errors import ProtocolError
from oyez.hub.broker import Deliver, Lose
from oyez.hub.notices import TakeNotice
from oyez.hub.publication import EventId, Publication

logger = logging.getLogger(__name__)


class LogMismatchError(Exception):
    """An entry does not follow the one that was read before it: something is missing, or the stream is another."""

    def __init__(self, event_id: EventId) -> None:
        super().__init__(event_id)
        self.event_id = event_id


class RedisIntake:
    """Delivers what is read, in its order.

    Args:
        position: the daemon's place in the stream.
        pending: own posts that are to come back.
        context: what the daemon says about them.

    Attributes:
        take_notice: told each notice.
        last_id: the newest id of an event that was delivered, or may be missing; a notice has one too.
        skips_notices: whether those among the events are passed by, until `tell_all`.
    """

    def __init__(self, position: LogPosition, pending: PendingBatches, context: RedisContext) -> None:
        self._position = position
        self._pending = pending
        self._context = context
        self._off_ms = 0  # by how much the wall clock is not believed
        self._deliver: Deliver | None = None
        self._lose: Lose | None = None
        self.take_notice: TakeNotice = lambda _: None
        self.last_id = EventId(0)
        self.skips_notices = False

    def open(self, deliver: Deliver, lose: Lose) -> None:
        """Set where events and losses go."""
        self._deliver, self._lose = deliver, lose

    @property
    def is_open(self) -> bool:
        """Whether there is anybody to deliver to."""
        return self._deliver is not None

    def now_ms(self) -> int:
        """Read the wall clock, in milliseconds since 1970; it is believed as far as it may differ from Redis's."""
        return as_id(self._context.wall_clock(), 1000) + self._off_ms

    def note_store_time(self, time_ms: int) -> None:
        """Note what time it is by Redis."""
        now_ms, skew_ms = as_id(self._context.wall_clock(), 1000), self._context.skew_ms
        self._off_ms = min(max(now_ms, time_ms - skew_ms), time_ms + skew_ms) - now_ms

    def lose(self, up_to: EventId) -> None:
        """Report to the hub that events up to this id may be missing, and deliver none of them any more."""
        assert self._lose is not None
        self._position.skip_to(up_to)
        self.last_id = self._position.place.newest
        self._lose(self.last_id)

    def take(self, entries: Sequence[Sequence[object]], now_ms: int | None) -> None:
        """Deliver entries.

        Args:
            entries: pairs of an id and its fields, in their order.
            now_ms: the time by which their ages are told; None: they are new.

        Raises:
            LogMismatchError: one does not follow what was read last; those before it are delivered.
        """
        publications: list[Publication] = []
        try:
            for raw_id, raw_fields in entries:
                entry = read_entry(raw_id, raw_fields)
                if entry is None:
                    self._pass_foreign(raw_id)
                elif entry.id > self._position.place.newest:
                    if not self._position.place.is_before(entry):
                        raise LogMismatchError(entry.id)
                    self._position.stand_at(entry)
                    publication = self._read(entry, now_ms)
                    if publication is not None:
                        publications.append(publication)
        finally:
            self._hand_over(publications)

    def _pass_foreign(self, raw_id: object) -> None:
        """Count an entry, and note that it was read: else it would be missed when it is trimmed."""
        number = raw_id.partition(b"-")[0] if isinstance(raw_id, bytes) else b""
        if number.isdigit() and len(number) < 20 and int(number) <= HIGHEST_TIME:
            self._position.pass_by(EventId(int(number)))
        self._context.note("bad-record", "an entry of the stream is no daemon's")

    def _hand_over(self, publications: list[Publication]) -> None:
        assert self._deliver is not None
        if publications:
            self.last_id = publications[-1].id
            try:
                self._deliver(publications)
            except Exception:
                logger.exception("events are not delivered after an error of ours; listeners are told of a gap")
                self.lose(publications[-1].id)
        self._pending.settle_up_to(self._position.place.newest)

    def _read(self, entry: LogEntry, now_ms: int | None) -> Publication | None:
        fields = entry.fields
        if b"k" in fields:
            if not self.skips_notices:
                self._tell(fields[b"k"])
            return None
        clock_s = self._context.clock()
        batch = self._pending.find(entry.nonce)
        if batch is not None:
            if entry.before is not None:
                batch.came = entry.id
            place = entry.id - batch.came
            if place < len(batch.posts):
                post = batch.posts[place]  # without parsing it
                return Publication(entry.id, post.channel, post.message, post.attachments, clock_s)
        try:
            post = parse_post(fields, self._context.limits.max_channel_length)
        except ProtocolError as error:
            self._context.note("bad-record", f"an entry of the stream holds no event: {error}")
            return None
        if now_ms is not None:
            clock_s -= min(max(now_ms - read_time_ms(fields, now_ms), 0), self._context.ttl_ms) / 1000
        return Publication(entry.id, post.channel, post.message, post.attachments, clock_s)

    def tell_all(self, texts: Sequence[bytes]) -> None:
        """Hand on all notices that are kept; what is soon of no use comes first."""
        self.skips_notices = False
        for text in sorted(texts, key=_until):
            self._tell(text)

    def _tell(self, text: bytes) -> None:
        """Hand a notice on: the second until which it is of use, a space, and what it says."""
        if _until(text) * 1000 >= self.now_ms():
            self.take_notice(text.partition(b" ")[2])


def _until(text: bytes) -> int:
    until = text.partition(b" ")[0]
    return int(until) if until.isdigit() and len(until) < 16 else 0
