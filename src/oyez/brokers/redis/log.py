"""Where a daemon stands in the stream, and whether that is still the stream in which it stood.

Knows epochs, ids and nonces. Must not know Redis, or who is told of a gap.

A gap is found in four ways: the stream's epoch is another; the newest id of the stream is below the one that was
read, or the entry that was read last has another nonce now, or is gone though nothing was trimmed there; the next
batch does not say that it came after the one that was read last; or there is none, and more was trimmed than was read.
"""

from typing import NamedTuple

from oyez.brokers.redis.entries import LogEntry
from oyez.hub.publication import EventId


class StreamState(NamedTuple):
    """What the script says of the stream, see `oyez.brokers.redis.scripts.LOOK`."""

    epoch: bytes
    """Empty: there is no such stream."""
    born: EventId
    last: EventId
    gone: EventId
    """Up to this id, entries were trimmed or deleted."""
    found: bytes
    """The nonce that the entry now has that was asked for; empty: it is not there, or none was asked for."""
    time_ms: int
    """Of Redis."""
    is_empty: bool
    """Whether it has no entry at all, so none that would tell what was there before it."""


class LogPlace(NamedTuple):
    """Where one daemon stands."""

    epoch: bytes = b""
    """Empty: nowhere yet."""
    newest: EventId = EventId(0)
    """Up to here all was delivered, passed by, or given up."""
    read: EventId | None = None
    """The entry that was read last; None: there is none that has to be there."""
    nonce: bytes | None = None
    """Of the batch that was read last; None: whatever comes next follows."""

    @property
    def entry(self) -> str:
        """The entry that was read last, as Redis writes its id; empty: there is none."""
        return "" if self.read is None else f"{self.read}-0"

    def is_in(self, state: StreamState) -> bool:
        """Return whether a stream is ours, and has all that was read or has trimmed it: `found` is that `entry`'s."""
        if not self.epoch or state.epoch != self.epoch or state.last < self.newest:
            return False
        if self.read is None or state.found == self.nonce:
            return True
        return not state.found and self.read <= state.gone

    def is_before(self, entry: LogEntry) -> bool:
        """Return whether an entry comes right after what was read last; True where nothing was read yet."""
        return self.nonce is None or (entry.nonce if entry.before is None else entry.before) == self.nonce


class LogPosition:
    """One daemon's place in the stream, which rises."""

    def __init__(self) -> None:
        self.place = LogPlace()

    def take_over(self, state: StreamState) -> None:
        """Stand at the beginning of an epoch: its first batch comes after none of another."""
        self.place = LogPlace(state.epoch, max(self.place.newest, state.born), None, state.epoch)

    def stand_at(self, entry: LogEntry) -> None:
        """Note the entry that was read last."""
        self.place = LogPlace(self.place.epoch, entry.id, entry.id, entry.nonce)

    def skip_to(self, event_id: EventId) -> None:
        """Deliver nothing up to this id any more; whatever comes then follows."""
        self.place = LogPlace(self.place.epoch, max(self.place.newest, event_id))

    def pass_by(self, event_id: EventId) -> None:
        """Note that up to this id there is nothing more to come."""
        self.place = self.place._replace(newest=max(self.place.newest, event_id))
