"""A torn log is one as a loss of power leaves it: SQLite opens it, and the last transactions are gone."""

import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest

from tests.faults.disk import tear

ROWS = 200


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The files of a database whose user was killed: as they are while it is open, half of it in the log only."""
    (tmp_path / "open").mkdir()
    database = sqlite3.connect(tmp_path / "open" / "db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, text TEXT)")
    for row in range(ROWS):
        database.execute("INSERT INTO events VALUES (?, ?)", (row, "x" * 1000))
        if row == ROWS // 2:
            database.execute("PRAGMA wal_checkpoint(PASSIVE)")
    shutil.copytree(tmp_path / "open", tmp_path / "killed")
    database.close()
    return tmp_path / "killed" / "db"


@pytest.mark.parametrize("pages", [1, 3, 12])
def test_the_last_transactions_are_gone_and_no_others(killed: Path, pages: int) -> None:
    assert tear(killed, Random(pages), pages) > 0
    with sqlite3.connect(killed) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM events ORDER BY id")]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert ids == list(range(len(ids)))
    assert ROWS - pages <= len(ids) < ROWS


def test_what_is_in_the_database_already_stays(killed: Path) -> None:
    assert tear(killed, Random(1), 10_000) > 0
    with sqlite3.connect(killed) as database:
        (count,) = database.execute("SELECT count(*) FROM events").fetchone()
    assert count == ROWS // 2 + 1
    assert tear(killed, Random(1), 1) == 0  # it was closed, and has no log any more
