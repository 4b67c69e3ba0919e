"""Which files does the SQLite broker take, and what does it say of those that it does not?"""

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oyez.brokers.sqlite import file as sqlite_file
from oyez.brokers.sqlite.contents import ReplayBounds
from oyez.brokers.sqlite.file import SqliteFile
from oyez.brokers.sqlite.place import boot_id
from oyez.errors import BrokerError
from tests.sqlite_store import NAME, NOW_MS, damage, ids, make, opened, query, rows

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def refusal(path: Path, *, at_most: int = 1000, **waits: Any) -> str:
    """Open and read a file that is no good; gives what is said of it. It is let go of."""
    for _ in range(2):
        with pytest.raises(BrokerError) as refused, opened(path, **waits) as file:
            file.read(ReplayBounds(1e10, at_most, 2**26, 10**6), 0)
        assert not refused.value.temporary
        assert str(refused.value).startswith(str(path))
    return str(refused.value)


def test_the_folder_of_a_new_file_is_made(tmp_path: Path) -> None:
    path = make(tmp_path / "state" / "oyez" / NAME)
    assert query(path, "SELECT value FROM meta WHERE name = 'horizon'") == [(NOW_MS,)]


def test_only_the_daemons_user_may_read_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "oyez" / NAME
    with opened(path) as file:
        file.insert(rows(1))
        made = [path.parent, *path.parent.iterdir()]
        assert {each.name for each in made} == {"oyez", NAME, f"{NAME}-wal", f"{NAME}-shm", f"{NAME}.lock"}
        assert [each.name for each in made if each.stat().st_mode & 0o077] == []


def test_a_transaction_of_any_length_is_written_as_it_is(path: Path) -> None:
    first, written = NOW_MS + 1, []
    with opened(path) as file:
        for length in (*range(1, 36), 127, 128, 129, 700):
            written += rows(length, first)
            file.insert(rows(length, first))
            first += length
    assert query(path, "SELECT * FROM events ORDER BY id") == written


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
def test_nothing_is_written_where_no_later_start_would_find_it(path: Path, how: str) -> None:
    away = path.with_name("away.sqlite3")
    with opened(path, look_interval_s=0.0) as file:
        file.insert(rows(1))
        path.rename(away)
        if how == "deleted":
            away.unlink()
        elif how == "replaced":
            path.touch()
        with pytest.raises(BrokerError, match="was moved or deleted") as refused:
            file.insert(rows(1, NOW_MS + 60_010))
        assert refused.value.temporary
        if how == "moved":
            away.rename(path)
            file.insert(rows(1, NOW_MS + 60_010))


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    path.touch()
    with opened(path) as file:
        assert file.horizon() == NOW_MS


def other_program(path: Path) -> None:
    query(path, "CREATE TABLE django_session (key)")


def other_program_with_versions(path: Path) -> None:
    query(path, "CREATE TABLE moz_places (url)", "PRAGMA user_version = 77")


def same_version_by_chance(path: Path) -> None:
    query(path, "CREATE TABLE moz_places (url)", "PRAGMA user_version = 1")


def newer_schema(path: Path) -> None:
    query(make(path), f"PRAGMA user_version = {sqlite_file.SCHEMA_VERSION + 1}")


def without_meta_rows(path: Path) -> None:
    query(make(path, 5), "DELETE FROM meta")


def without_meta_table(path: Path) -> None:
    query(make(path, 5), "DROP TABLE meta")


def without_events_table(path: Path) -> None:
    query(make(path, 5), "DROP TABLE events")


def wrong_horizon(path: Path) -> None:
    query(make(path, 5), "UPDATE meta SET value = 'yesterday' WHERE name = 'horizon'")


def message_of_another_type(path: Path) -> None:
    query(make(path, 5), "UPDATE events SET message = x'ff'")


def channel_that_is_no_text(path: Path) -> None:
    query(make(path, 5), "UPDATE events SET channel = x'ff'")


def message_that_is_no_text(path: Path) -> None:
    query(make(path, 5), "UPDATE events SET message = CAST(x'7bff' AS TEXT)")


def id_beyond_all(path: Path) -> None:
    query(make(path, 5), f"UPDATE events SET id = {2**60} WHERE id = (SELECT max(id) FROM events)")


