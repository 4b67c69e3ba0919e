"""The file behind ``sqlite://``: a table of events, written in transactions and kept within bounds.

Knows SQL. Must not know ids' rules, event loops or threads: whoever opened a file is the only one to use it.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from oyez.brokers.sqlite import emptied, notices, place
from oyez.brokers.sqlite.ages import Ages, ClockStep
from oyez.brokers.sqlite.contents import FileContents, ReplayBounds, Selection
from oyez.brokers.sqlite.cures import START_ANEW, find_cure
from oyez.brokers.sqlite.retention import LOOKED_AT_ONCE, ChannelAges, Thinning, raise_horizon
from oyez.brokers.sqlite.rows import Row, is_sound, is_sound_floor
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.brokers.sqlite.unkept import Unkept
from oyez.errors import BrokerError
from oyez.hub.notices import Notice
from oyez.hub.publication import MAX_EVENT_ID, EventId

T = TypeVar("T")

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x4F59455A  # "OYEZ", for file(1)

_SCHEMA = """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        time_ms INTEGER NOT NULL,    -- since 1970
        channel TEXT NOT NULL,
        message TEXT,                -- JSON; NULL: the post had none
        attachments BLOB             -- one after the other, each behind its length in 8 bytes
    );
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""

# One statement for many rows: each execution lets go of the interpreter's lock once and may wait for it afterwards, so
# a row at a time would wait as often as there are rows. Under load a transaction has about twenty, so there are small
# sizes too: with 8 and 1 alone a post took 1.07 of the processor's time. Few, so that all of them stay prepared.
_ROWS_AT_ONCE = (512, 128, 32, 16, 8, 4, 2, 1)
_ROW = "(?,?,?,?,?)"
_INSERTS = {rows: f"INSERT INTO events VALUES {','.join([_ROW] * rows)}" for rows in _ROWS_AT_ONCE}  # noqa: S608 - no values

_PAGES_FREED_AT_ONCE = 256

# Of the log beside the file, which a burst may have made far longer. Copying it into the file by a connection and a
# thread of their own was tried: posts took 0.75 of their time at p99, and 1.2 of the processor's. It stays with SQLite.
_WAL_BYTES_KEPT = 16 * 2**20
_NOTE_INTERVAL_MS = 600_000  # between two notes of the time: less than what counts of an absence
LOOK_INTERVAL_S = 1.0  # each look at the file system lets go of the interpreter's lock, and waits for it
BUSY_TIMEOUT_S = 5.0  # for another program that locks the file, such as a backup
_BUSY_SLICE_S = 0.2  # of that time: how long a stop may have to wait for it

# The second: SQLite names what is wrong with a damaged file, and Python cannot read that name.
_READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)


