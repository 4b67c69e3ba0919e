"""What leaves the file, beside the oldest of all: events that others outlive, since rules keep those for longer.

Knows ages, channels and SQL. Must not know when it is asked, nor what a daemon reads back.

What is dropped from the end of a file raises the horizon of all channels. Of what is dropped from its midst, the newest
id of each channel is noted: it says from where on the channel is complete (`emptied`).
"""

import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from oyez.brokers.sqlite import emptied
from oyez.brokers.sqlite.ages import Ages
from oyez.brokers.sqlite.rows import Floor, channel_as_read
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.hub.publication import EventId
from oyez.hub.settings import HistoryRules, HistorySettings

LOOKED_AT_ONCE = 1000
"""Events in one round: a post that comes meanwhile waits some milliseconds."""

_Oldest = list[tuple[int, int, str | bytes]]


class ChannelAges(NamedTuple):
    """How old events may be in a file where that is not the same for all."""

    find: Callable[[str], float]
    """Returns it for a channel, in seconds."""
    shortest_s: float
    longest_s: float
    channels: int
    """Of so many it is known from where on they are complete; beyond it that is the same for all."""


def find_ages(
    settings: SqliteSettings, history: HistorySettings, rules: HistoryRules | None
) -> tuple[SqliteSettings, ChannelAges | None]:
    """Return the bounds of a file, and how old the events of each channel may be in it; None: all the same."""
    shortest_s = settings.max_age_s
    if rules is None or rules.longest_rule_s <= shortest_s:
        return settings, None
    find, for_all_s, longest_s = rules.find, history.ttl_s, rules.longest_rule_s

    def find_age(channel: str) -> float:
        ttl_s = find(channel).ttl_s
        return shortest_s if ttl_s == for_all_s else max(ttl_s, shortest_s)

    return replace(settings, max_age_s=longest_s), ChannelAges(find_age, shortest_s, longest_s, history.max_channels)


class Thinning:
    """Drops events from the midst of a file, a round at a time, and finds those that are to go from its end.

    Args:
        database: an open one.
        ages: what the file knows of the clock.
    """

    def __init__(self, database: sqlite3.Connection, ages: Ages) -> None:
        self._database = database
        self._ages = ages
        self._looked_to: dict[float, int] = {}  # by age: the id up to which there is none that is older

    def find_last_to_drop(
        self, oldest: list[tuple[int, int]], count: int, bounds: SqliteSettings, now_ms: int
    ) -> int | None:
        """Return the id up to which all events are beyond the bounds; None: none is.

        Args:
            oldest: ids and times of the first events in the file, in milliseconds since 1970.
            count: of all its events.
            bounds: of all of them.
            now_ms: milliseconds since 1970.
        """
        too_many = max(count - bounds.max_events, count_beyond(self._database, count, bounds.max_bytes))
        earliest_ms = now_ms - bounds.max_age_s * 1000
        last = None
        for number, (event_id, time_ms) in enumerate(oldest, 1):
            if number > too_many and self._ages.put_right(event_id, time_ms) >= earliest_ms:
                break
            last = event_id
        return last

    def list_ages(self, ages: ChannelAges) -> list[float]:
        """Return the ages at which events leave the file before others do, as far as they are known, in seconds."""
        self._looked_to.setdefault(ages.shortest_s, 0)
        return [age_s for age_s in self._looked_to if age_s < ages.longest_s]  # those go from the end

    def drop_some(self, age_s: float, ages: ChannelAges, now_ms: int) -> tuple[int, bool]:
        """Drop some events that are older than such an age and of channels that have it, in one transaction.

        Returns:
            How many events there are less, and whether there may be more to drop, or other ages.
        """
        known = len(self._looked_to)
        oldest: _Oldest = self._database.execute(
            "SELECT id, time_ms, channel FROM events WHERE id > ? ORDER BY id LIMIT ?",
            (self._looked_to[age_s], LOOKED_AT_ONCE),
        ).fetchall()
        old = list(self._take_older(oldest, now_ms - age_s * 1000))
        if not old:
            return 0, False
        dropped = self._drop(self._choose(old, age_s, ages), ages.channels)
        self._looked_to[age_s] = old[-1][0]
        return dropped, len(old) == LOOKED_AT_ONCE or len(self._looked_to) > known

    def _take_older(self, oldest: _Oldest, earliest_ms: float) -> Iterator[tuple[int, str | bytes]]:
        for event_id, time_ms, channel in oldest:
            if self._ages.put_right(event_id, time_ms) >= earliest_ms:
                return
            yield event_id, channel

    def _choose(self, old: list[tuple[int, str | bytes]], age_s: float, ages: ChannelAges) -> list[Floor]:
        """Return which are too old for their channels, in rising order of ids; each is its channel's floor then."""
        chosen = []
        for event_id, channel in old:
            found_s = ages.find(channel_as_read(channel))
            if found_s == age_s:
                chosen.append(Floor(EventId(event_id), channel))
            else:
                self._looked_to.setdefault(found_s, 0)
        return chosen

    def _drop(self, chosen: list[Floor], most_channels: int) -> int:
        """Drop events, and note the newest of each channel; in one transaction."""
        if not chosen:
            return 0
        listed = ",".join(str(event_id) for event_id, _ in chosen)
        self._database.execute("BEGIN")
        dropped = self._database.execute(f"DELETE FROM events WHERE id IN ({listed})").rowcount  # noqa: S608 - numbers
        forgotten = emptied.keep(self._database, {channel: event_id for event_id, channel in chosen}, most_channels)
        if forgotten:
            raise_horizon(self._database, forgotten)
        self._database.execute("COMMIT")
        return dropped


def raise_horizon(database: sqlite3.Connection, to: int) -> None:
    """Note that events of any channel may be missing up to an id."""
    database.execute("UPDATE meta SET value = max(value, ?) WHERE name = 'horizon'", (to,))


def count_beyond(database: sqlite3.Connection, count: int, most_bytes: int) -> int:
    """Estimate how many events make a file too large, as if all were of one size; the next round corrects it.

    Args:
        database: an open one.
        count: of its events.
        most_bytes: of all that is in it.
    """
    in_use = _bytes_in_use(database)
    return min(math.ceil(count * (1 - most_bytes / in_use)), count - 1) if in_use > most_bytes else 0


def _bytes_in_use(database: sqlite3.Connection) -> int:
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