def garbage(path: Path) -> None:
    path.write_bytes(b"Lorem ipsum " * 1000)


def cut_in_half(path: Path) -> None:
    damage(make(path, 1000), lambda data: data[: len(data) // 2])


def damaged_where_it_is_read(path: Path) -> None:
    damage(make(path, 1000), lambda data: data[:-PAGE] + b"\xa5" * PAGE)


def folder(path: Path) -> None:
    path.mkdir()


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make_bad", "said"),
    [
        (other_program, "holds another program's data: name another path"),
        (other_program_with_versions, "holds another program's data: name another path"),
        (same_version_by_chance, "holds another program's data: name another path"),
        (newer_schema, "was written by a newer Oyez (schema 2, this one knows 1): upgrade, or name another path"),
        (without_meta_rows, "lacks what every file of Oyez has: move it away"),
        (without_meta_table, "no such table: meta; move it away"),
        (without_events_table, "no such table: events; move it away"),
        (wrong_horizon, "is damaged: move it away"),
        (message_of_another_type, "is damaged: move it away"),
        (channel_that_is_no_text, "is damaged: move it away"),
        (message_that_is_no_text, "is damaged: move it away"),
        (id_beyond_all, "is damaged: move it away"),
        (garbage, "file is not a database; name another path"),
        (cut_in_half, "malformed; move it away"),
        (damaged_where_it_is_read, "malformed; move it away"),
        (folder, "is a folder: name a file in it"),
        (link_to_itself, "Symlink loop" if sys.version_info < (3, 13) else "unable to open"),  # or SQLite says it
    ],
)
def test_a_file_that_is_no_good_is_refused_with_its_cure(
    path: Path, make_bad: Callable[[Path], None], said: str
) -> None:
    make_bad(path)
    assert said in refusal(path)


@pytest.mark.parametrize("below", ["a-file", "/proc"])
def test_a_folder_that_nobody_can_write_is_refused_with_its_cure(tmp_path: Path, below: str) -> None:
    (tmp_path / "a-file").touch()
    assert "let the daemon's user write its folder, or name another path" in refusal(tmp_path / below / "oyez" / NAME)


def test_damage_in_what_is_not_read_does_not_keep_the_rest_away(path: Path) -> None:
    make(path, 5000)
    damage(path, lambda data: data[: 5 * PAGE + 1000] + b"\xa5" * 2000 + data[5 * PAGE + 3000 :])  # among the oldest
    with opened(path) as file:
        assert ids(file, 1000) == list(range(NOW_MS + 4001, NOW_MS + 5001))
        file.insert(rows(1, NOW_MS + 5001))
    assert "is damaged" in refusal(path, at_most=6000)


def test_what_is_refused_stays_as_it_was(path: Path) -> None:
    other_program(path)
    before = path.read_bytes()
    refusal(path)
    assert path.read_bytes() == before


# --- others who want the file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("linked", ["", "file", "folder"])
def test_a_second_daemon_is_refused_with_the_first_ones_number(path: Path, linked: str) -> None:
    second = path
    if linked == "file":
        second = path.with_name("link.sqlite3")
        second.symlink_to(path)
    elif linked == "folder":
        (path.parent / "link").symlink_to(path.parent, target_is_directory=True)
        second = path.parent / "link" / NAME
    with opened(path) as first:
        with pytest.raises(BrokerError, match=rf"another daemon \(process {os.getpid()}\): end that one, or name"):
            SqliteFile(second, synced=False, now_ms=NOW_MS)
        first.insert(rows(1))
    with opened(second) as file:
        assert len(ids(file)) == 1


def test_a_file_that_another_program_locks_is_refused_until_it_lets_go(path: Path) -> None:
    make(path, 3)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "is locked; end the program that keeps it locked" in refusal(path, busy_timeout_s=0.05)
    other.execute("ROLLBACK")
    with opened(path, busy_timeout_s=0.05) as file:
        other.execute("BEGIN EXCLUSIVE")
        for count in (1, 20):
            with pytest.raises(BrokerError, match="is locked; end the program that keeps it locked") as refused:
                file.insert(rows(count, NOW_MS + 10))
            assert refused.value.temporary
        other.execute("ROLLBACK")
        file.insert(rows(1, NOW_MS + 10))
        assert len(ids(file)) == file.count == 4
    other.close()


def test_a_stop_is_not_kept_waiting_by_a_program_that_locks_the_file(path: Path) -> None:
    with opened(path) as file:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        hurry = threading.Timer(0.1, lambda: setattr(file, "hurried", True))
        hurry.start()
        began = time.monotonic()
        with pytest.raises(BrokerError, match="is locked"):
            file.insert(rows(1, NOW_MS + 10))
        hurry.join()
    assert time.monotonic() - began < 15  # the file waits 25 s for a lock otherwise
    other.close()


def test_another_program_reads_while_the_file_is_written(path: Path) -> None:
    with opened(path) as file:
        for number in range(5):
            file.insert(rows(10, NOW_MS + 1 + 10 * number))
            assert query(path, "SELECT count(*) FROM events") == [(10 * number + 10,)]


def test_a_batch_is_kept_whole_or_not_at_all(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(1, NOW_MS + 700))
        with pytest.raises(BrokerError, match="UNIQUE constraint failed"):
            file.insert(rows(701))
        assert ids(file) == [NOW_MS + 700]
        file.insert(rows(699))
        assert file.count == 700


# --- the loss of power, backups ---------------------------------------------------------------------------------------


def horizon_after(path: Path, *, synced: bool = False) -> int:
    with opened(path, synced=synced, now_ms=NOW_MS + 60_000) as file:
        assert len(ids(file)) == 10, "what is kept is replayed, whatever may be missing"
        return file.horizon()


def copy_while_open(path: Path, *, synced: bool) -> Path:
    """Copy a file that is in use, as a machine finds it that lost its power."""
    with opened(path, synced=synced) as file:
        file.insert(rows(10))
        for name in (NAME, f"{NAME}-wal"):
            path.with_name(f"found-{name}").write_bytes(path.with_name(name).read_bytes())
    return path.with_name(f"found-{NAME}")


@pytest.mark.parametrize(
    ("synced", "boot", "may_miss"),
    [(False, "another boot", True), (False, None, False), (True, "another boot", False)],
    ids=["power lost", "process killed", "power lost, with durability=disk"],
)
def test_only_the_loss_of_power_may_have_cost_events(
    path: Path, synced: bool, boot: str | None, may_miss: bool
) -> None:
    found = copy_while_open(path, synced=synced)
    if boot is not None:
        query(found, f"UPDATE meta SET value = '{boot}' WHERE name = 'unsynced_boot' AND value IS NOT NULL")
    assert horizon_after(found) == (NOW_MS + 60_000 if may_miss else NOW_MS)
    assert horizon_after(found) == (NOW_MS + 60_000 if may_miss else NOW_MS), "told once, and then known"


def test_a_clean_stop_costs_nothing_over_the_loss_of_power(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(10))
        assert query(path, "SELECT value FROM meta WHERE name = 'unsynced_boot'") == [(boot_id(),)]
    assert query(path, "SELECT value FROM meta WHERE name = 'unsynced_boot'") == [(None,)]
    assert horizon_after(path) == NOW_MS


def test_the_horizon_rises_above_ids_that_ran_ahead_of_the_clock(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(10, NOW_MS + 90_000))
    query(path, "UPDATE meta SET value = 'another boot' WHERE name = 'unsynced_boot'")
    assert horizon_after(path) == NOW_MS + 90_009


@pytest.mark.parametrize("way", ["vacuum into", "backup"])
def test_a_backup_that_is_taken_while_the_file_is_written_can_be_restored(path: Path, way: str) -> None:
    copy = path.with_name("copy.sqlite3")
    with opened(path) as file:
        file.insert(rows(10))
        if way == "backup":
            source, target = sqlite3.connect(path), sqlite3.connect(copy)
            source.backup(target)
            source.close()
            target.close()
        else:
            query(path, f"VACUUM INTO '{copy}'")
        file.insert(rows(5, NOW_MS + 20))
    # As the how-to has it: whoever holds an id from after the backup has to be told of a gap.
    query(copy, "UPDATE meta SET value = 'restored' WHERE name = 'unsynced_boot'")
    path.unlink()
    copy.rename(path)
    assert horizon_after(path) == NOW_MS + 60_000
