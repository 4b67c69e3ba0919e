"""What is read back of a file when it is opened, and how much of it.

Knows rows and the bounds of the hub's history. Must not know SQL.
"""

from typing import NamedTuple

from oyez.brokers.sqlite.rows import Row
from oyez.hub.publication import OVERHEAD_BYTES, EventId
from oyez.hub.settings import HistorySettings


class ReplayBounds(NamedTuple):
    """How much of what is kept is handed out at the start: what history could not hold is not worth reading."""

    age_s: float
    events: int
    """That are looked at."""
    bytes: int
    """Of messages and attachments."""
    per_channel: int
    """One more than history holds: the one that it drops tells it from where on the channel is complete."""

    @classmethod
    def into(cls, history: HistorySettings) -> "ReplayBounds":
        """Return how much a history with these settings could hold."""
        most_events = max(history.max_bytes // OVERHEAD_BYTES, 1)
        return cls(history.ttl_s, most_events, history.max_bytes, history.size + 1)


class FileContents(NamedTuple):
    """What a file had when it was opened."""

    horizon: EventId
    """Events up to this id may be missing, though some are there."""
    last_id: EventId
    """The newest id; the horizon when that is higher."""
    rows: list[Row]
    """Newest first."""
