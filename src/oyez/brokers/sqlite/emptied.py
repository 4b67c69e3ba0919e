"""Floors of channels in the file behind ``sqlite://``: the newest event of each that left it before others did.

Knows SQL. Must not know why they left, nor when. The table is made when there is a first one.
"""

import sqlite3
from collections.abc import Mapping

from oyez.brokers.sqlite.rows import Floor

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS emptied (
        channel PRIMARY KEY,
        id INTEGER NOT NULL          -- events of the channel up to this one may be missing
    ) WITHOUT ROWID
"""

# So much of what there may be is left when there are too many: to find which are the oldest takes a look at all.
_LEFT = 0.9


def keep(database: sqlite3.Connection, floors: Mapping[str | bytes, int], most: int) -> int:
    """Write the floors of some channels, which are no lower than they were; a part of a transaction.

    Args:
        database: an open one.
        floors: by channel, as that is stored.
        most: of how many channels there are floors; beyond it those go that have been empty for longest.

    Returns:
        The id to which the horizon of all channels has to rise, since floors were forgotten; 0: none was.
    """
    database.execute(_SCHEMA)
    database.executemany("INSERT OR REPLACE INTO emptied VALUES (?, ?)", floors.items())
    (count,) = database.execute("SELECT count(*) FROM emptied").fetchone()
    if count <= most:
        return 0
    oldest = "SELECT id FROM emptied ORDER BY id LIMIT 1 OFFSET ?"
    forgotten: int = database.execute(oldest, (count - int(most * _LEFT) - 1,)).fetchone()[0]
    forget(database, forgotten)
    return forgotten


def forget(database: sqlite3.Connection, up_to: int) -> None:
    """Forget the floors up to an id, which say no more than the horizon does."""
    if _is_there(database):
        database.execute("DELETE FROM emptied WHERE id <= ?", (up_to,))


def read(database: sqlite3.Connection) -> list[Floor]:
    """Return all floors, in rising order of ids."""
    if not _is_there(database):
        return []
    return [Floor(*values) for values in database.execute("SELECT id, channel FROM emptied ORDER BY id")]


def find_newest(database: sqlite3.Connection) -> int:
    """Return the highest of all floors; 0: there is none."""
    if not _is_there(database):
        return 0
    newest = database.execute("SELECT max(id) FROM emptied").fetchone()[0]
    return newest if isinstance(newest, int) else 0  # else it is damaged, which is found when it is read


def _is_there(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'emptied'").fetchone()[0])
