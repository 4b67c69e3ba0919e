"""What becomes of a message: an event with an id that rises, or a note about a bad one.

Knows records, ids and own posts. Must not know connections, queues or streams.
"""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from oyez.brokers.clocks import as_id
from oyez.brokers.rabbitmq.ids import US_PER_S, IdSequence
from oyez.brokers.rabbitmq.pending import PendingPosts
from oyez.errors import ProtocolError
from oyez.hub.broker import Deliver, Lose
from oyez.hub.publication import Channel, EventId, Publication
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from oyez.wire import amqp_records
from oyez.wire.amqp_notices import MARK

logger = logging.getLogger(__name__)

_DAEMONS = "oyez-"

Note = Callable[[str, str], None]
"""Told what somebody did wrong: a reason that is counted, and a detail for the log."""

TakeMark = Callable[[str, bytes], None]
"""Takes the message id and the body of a mark, which is no event; raises nothing."""


@dataclass(frozen=True, slots=True)
class IntakeContext:
    """What the daemon says about the events of an exchange.

    Attributes:
        limits: how large a record may be.
        history: how old an event may be that is read back.
        note: told of records that are passed over, and of wrong clocks.
        clock: the hub's clock.
        wall_clock: seconds since the epoch.
    """

    limits: LimitSettings
    history: HistorySettings
    note: Note
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time

    @property
    def max_body_bytes(self) -> int:
        """How long a record may be."""
        return amqp_records.longest_body(self.limits.max_sender_message_bytes)


class Intake:
    """The one road from an exchange to the hub.

    Args:
        ids: the daemon's sequence.
        pending: own posts that are to come back.
        context: what the daemon says about them.
        take_mark: takes what is no event, but daemons' own.

    Attributes:
        catching_up: events are older than this moment: how old, their ids say.
        horizon: what has an id up to this one is not delivered.
    """

    def __init__(
        self,
        ids: IdSequence,
        pending: PendingPosts,
        context: IntakeContext,
        take_mark: TakeMark = lambda message_id, body: None,
    ) -> None:
        self._ids = ids
        self._take_mark = take_mark
        self._pending = pending
        self._context = context
        self._oldest_s = context.history.ttl_s
        self._note = context.note
        self._clock = context.clock
        self._wall_clock = context.wall_clock
        self._prefix = f"{_DAEMONS}{uuid.uuid4().hex}-"
        self._deliver: Deliver | None = None
        self._lose: Lose | None = None
        self.catching_up = False
        self.horizon = EventId(0)

    def open(self, deliver: Deliver, lose: Lose) -> None:
        """Set where events and losses go."""
        self._deliver, self._lose = deliver, lose

    @property
    def is_open(self) -> bool:
        """Whether there is anybody to deliver to."""
        return self._deliver is not None

    def now_us(self) -> int:
        """Read the clock that ids are compared with, in microseconds since 1970."""
        return as_id(self._wall_clock(), US_PER_S)

    def message_id(self, number: int) -> str:
        """Return the AMQP message id of an own post, by which it is known when it comes back."""
        return f"{self._prefix}{number}"

    def skip_to_now(self) -> EventId:
        """Assign no id any more that may be that of an event before this moment. Returns the last such id."""
        return self._ids.raise_to(self.now_us())

    def skip_to_horizon(self) -> EventId:
        """Assign no id any more up to the horizon. Returns the horizon."""
        self._ids.raise_to(self.horizon)
        return self.horizon

    def lose(self) -> None:
        """Report to the hub that events before this moment may be missing."""
        assert self._lose is not None
        self._lose(self.skip_to_now())

    def lose_by_error(self) -> None:
        """Report a loss while an error of ours is handled that came between an event and its listeners."""
        logger.exception("an event is not delivered after an error of ours; listeners are told of a gap")
        try:
            self.lose()
        except Exception:
            logger.exception("listeners could not be told of a gap after an error of ours")

    def read_id(self, body: bytes) -> int | None:
        """Return the id that a poster gave; None if this is no event."""
        try:
            return self._parse(body).id
        except ProtocolError:
            return None

    def take(self, message_id: str | None, body: bytes) -> None:
        """Deliver the event of the next message, hand on a mark, or count a message that holds neither.

        Args:
            message_id: AMQP's, by which own posts are known; None if there is none.
            body: as `oyez.wire.amqp_records` has it.
        """
        if message_id is not None:
            if message_id.startswith(self._prefix) and self._take_own(message_id):
                return
            if message_id.startswith(MARK):
                self._take_mark(message_id, body)
                return
        try:
            record = self._parse(body)
        except ProtocolError as error:
            self._note("bad-record", f"a message of the exchange holds no event: {error}")
            return
        # What daemons published before went up with the clock of then. Ours may have been set back since: the ids that
        # listeners hold must not fall by that.
        trusted = self.catching_up and message_id is not None and is_daemons(message_id)
        event_id = self._give_id(record.id, trusted=trusted)
        if event_id > self.horizon:
            age = self._age(event_id) if self.catching_up else 0.0
            self._hand_over(
                Publication(event_id, Channel(record.channel), record.message, record.attachments, self._clock() - age)
            )

    def _parse(self, body: bytes) -> amqp_records.AmqpRecord:
        return amqp_records.parse_record(
            body,
            max_channel_length=self._context.limits.max_channel_length,
            max_body_bytes=self._context.max_body_bytes,
        )

    def _take_own(self, message_id: str) -> bool:
        """Deliver an own post as it was posted, without parsing it; False if nobody waits for it any more."""
        digits = message_id.removeprefix(self._prefix)
        number = int(digits) if digits.isdecimal() and len(digits) < 20 else -1
        found = self._pending.find(number)
        if found is None:
            return False
        post, given = found
        event_id = self._give_id(given, trusted=True)
        try:
            self._hand_over(Publication(event_id, post.channel, post.message, post.attachments, self._clock()))
        finally:
            self._pending.delivered(number, event_id)
        return True

    def _give_id(self, given: int, *, trusted: bool = False) -> EventId:
        taken = self._ids.take(given, self.now_us(), trusted=trusted)
        if taken.cut:
            ahead_s = (given - self.now_us()) / US_PER_S
            self._note("clock-ahead", f"a poster's clock is {ahead_s:.1f} s ahead, or the daemon's is behind")
        return taken.id

    def _age(self, event_id: EventId) -> float:
        return min(max((self.now_us() - event_id) / US_PER_S, 0.0), self._oldest_s)

    def _hand_over(self, publication: Publication) -> None:
        assert self._deliver is not None
        self._deliver([publication])


def is_daemons(message_id: str) -> bool:
    """Return whether a message says that a daemon published it."""
    return message_id.startswith(_DAEMONS)
