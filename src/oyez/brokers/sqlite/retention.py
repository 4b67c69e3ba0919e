"""What leaves the file, beside the oldest of all: events that others outlive, since rules keep those for longer.

Knows ages, channels and SQL. Must not know when it is asked, nor what a daemon reads back.

What is dropped from the end of a file raises the horizon of all channels. Of what is dropped from its midst, the newest
event of each channel stays as an empty row: it says from where on its channel is complete.
"""

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from oyez.brokers.sqlite.ages import Ages
from oyez.brokers.sqlite.rows import channel_as_read
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.hub.settings import HistoryRules, HistorySettings

LOOKED_AT_ONCE = 1000
"""Events in one round: a post that comes meanwhile waits some milliseconds."""

# Of so many channels it is known which row is the empty one, so that there is one of each; others may have some more.
_MOST_REMEMBERED = 10_000

_Oldest = list[tuple[int, int, str | bytes]]


class ChannelAges(NamedTuple):
    """How old events may be in a file where that is not the same for all."""

    find: Callable[[str], float]
    """Returns it for a channel, in seconds."""
    shortest_s: float
    longest_s: float


def find_ages(
    settings: SqliteSettings, history: HistorySettings, rules: HistoryRules | None
) -> tuple[SqliteSettings, ChannelAges | None]:
    """Return the bounds of a file, and how old the events of each channel may be in it; None: all the same."""
    shortest_s = settings.max_age_s
    if rules is None or rules.longest_ttl_s <= max(shortest_s, history.ttl_s):
        return settings, None
    find = rules.find
    ages = ChannelAges(lambda channel: max(find(channel).ttl_s, shortest_s), shortest_s, rules.longest_ttl_s)
    return replace(settings, max_age_s=ages.longest_s), ages


class Thinning:
    """Drops events from the midst of a file, a round at a time.

    Args:
        database: an open one.
        ages: what the file knows of the clock.
    """

    def __init__(self, database: sqlite3.Connection, ages: Ages) -> None:
        self._database = database
        self._ages = ages
        self._looked_to: dict[float, int] = {}  # by age: the id up to which there is none that is older
        self._emptied: dict[str, int] = {}  # by channel: the id of its empty row

    def drop_some(self, ages: ChannelAges, now_ms: int) -> tuple[int, bool]:
        """Drop some events that are too old for their channels, in one transaction.

        Returns:
            How many rows there are less, and whether there may be more to drop.
        """
        self._looked_to.setdefault(ages.shortest_s, 0)
        dropped, more = 0, False
        known = list(self._looked_to)
        for age_s in known:
            if age_s >= ages.longest_s:  # those go from the end
                continue
            oldest: _Oldest = self._database.execute(
                "SELECT id, time_ms, channel FROM events WHERE id > ? ORDER BY id LIMIT ?",
                (self._looked_to[age_s], LOOKED_AT_ONCE),
            ).fetchall()
            old = list(self._take_older(oldest, now_ms - age_s * 1000))
            if old:
                dropped += self._drop(self._choose(old, age_s, ages), old[-1][0], age_s)
            more = more or len(old) == LOOKED_AT_ONCE
        return dropped, more or len(self._looked_to) > len(known)

    def _take_older(self, oldest: _Oldest, earliest_ms: float) -> Iterator[tuple[int, str | bytes]]:
        for event_id, time_ms, channel in oldest:
            if self._ages.put_right(event_id, time_ms) >= earliest_ms:
                return
            yield event_id, channel

    def _choose(self, old: list[tuple[int, str | bytes]], age_s: float, ages: ChannelAges) -> dict[str, list[int]]:
        """Return the ids of those that are too old for their channels, by channel and in rising order."""
        chosen: dict[str, list[int]] = {}
        for event_id, stored in old:
            channel = channel_as_read(stored)
            found_s = ages.find(channel)
            if found_s == age_s:
                chosen.setdefault(channel, []).append(event_id)
            else:
                self._looked_to.setdefault(found_s, 0)
        return chosen

    def _drop(self, chosen: dict[str, list[int]], looked_to: int, age_s: float) -> int:
        """Drop all of each channel but the newest, which becomes its empty row in place of an earlier one."""
        emptied = {channel: ids[-1] for channel, ids in chosen.items()}
        gone = [event_id for ids in chosen.values() for event_id in ids[:-1]]
        gone += [
            before for channel, newest in emptied.items() if (before := self._emptied.get(channel, newest)) < newest
        ]
        dropped = 0
        if emptied:
            self._database.execute("BEGIN")
            dropped = self._database.execute(f"DELETE FROM events WHERE id IN ({_listed(gone)})").rowcount  # noqa: S608 - numbers
            self._database.execute(
                f"UPDATE events SET message = NULL, attachments = x'' WHERE id IN ({_listed(emptied.values())})"  # noqa: S608
            )
            self._database.execute("COMMIT")
        self._looked_to[age_s] = looked_to
        for channel, event_id in emptied.items():
            before = self._emptied.pop(channel, 0)  # it comes last again
            self._emptied[channel] = max(event_id, before)  # other rules may have dropped newer ones
        while len(self._emptied) > _MOST_REMEMBERED:
            del self._emptied[next(iter(self._emptied))]
        return dropped


def _listed(ids: Iterable[int]) -> str:
    return ",".join(map(str, ids))


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
