"""``sqlite://``: events survive the process, in one file and without a service.

Knows how ids are assigned, and when posts count as kept. Must not know SQL.

All posts that arrive while a transaction is written go into the next one. So a lone post is written at once, and under
load one transaction carries many. A thread of its own does the writing; the event loop hands it one
transaction at a time, and only the event loop counts and settles, so nothing here needs a lock.

Writing by the event loop itself was tried: a post took 0.93 of the processor's time with 64 under way, and 0.85 with
8 or 1. But the first write that a disk holds up would hold up everything, for as long as the disk likes.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import count, islice
from pathlib import Path

from oyez.brokers.clocks import Moment, StepWatch, as_id, read_clocks
from oyez.brokers.sqlite.contents import ReplayBounds
from oyez.brokers.sqlite.file import BUSY_TIMEOUT_S, SqliteFile
from oyez.brokers.sqlite.notices import ToldNotice
from oyez.brokers.sqlite.retention import find_ages
from oyez.brokers.sqlite.rows import Row, as_publications, as_row, channel_as_read
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.brokers.sqlite.transaction import Call, Errors, Transaction, find_kept, find_rows
from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose, Settle
from oyez.hub.notices import Notice, SettleNotice, TakeNotice
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistoryRules, HistorySettings

logger = logging.getLogger(__name__)

# Events of one transaction, so that a burst does not make the first of it wait for the last.
_MOST_IN_A_BATCH = 10_000

# Of those, so many are got ready, or delivered, in a turn of the loop: all at once take 15 milliseconds, twice.
_AT_ONCE = 500

_TRIM_INTERVAL_S = 5.0
_TRIM_PAUSE_S = 0.02  # between two rounds while there is more to drop, so that posts need not wait for all of it
_COMPLAINT_INTERVAL_S = 20.0


class SqliteBroker:
    """One file, one writer.

    Args:
        path: of the database.
        synced: whether an acknowledged post survives the loss of power too, and not only that of the process.
        settings: what is kept at most, for no longer than that unless a rule says so.
        history: how much is handed out at the start: what it can hold.
        rules: of which channels more is handed out, or less; and none is dropped that one of them keeps.
        busy_timeout_s: how long a transaction waits for other programs that lock the file.
        clock: seconds on the hub's steady scale.
        wall_clock: seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        *,
        synced: bool,
        settings: SqliteSettings,
        history: HistorySettings,
        rules: HistoryRules | None = None,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._synced = synced
        self._bounds, self._ages = find_ages(settings, history, rules)
        self._replay = ReplayBounds.into(history, rules)
        self._unkept = "" if rules is None else rules.unkept
        self._find_bounds = None if rules is None or not rules.unkept else rules.find
        self._busy_timeout_s = busy_timeout_s
        self._clock = clock
        self._wall_clock = wall_clock
        self._last = EventId(0)
        self._given = EventId(0)
        self._waiting: list[Call] = []
        self._writing = False
        self._floors: list[tuple[Channel, EventId]] = []
        self._stopping: asyncio.Future[None] | None = None
        self._available = False
        self._complained_at = self._warned_at = float("-inf")
        self._transactions: queue.SimpleQueue[Transaction | ToldNotice | None] = queue.SimpleQueue()
        self._take_notice: TakeNotice = lambda _: None

    @property
    def available(self) -> bool:
        """Whether the last transaction could be written."""
        return self._available and self._stopping is None

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Open the file, hand out what it holds, and begin to write.

        Raises:
            BrokerError: the file cannot be used, and why.
        """
        self._deliver, self._lose = deliver, lose
        self._loop = asyncio.get_running_loop()
        now = self._now()
        self._watch = StepWatch(now)
        file = SqliteFile(
            self._path,
            synced=self._synced,
            now_ms=as_id(now.wall_s, 1000),
            unkept=self._unkept,
            busy_timeout_s=self._busy_timeout_s,
        )
        try:
            horizon, last_id, rows, floors = file.read(self._replay, now.wall_ms)
            self._last = self._given = last_id
            replayed = len(rows)
            deliver(as_publications(rows, now.steady_s, now.wall_ms))
            self._floors = [(channel_as_read(channel), floor) for floor, channel in floors]
            for text in file.read_notices(now.wall_ms // 1000):
                self._take_notice(text)
        except BaseException:
            file.close()
            raise
        logger.info("%s: %d events, %d of them replayed", self._path, file.count, replayed)
        self._file = file
        self._available = True
        # Not a daemon thread: the interpreter waits for what is being written.
        self._writer = threading.Thread(target=self._write_all, name="oyez-sqlite")
        self._writer.start()
        return horizon

    def take_floors(self) -> list[tuple[Channel, EventId]]:
        """Return the channels of which events left the file before others did, and up to which id."""
        floors, self._floors = self._floors, []
        return floors

    def _now(self) -> Moment:
        return read_clocks(self._clock, self._wall_clock)

    # The event loop's side

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Take posts; they are settled once their transaction is written."""
        if self._stopping is not None:
            settle(BrokerError("the store is closed", temporary=True))
            return
        self._waiting.append(Call(posts, settle))
        if not self._writing:
            # At the end of this turn, so that all posts of one read go into one transaction.
            self._writing = True
            self._loop.call_soon(self._write_next)

    def hear(self, take: TakeNotice) -> None:
        """Set who takes notices."""
        self._take_notice = take

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        """Keep a notice; it is taken, and then settled, once its transaction is written."""
        if self._stopping is not None:
            settle(BrokerError("the store is closed", temporary=True))
            return
        self._transactions.put(ToldNotice(notice, settle))

    def _kept(self, told: ToldNotice, error: BrokerError | None) -> None:
        """Have a notice taken that was written; called in the event loop."""
        if error is None:
            self._take_notice(told.notice.text)
        told.settle(error)

    def last_id(self) -> EventId:
        """Return the newest id that is kept; before the first, the time at which the file was made, in milliseconds."""
        return self._last

    def reach_back(self, start: EventId) -> EventId:
        """Return the start itself: no clock but this one assigns ids."""
        return start

    def _write_next(self) -> None:
        calls, events = [], 0
        for call in self._waiting:
            if events and events + len(call.posts) > _MOST_IN_A_BATCH:
                break
            calls.append(call)
            events += len(call.posts)
        del self._waiting[: len(calls)]
        self._go_on(self._get_ready(calls))

    def _go_on(self, slices: Iterator[None]) -> None:
        """Do one slice of what takes long; the next one has its turn of the loop behind others."""
        for _ in slices:
            self._loop.call_soon(self._go_on, slices)
            return

    def _get_ready(self, calls: list[Call]) -> Iterator[None]:
        """Hand the calls to the writer, as a transaction."""
        now = self._now()
        try:
            transaction = yield from self._make_transaction(calls, now)
        except Exception:
            logger.exception("a post is refused after an error of ours")
            others = yield from self._refuse_unwritable(calls, now)
            transaction = yield from self._make_transaction(others, now)
        if transaction.publications:
            self._given = transaction.publications[-1].id
        self._transactions.put(transaction)

    def _make_transaction(self, calls: list[Call], now: Moment) -> Generator[None, None, Transaction]:
        """Assign ids to posts, and make the rows of the file."""
        transaction = Transaction(calls, [], [], now)
        ids = count(max(self._given + 1, as_id(now.wall_s, 1000)))
        posts = (post for call in calls for post in call.posts)
        now_s, now_ms = now.steady_s, now.wall_ms
        while publications := [
            Publication(EventId(event_id), post.channel, post.message, post.attachments, now_s)
            for post, event_id in zip(islice(posts, _AT_ONCE), ids)  # noqa: B905 - the ids have no end
        ]:
            transaction.publications.extend(publications)
            kept = publications if self._find_bounds is None else self._leave_unkept(publications)
            transaction.rows.extend([as_row(publication, now_ms) for publication in kept])
            if len(kept) < len(publications):
                transaction = transaction._replace(unkept=publications[-1].id)
            if len(publications) < _AT_ONCE:
                break
            yield
        return transaction

    def _leave_unkept(self, publications: list[Publication]) -> list[Publication]:
        """Return the events that are kept."""
        find = self._find_bounds
        return publications if find is None else [each for each in publications if find(each.channel).kept]

    def _refuse_unwritable(self, calls: list[Call], now: Moment) -> Generator[None, None, list[Call]]:
        """Refuse the calls that cannot be written down, and return the others."""
        others = []
        for call in calls:
            try:
                yield from self._make_transaction([call], now)
                others.append(call)
            except Exception as error:  # noqa: BLE001 - it was logged
                _settle(call.settle, BrokerError(f"an error of ours: {error}", temporary=False))
        return others

    def _written(self, transaction: Transaction, errors: Errors) -> None:
        """Deliver and settle what was written; called in the event loop when its transaction is over."""
        self._go_on(self._finish(transaction, errors))

    def _finish(self, transaction: Transaction, errors: Errors) -> Iterator[None]:
        kept = transaction.publications if errors is None else find_kept(transaction, errors)
        for begin in range(0, len(kept), _AT_ONCE):  # if nothing was written, posts may still be refused
            if begin:
                yield
            publications = kept[begin : begin + _AT_ONCE] if len(kept) > _AT_ONCE else kept
            self._last = publications[-1].id
            self._hand_over(publications)
            if transaction.rows:  # else nothing is known of the file
                self._welcome()
        ids = [publication.id for publication in transaction.publications]
        begin = 0
        for number, call in enumerate(transaction.calls):
            end = begin + len(call.posts)
            error = None if errors is None else errors[number]
            if error is not None and error.temporary:
                self._complain(error)
            _settle(call.settle, error or ids[begin:end])
            begin = end
        self._writing = bool(self._waiting)
        if self._writing:
            self._write_next()
        elif self._stopping is not None:
            self._stopping.set_result(None)

    def _hand_over(self, publications: list[Publication]) -> None:
        """Deliver events; if that fails, listeners are told of a gap: posters' answers must not hang on it."""
        try:
            self._deliver(publications)
        except Exception:
            logger.exception("events are kept and not delivered after an error of ours; listeners are told of a gap")
            try:
                self._lose(publications[-1].id)
            except Exception:
                logger.exception("listeners could not be told of a gap after an error of ours")

    def _welcome(self) -> None:
        if not self._available:
            self._available = True
            self._complained_at = float("-inf")
            logger.info("posts are taken again")

    def _complain(self, error: BrokerError) -> None:
        self._available = False
        now = self._clock()
        if now - self._complained_at >= _COMPLAINT_INTERVAL_S:
            self._complained_at = now
            logger.error("posts are refused, since they cannot be kept: %s", error)

    async def stop(self) -> None:
        """Write what waits, settle it, and close the file; no other program that locks it is waited for."""
        self._stopping = self._loop.create_future()
        self._file.hurried = True
        if self._writing:
            await self._stopping
        self._transactions.put(None)
        await self._loop.run_in_executor(None, self._writer.join)

    # The writer's side

    def _write_all(self) -> None:
        """Write batches until there is a None; keep the file within its bounds in between."""
        trim_at = 0.0
        while True:
            wait_s = trim_at - time.monotonic()
            try:
                transaction = self._transactions.get(timeout=max(wait_s, 0))
                if transaction is None:
                    break
                if isinstance(transaction, ToldNotice):
                    self._loop.call_soon_threadsafe(self._kept, transaction, transaction.keep(self._keep_notice))
                    continue
                self._look_for_step(transaction.moment)
                self._loop.call_soon_threadsafe(self._written, transaction, self._insert_all(transaction))
            except queue.Empty:
                wait_s = 0.0
            if wait_s <= 0:  # under load too, or the file would grow for as long as that lasts
                more = self._trim()
                trim_at = time.monotonic() + (_TRIM_PAUSE_S if more else _TRIM_INTERVAL_S)
        self._file.close()

    def _keep_notice(self, notice: Notice) -> None:
        self._file.keep_notice(notice, self._now().wall_ms // 1000)

    def _insert_all(self, transaction: Transaction) -> Errors:
        """Write all in one transaction.

        What the file itself refuses is the same for all. Where an error of ours is in the way, each call has a
        transaction of its own, so that one that cannot be written costs no other.
        """
        try:
            error = self._insert(transaction.rows, transaction.unkept)
            return None if error is None else [error] * len(transaction.calls)
        except Exception:
            logger.exception("posts are written one by one after an error of ours")
        return [self._insert_alone(rows, transaction.unkept) for rows in find_rows(transaction)]

    def _insert_alone(self, rows: list[Row], unkept: EventId) -> BrokerError | None:
        try:
            return self._insert(rows, unkept)
        except Exception as error:
            logger.exception("a post is refused after an error of ours")
            return BrokerError(f"an error of ours: {error}", temporary=False)

    def _insert(self, rows: Sequence[Row], unkept: EventId) -> BrokerError | None:
        try:
            self._file.insert(rows, unkept)
        except BrokerError as error:
            return BrokerError(str(error), temporary=True)  # without the traceback, which holds the rows
        return None

    def _look_for_step(self, now: Moment) -> None:
        """Have the file remember when the clock was set: what is in it becomes no older by that."""
        step_s = self._watch.look(now)
        if step_s:
            self._file.note_step(round(step_s * 1000))

    def _trim(self) -> bool:
        """Drop some old events; True when there may be more to drop."""
        try:
            now = self._now()
            self._look_for_step(now)
            return not self._file.hurried and self._file.trim(self._bounds, now.wall_ms, self._ages)
        except BrokerError as error:
            if time.monotonic() - self._warned_at >= _COMPLAINT_INTERVAL_S:
                self._warned_at = time.monotonic()
                logger.warning("old events could not be dropped: %s", error)
        except Exception:
            logger.exception("old events could not be dropped after an error of ours")
        return False


def _settle(settle: Settle, outcome: list[EventId] | BrokerError) -> None:
    """Answer a poster, whose errors are its own: all the others wait for the next lines."""
    try:
        settle(outcome)
    except Exception:
        logger.exception("a poster gets no answer after an error of ours")