class SqliteFile:
    """An open file, with the lock that keeps a second daemon away.

    Args:
        path: of the database; made if it is not there, with its folder.
        synced: whether a transaction is on the disk before it counts, and not only in the system's memory.
        now_ms: the time; a new file knows nothing of what was before.
        unkept: which channels are kept in memory only, as `Unkept` has it.
        busy_timeout_s: how long to wait for other programs that lock the file; at a start, and for each transaction.
        look_interval_s: how often to look whether the file is still where it was.

    Attributes:
        hurried: wait no longer for programs that lock the file; may be set from another thread.

    Raises:
        BrokerError: it cannot be used, and why.
    """

    def __init__(
        self,
        path: Path,
        *,
        synced: bool,
        now_ms: int,
        unkept: str = "",
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        look_interval_s: float = LOOK_INTERVAL_S,
    ) -> None:
        self.hurried = False
        self._busy_timeout_s = busy_timeout_s
        self._look_interval_s = look_interval_s
        self._path = path
        self._newest = EventId(0)
        self._now_ms = now_ms
        self._noted_ms: int | None = None
        try:
            self._path = path.resolve()  # through a symbolic link too, a file has one lock
            if self._path.is_dir():
                raise self._refuse("is a folder: name a file in it")
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.make_private(self._path)
            self._lock = place.lock(self._path)
        except (OSError, RuntimeError) as error:  # the latter: a link that leads to itself
            raise BrokerError(
                f"{path} cannot be opened ({getattr(error, 'strerror', None) or error}): let the daemon's user write"
                " its folder, or name another path",
                temporary=False,
            ) from error
        try:
            self._database = sqlite3.connect(
                self._path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, cached_statements=32
            )
        except sqlite3.Error as error:
            os.close(self._lock)
            raise self._explain(error, temporary=False) from error
        try:
            self._prepare(synced=synced, now_ms=now_ms, unkept=unkept)
        except _READ_ERRORS as error:
            self._let_go()
            raise self._explain(error, temporary=False) from error
        except BaseException:
            self._let_go()
            raise
        self._place = place.find(self._path)
        self._look_at = 0.0

    def _prepare(self, *, synced: bool, now_ms: int, unkept: str) -> None:
        database = self._database
        (version,) = database.execute("PRAGMA user_version").fetchone()
        self._check_owner(version)
        if version > SCHEMA_VERSION:
            raise self._refuse(
                f"was written by a newer Oyez (schema {version}, this one knows {SCHEMA_VERSION}): upgrade, or name"
                " another path"
            )
        if version == 0:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, or never
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
        database.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}")
        if version == 0:
            database.executescript(f"BEGIN; {_SCHEMA}")
            database.execute("INSERT INTO meta VALUES ('horizon', ?), ('unsynced_boot', NULL)", (now_ms,))
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            database.execute("COMMIT")
        self.count: int = database.execute("SELECT count(*) FROM events").fetchone()[0]
        self._unkept = Unkept(database, unkept)
        if self._unkept.lost_to:
            raise_horizon(self._database, self._unkept.lost_to)
        self._open_session(synced=synced, now_ms=now_ms)
        self._open_ages(now_ms)
        emptied.forget(database, self.horizon())
        database.execute(f"PRAGMA busy_timeout = {_BUSY_SLICE_S * 1000:.0f}")

    def _check_owner(self, version: int) -> None:
        """Let no other program's data be mistaken for ours; a file without any is as good as none."""
        if version == 0:
            ours = self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
        else:
            ours = self._database.execute("PRAGMA application_id").fetchone() == (_APPLICATION_ID,)
        if not ours:
            raise self._refuse("holds another program's data: name another path")

    def _open_session(self, *, synced: bool, now_ms: int) -> None:
        """Note that the file is in use; find out whether its last user may have lost events with the power.

        Without syncing, what a transaction wrote is in the system's memory until a checkpoint: it outlives the process,
        and not the system. Then nobody knows how far it got, so nothing up to now is promised to be there.
        """
        unsynced_boot, boot = self._meta("unsynced_boot"), place.boot_id()
        if unsynced_boot is not None and unsynced_boot != boot:
            raise_horizon(self._database, max(now_ms, self.last_id()))
        self._database.execute("UPDATE meta SET value = ? WHERE name = 'unsynced_boot'", (None if synced else boot,))

    def _open_ages(self, now_ms: int) -> None:
        """Find out how long nobody had the file; one of the first versions says so by its newest event alone."""
        noted = self._database.execute("SELECT value FROM meta WHERE name = 'clock'").fetchone()
        newest = self._database.execute("SELECT id, time_ms FROM events ORDER BY id DESC LIMIT 1").fetchone()
        self._ages = Ages(noted[0] if noted else None)
        self._thinning = Thinning(self._database, self._ages)
        self._newest, newest_ms = newest or (EventId(0), None)
        if isinstance(newest_ms, int | None):  # else it is damaged, which is found when it is read
            self._ages.note_absence(self._newest, newest_ms, now_ms)
        self._note_time(now_ms)

    def note_step(self, by_ms: int) -> None:
        """Note that the clock was set ahead by so many milliseconds, after the newest event."""
        self._ages.note_step(self._newest, by_ms)
        self._noted_ms = None  # to be written soon, and again if that fails

    def _note_time(self, now_ms: int) -> None:
        self._ages.seen = ClockStep(self._newest, now_ms)
        self._database.execute("INSERT OR REPLACE INTO meta VALUES ('clock', ?)", (self._ages.dump(),))
        self._now_ms = self._noted_ms = now_ms

    def _meta(self, name: str) -> str | int | None:
        row = self._database.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise self._refuse(f"lacks what every file of Oyez has: {START_ANEW}")
        value: str | int | None = row[0]
        return value

    def _refuse(self, what: str) -> BrokerError:
        return BrokerError(f"{self._path} {what}", temporary=False)

    def _explain(self, error: Exception, *, temporary: bool) -> BrokerError:
        """Return the error that says what is wrong with the file, and what to do about it."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:  # Python's own, of text that is no UTF-8; it would quote the event
            return self._refuse(f"is damaged: {START_ANEW}")
        cure = find_cure(code) or (None if temporary else START_ANEW)
        return BrokerError(f"{self._path}: {error}{f'; {cure}' if cure else ''}", temporary=temporary)

    def horizon(self) -> EventId:
        """Return the id up to which events may be missing. Raises BrokerError: the file is damaged."""
        horizon = self._meta("horizon")
        if not isinstance(horizon, int) or not 0 <= horizon <= MAX_EVENT_ID:
            raise self._refuse(f"is damaged: {START_ANEW}")
        return EventId(horizon)

    def last_id(self) -> EventId:
        """Return the newest id that was given out, as far as is known; the horizon when that is higher."""
        (newest,) = self._database.execute("SELECT max(id) FROM events").fetchone()
        return EventId(max(newest or 0, emptied.find_newest(self._database), self.horizon(), self._unkept.up_to))

    def read(self, replay: ReplayBounds, now_ms: int) -> FileContents:
        """Read the newest events, and the floors of the channels that have others for it.

        Raises:
            BrokerError: the file is damaged.
        """
        selection = Selection(replay, self._ages, now_ms)
        try:
            horizon, last_id = self.horizon(), self.last_id()
            newest_first = self._database.execute(
                "SELECT id, time_ms, channel, message, attachments FROM events ORDER BY id DESC",
            )
            newer = last_id + 1
            for values in newest_first:
                row = Row(*values)
                if not (row.id < newer and is_sound(row)):
                    raise self._refuse(f"is damaged: {START_ANEW}")
                newer = row.id
                if not selection.take(row):
                    horizon = max(horizon, row.id)
                    break
            floors = selection.find_floors(emptied.read(self._database))
            if not all(map(is_sound_floor, floors)):
                raise self._refuse(f"is damaged: {START_ANEW}")
        except _READ_ERRORS as error:
            raise self._explain(error, temporary=False) from error
        return FileContents(max(horizon, selection.lost_to), last_id, selection.rows, floors)

    def insert(self, rows: Sequence[Row], unkept: EventId = EventId(0)) -> None:  # noqa: B008 - a number
        """Add events, all or none; they are kept when this returns.

        Args:
            rows: in rising order of ids.
            unkept: the newest id of an event that is given out with them, and is kept in memory only; 0: there is none.

        Raises:
            BrokerError: they are not, for want of room perhaps; it may be tried again.
        """
        if time.monotonic() >= self._look_at:
            self._check_place()
        self._try(lambda: self._insert(rows, unkept))
        if unkept:
            self._unkept.given = unkept
        self.count += len(rows)
        if rows:
            self._newest, self._now_ms = rows[-1].id, rows[-1].time_ms

    def _check_place(self) -> None:
        """Take nothing into a file that no later start would find."""
        if place.find(self._path) != self._place:
            raise BrokerError(
                f"{self._path} was moved or deleted: put it back, or end this daemon and start another", temporary=True
            )
        self._look_at = time.monotonic() + self._look_interval_s

    def _insert(self, rows: Sequence[Row], unkept: EventId) -> None:
        database, noted = self._database, self._unkept.up_to
        is_after_step = self._noted_ms is None and bool(rows)
        if len(rows) == 1 and unkept <= noted and not is_after_step:
            database.execute(_INSERTS[1], rows[0])
        elif rows or unkept > noted:
            database.execute("BEGIN")
            if is_after_step:  # noted with them: else a kill would leave events that seem as old as the clock was wrong
                self._note_time(rows[0].time_ms)
                self._noted_ms = None  # and once more soon: this may be rolled back
            self._insert_in_transaction(rows)
            if unkept > noted:
                noted = self._unkept.reserve(unkept)
            database.execute("COMMIT")
            self._unkept.up_to = noted

    def _try(self, write: Callable[[], T]) -> T:
        """Write, and again for a while if another program locks the file; in slices, so that no stop waits for it."""
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                return write()
            except sqlite3.Error as error:
                self._roll_back()
                is_locked = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not is_locked or self.hurried or time.monotonic() >= deadline:
                    raise self._explain(error, temporary=True) from error
            except BaseException:
                self._roll_back()  # or the next transaction could not begin
                raise

    def _insert_in_transaction(self, rows: Sequence[Row]) -> None:
        begin = 0
        for size in _ROWS_AT_ONCE:
            while len(rows) - begin >= size:
                values = [value for row in rows[begin : begin + size] for value in row]
                self._database.execute(_INSERTS[size], values)
                begin += size

    def keep_notice(self, notice: Notice, now_s: int) -> None:
        """Write a notice; it is kept when this returns. Raises BrokerError: it is not."""
        self._check_place()
        self._try(lambda: notices.keep(self._database, notice, now_s))

    def read_notices(self, now_s: int) -> list[bytes]:
        """Return the texts of all notices that are still of use. Raises BrokerError: the file is damaged."""
        try:
            return notices.read(self._database, now_s)
        except _READ_ERRORS as error:
            raise self._explain(error, temporary=False) from error

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")

    def trim(self, bounds: SqliteSettings, now_ms: int, ages: ChannelAges | None = None) -> bool:
        """Drop some of what is beyond the bounds, oldest first; True when there may be more.

        Args:
            bounds: of all events.
            now_ms: milliseconds since 1970.
            ages: how old those of each channel may be; None: as old as the bounds say.

        Raises:
            BrokerError: it could not be done; it may be tried again.
        """
        return self._try(lambda: self._trim(bounds, now_ms, ages))

    def _trim(self, bounds: SqliteSettings, now_ms: int, ages: ChannelAges | None) -> bool:
        self._now_ms = now_ms
        if self._noted_ms is None or abs(now_ms - self._noted_ms) >= _NOTE_INTERVAL_MS:
            self._note_time(now_ms)
        oldest = self._database.execute(
            "SELECT id, time_ms FROM events ORDER BY id LIMIT ?", (LOOKED_AT_ONCE,)
        ).fetchall()
        self._ages.forget(oldest[0][0] if oldest else self._newest + 1)
        drop_to = self._thinning.find_last_to_drop(oldest, self.count, bounds, now_ms)
        if drop_to is None:
            if ages is not None and self._thin(ages, now_ms):
                return True
            # A step for each page: only a script is stepped to its end, a statement without columns is not.
            self._database.executescript(f"PRAGMA incremental_vacuum({_PAGES_FREED_AT_ONCE})")
            return False
        self._database.execute("BEGIN")
        dropped = self._database.execute("DELETE FROM events WHERE id <= ?", (drop_to,)).rowcount
        raise_horizon(self._database, drop_to)
        self._database.execute("COMMIT")
        self.count -= dropped
        return True

    def _thin(self, ages: ChannelAges, now_ms: int) -> bool:
        more = False
        for age_s in self._thinning.list_ages(ages):
            dropped, has_more = self._thinning.drop_some(age_s, ages, now_ms)
            self.count -= dropped  # at once: what is written next may fail
            more = more or has_more
        return more

    def close(self) -> None:
        """Write all into the database itself, and let go of it."""
        with contextlib.suppress(sqlite3.Error):  # what it says then is that it was not closed, which is true
            self._note_time(self._now_ms)
            self._unkept.close()
            self._database.execute("UPDATE meta SET value = NULL WHERE name = 'unsynced_boot'")
        self._let_go()

    def _let_go(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        os.close(self._lock)
