"""Notices in the file behind ``sqlite://``: a small table beside the events, made when there is a first one.

Knows SQL. Must not know what notices say, nor who hears them.
"""

import logging
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from oyez.errors import BrokerError
from oyez.hub.notices import Notice, SettleNotice

logger = logging.getLogger(__name__)

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS notices (
        name BLOB PRIMARY KEY,
        text BLOB NOT NULL,
        until_s INTEGER NOT NULL     -- since 1970
    ) WITHOUT ROWID
"""


class ToldNotice(NamedTuple):
    """A notice on its way to the file, where it has a transaction of its own."""

    notice: Notice
    settle: SettleNotice

    def keep(self, write: Callable[[Notice], None]) -> BrokerError | None:
        """Write it; return why it is not kept, or None."""
        try:
            write(self.notice)
        except BrokerError as error:
            return error
        except Exception as error:
            logger.exception("a notice is refused after an error of ours")
            return BrokerError(f"an error of ours: {error}", temporary=False)
        return None


def keep(database: sqlite3.Connection, notice: Notice, now_s: int) -> None:
    """Write a notice, and drop those that are of no use any more: in one transaction, which is over then."""
    database.execute("BEGIN")
    database.execute(_SCHEMA)
    database.execute("DELETE FROM notices WHERE until_s < ?", (now_s,))
    database.execute("INSERT OR REPLACE INTO notices VALUES (?, ?, ?)", notice)
    database.execute("COMMIT")


def read(database: sqlite3.Connection, now_s: int) -> list[bytes]:
    """Return the texts of all that are still of use; what is soon of no use comes first."""
    is_there = database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'notices'").fetchone()[0]
    if not is_there:
        return []
    rows = database.execute("SELECT text FROM notices WHERE until_s >= ? ORDER BY until_s", (now_s,))
    return [text for (text,) in rows if isinstance(text, bytes)]
