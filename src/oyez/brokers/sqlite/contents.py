"""What is read back of a file when it is opened, and how much of it.

Knows rows and the bounds of the hub's history. Must not know SQL.
"""

from collections import Counter
from typing import NamedTuple

from oyez.brokers.sqlite.ages import Ages
from oyez.brokers.sqlite.rows import Row, channel_as_read
from oyez.hub.publication import OVERHEAD_BYTES, EventId
from oyez.hub.settings import HistoryRules, HistorySettings


class ReplayBounds(NamedTuple):
    """How much of what is kept is handed out at the start: what history could not hold is not worth reading."""

    age_s: float
    events: int
    bytes: int
    """Of messages and attachments."""
    per_channel: int
    """One more than history holds: the one that it drops tells it from where on the channel is complete."""
    rules: HistoryRules | None = None
    """The channels of which more is read, or less."""

    @classmethod
    def into(cls, history: HistorySettings, rules: HistoryRules | None = None) -> "ReplayBounds":
        """Return how much a history with these settings could hold."""
        most_events = max(history.max_bytes // OVERHEAD_BYTES, 1)
        return cls(history.ttl_s, most_events, history.max_bytes, history.size + 1, rules)

    @property
    def oldest_s(self) -> float:
        """The age up to which there may be events that are read."""
        return self.age_s if self.rules is None else self.rules.longest_ttl_s

    @property
    def looked_at(self) -> int | None:
        """How many events are looked at; None: all, since some channels may have theirs behind many of others."""
        return self.events if self.oldest_s <= self.age_s else None


class FileContents(NamedTuple):
    """What a file had when it was opened."""

    horizon: EventId
    """Events up to this id may be missing, though some are there."""
    last_id: EventId
    """The newest id; the horizon when that is higher."""
    rows: list[Row]
    """Newest first."""


class Selection:
    """Which rows of a file are handed out; it is shown one after the other, the newest first.

    Args:
        bounds: how much that is.
        ages: what the file knows of the clock.
        now_ms: milliseconds since 1970.

    Attributes:
        rows: what is handed out. Of a channel with events that are too old for it, and not for others, the newest of
            those is among them, without what it says: history drops it at once, and knows from where on the channel is
            complete.
        lost_to: the id up to which events of any channel may be missing, since one was dropped by other rules which is
            not old enough now; 0: none was.
    """

    def __init__(self, bounds: ReplayBounds, ages: Ages, now_ms: int) -> None:
        self.rows: list[Row] = []
        self.lost_to = EventId(0)
        self._bounds = bounds
        self._ages = ages
        self._now_ms = now_ms
        self._oldest_ms = now_ms - bounds.oldest_s * 1000
        self._left: int | None = bounds.looked_at
        self._bytes = 0
        self._in_channel: Counter[str | bytes] = Counter()

    def take(self, row: Row) -> bool:
        """Take the next row, or pass over it; False: neither this nor any older one is to be handed out."""
        if self._left is not None:
            if self._left == 0:
                return False
            self._left -= 1
        age_s, most = self._find_bounds(row.channel)
        if self._in_channel[row.channel] == most:
            return True
        time_ms = self._ages.put_right(row.id, row.time_ms)
        if time_ms < self._oldest_ms or len(self.rows) == self._bounds.events:
            return False
        if time_ms < self._now_ms - age_s * 1000:
            row = row._replace(message=None, attachments=None)
            self._in_channel[row.channel] = most - 1
        elif row.is_empty:
            self.lost_to = max(self.lost_to, row.id)
            return True
        self._bytes += row.size
        if self._bytes > self._bounds.bytes and self.rows:
            return False
        self._in_channel[row.channel] += 1
        self.rows.append(row._replace(time_ms=time_ms) if time_ms != row.time_ms else row)
        return True

    def _find_bounds(self, channel: str | bytes) -> tuple[float, int]:
        """Return how old the events of a channel may be, and how many are read of it."""
        bounds = self._bounds
        if bounds.rules is None:
            return bounds.age_s, bounds.per_channel
        found = bounds.rules.find(channel_as_read(channel))
        return found.ttl_s, found.size + 1
