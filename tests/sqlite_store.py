"""A file of the SQLite broker as tests look at it: made, opened, damaged and read from outside.

Knows its layout as the how-to for operators has it.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from oyez.brokers.sqlite.contents import ReplayBounds
from oyez.brokers.sqlite.file import SqliteFile
from oyez.brokers.sqlite.rows import Row
from oyez.hub.publication import EventId

NOW_MS = 1_800_000_000_000
NAME = "events.sqlite3"
VERDICT = '{"type":"test-case","id":%d,"status":"AC","time":0.016,"memory":9216,"points":5,"total":5,"batch":null,' + (
    '"feedback":"' + "x" * 80 + '"}'
)
"""A message of 200 bytes."""


@contextlib.contextmanager
def opened(
    path: Path, *, synced: bool = False, now_ms: int = NOW_MS, unkept: str = "", **waits: float
) -> Iterator[SqliteFile]:
    file = SqliteFile(path, synced=synced, now_ms=now_ms, unkept=unkept, **waits)
    try:
        yield file
    finally:
        file.close()


def rows(count: int, first: int = NOW_MS + 1, *, message: str = VERDICT, step_ms: int = 1) -> list[Row]:
    """Make events, one each millisecond unless told otherwise."""
    return [
        Row(
            EventId(first + place),
            first + place * step_ms,
            f"sub_{place % 50}",
            message % place if "%d" in message else message,
            None,
        )
        for place in range(count)
    ]


def ids(file: SqliteFile, at_most: int = 1_000_000) -> list[int]:
    return [row.id for row in reversed(file.read(ReplayBounds(1e10, at_most, 2**26, 10**6), 0).rows)]


def make(path: Path, count: int = 0) -> Path:
    """Make a file with so many events, closed as it should be."""
    with opened(path) as file:
        if count:
            file.insert(rows(count))
    return path


def query(path: Path, *statements: str) -> list[Any]:
    """Let another program work on the file; gives what the last statement gave."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            answer = database.execute(statement).fetchall()
    return answer


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let another program hold a write transaction, as a repair by hand does."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))
