"""What an operator can do about an error of the SQLite store.

Knows SQLite's codes. Must not know files.
"""

import sqlite3

START_ANEW = "move it away, with the files whose names begin with its name, and start anew"

# What to do about an error, by the primary code of SQLite (https://www.sqlite.org/rescode.html).
_CURES = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_IOERR: "see that the disk is well and not full",
    sqlite3.SQLITE_READONLY: "let the daemon's user write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "let the daemon's user write the file and its folder",
    sqlite3.SQLITE_BUSY: "end the program that keeps it locked",
    sqlite3.SQLITE_CORRUPT: START_ANEW,
    sqlite3.SQLITE_NOTADB: f"name another path, or {START_ANEW}",
}


def find_cure(code: int) -> str | None:
    """Return what to do about an error, by its code of any length; None if that is not known."""
    return _CURES.get(code & 0xFF)
