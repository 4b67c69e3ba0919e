"""What is read back of a file when it is opened, and how much of it.

Knows rows and the bounds of the hub's history. Must not know SQL.
"""

from collections import Counter
from operator import attrgetter
from typing import NamedTuple

from oyez.brokers.sqlite.ages import Ages
from oyez.brokers.sqlite.rows import Floor, Row, channel_as_read
from oyez.hub.publication import OVERHEAD_BYTES, EventId
from oyez.hub.settings import HistoryRules, HistorySettings

_id_of = attrgetter("id")


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
    floors: int = 100_000
    """Of so many channels it is told from where on they are complete, where that is not the same for all."""

    @classmethod
    def into(cls, history: HistorySettings, rules: HistoryRules | None = None) -> "ReplayBounds":
        """Return how much a history with these settings could hold."""
        most_events = max(history.max_bytes // OVERHEAD_BYTES, 1)
        return cls(history.ttl_s, most_events, history.max_bytes, history.size + 1, rules, history.max_channels)

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
    floors: list[Floor]
    """Of channels of which events may be missing above the horizon, in rising order of ids; one or two for each."""


class Selection:
    """Which rows of a file are handed out; it is shown one after the other, the newest first.

    Args:
        bounds: how much that is.
        ages: what the file knows of the clock.
        now_ms: milliseconds since 1970.

    Attributes:
        rows: what is handed out.
        lost_to: the id up to which events of any channel may be missing, since there are more floors than are told; 0:
            there are not.
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
        self._floors: dict[str | bytes, EventId] = {}  # newest first

    def find_floors(self, emptied: list[Floor]) -> list[Floor]:
        """Return the floors of channels with events that were shown and are too old for it, though not for others.

        Args:
            emptied: those of events that are not there any more.
        """
        floors = sorted(
            [*emptied, *(Floor(event_id, channel) for channel, event_id in self._floors.items())], key=_id_of
        )
        beyond = max(len(floors) - self._bounds.floors, 0)
        if beyond:
            self.lost_to = max(self.lost_to, floors[beyond - 1].id)
        return floors[beyond:]

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
        if time_ms < self._oldest_ms:
            return False
        if row.is_empty or time_ms < self._now_ms - age_s * 1000:
            self._raise_floor(row)
            if not row.is_empty:
                self._in_channel[row.channel] = most
            return True
        if len(self.rows) == self._bounds.events:
            return False
        self._bytes += row.size
        if self._bytes > self._bounds.bytes and self.rows:
            return False
        self._in_channel[row.channel] += 1
        self.rows.append(row._replace(time_ms=time_ms) if time_ms != row.time_ms else row)
        return True

    def _raise_floor(self, row: Row) -> None:
        if row.channel in self._floors:
            return
        if len(self._floors) < self._bounds.floors:
            self._floors[row.channel] = row.id
        else:
            self.lost_to = max(self.lost_to, row.id)

    def _find_bounds(self, channel: str | bytes) -> tuple[float, int]:
        """Return how old the events of a channel may be, and how many are read of it."""
        bounds = self._bounds
        if bounds.rules is None:
            return bounds.age_s, bounds.per_channel
        found = bounds.rules.find(channel_as_read(channel))
        return found.ttl_s, found.size + 1
