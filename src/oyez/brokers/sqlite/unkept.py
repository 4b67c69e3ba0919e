"""Up to which id there may be events that a file does not have: those of channels that are kept in memory only.

Knows the note in the file. Must not know which channels those are, nor when anything is written.

An id that was given out once must not be given out again, whether its event is in the file or not. So before one is
that the file has not, an id ahead of it is noted: the note is written every few seconds, and not for each event. A
daemon that begins goes on behind it.
"""

import json
import sqlite3

from oyez.hub.publication import MAX_EVENT_ID, EventId

AHEAD = 10_000
"""Ids are milliseconds, unless more events come: so the note is good for ten seconds, or for as many events."""

_NAME = "unkept"


class Unkept:
    """The note in one file.

    Args:
        database: an open one, with a table ``meta``.
        rules: which channels are kept in memory only, in words that are the same for as long as those are; empty: none.

    Attributes:
        up_to: the id that is noted; 0: there never was such an event.
        lost_to: the id up to which events of any channel may be missing, since there were other rules before; 0: none.
        given: the newest id that such an event has.
    """

    def __init__(self, database: sqlite3.Connection, rules: str) -> None:
        self._database = database
        self._rules = rules
        noted = database.execute("SELECT value FROM meta WHERE name = ?", (_NAME,)).fetchone()
        self.up_to, before = _read(noted[0] if noted else None)
        self.lost_to = EventId(0) if before == rules else self.up_to
        self.given = self.up_to
        if noted or rules:
            self._write(self.up_to)

    def reserve(self, event_id: EventId) -> EventId:
        """Write that ids up to this one, and some more, may be given out to such events; return up to which.

        It counts once the transaction is there: then `up_to` is to be set.
        """
        ahead = EventId(min(event_id + AHEAD, MAX_EVENT_ID))
        self._write(ahead)
        return ahead

    def close(self) -> None:
        """Write up to where it went, so that the next ids need not begin ahead of the clock."""
        if self.up_to > self.given:
            self._write(self.given)

    def _write(self, up_to: EventId) -> None:
        noted = json.dumps([up_to, self._rules])
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_NAME, noted))


def _read(noted: object) -> tuple[EventId, str]:
    """Read ``[id, rules]``; what reads otherwise is as if nothing were noted."""
    try:
        up_to, rules = json.loads(noted) if isinstance(noted, str) else (0, "")
        if 0 <= up_to <= MAX_EVENT_ID and isinstance(rules, str):
            return EventId(int(up_to)), rules
    except (ValueError, TypeError):
        pass
    return EventId(0), ""
