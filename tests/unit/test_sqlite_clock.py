"""Does a clock that is wrong, or was, leave the SQLite store's events alone, and do they grow old all the same?"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from oyez.brokers.clocks import HIGHEST_TIME, Moment, StepWatch, as_id, read_clocks
from oyez.brokers.memory import MemoryBroker
from oyez.brokers.sqlite.ages import Ages, ClockStep
from oyez.brokers.sqlite.broker import SqliteBroker
from oyez.brokers.sqlite.contents import ReplayBounds
from oyez.brokers.sqlite.file import SqliteFile
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.hub.publication import MAX_EVENT_ID, Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from oyez.testing.harness import Clock
from tests.sqlite_store import NAME, NOW_MS, ids, opened, query, rows

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FAR_MS = 400 * DAY_MS
ONE_DAY = SqliteSettings(86_400, 10**9, 2**40)
TEN_MINUTES = ReplayBounds(600, 1000, 2**26, 1000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def left(file: SqliteFile, now_ms: int) -> int:
    """Drop all that is too old; what is left."""
    while file.trim(ONE_DAY, now_ms):
        pass
    return file.count


@pytest.mark.parametrize("step_ms", [FAR_MS, -FAR_MS, 2 * HOUR_MS, -2 * HOUR_MS, 23 * HOUR_MS])
def test_a_step_of_the_clock_makes_no_event_older_nor_younger(path: Path, step_ms: int) -> None:
    with opened(path) as file:
        file.insert(rows(6))
        file.note_step(step_ms)
        now_ms = NOW_MS + step_ms
        file.insert([row._replace(time_ms=now_ms) for row in rows(4, NOW_MS + 100)])
        assert left(file, now_ms) == 10
        assert len(file.read(TEN_MINUTES, now_ms).rows) == 10, "they are as young as they were"
        assert left(file, now_ms + DAY_MS - 1000) == 10
        assert left(file, now_ms + DAY_MS + 1000) == 0


def test_a_clock_that_is_wrong_for_a_moment_costs_nothing(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(3))
        file.note_step(FAR_MS)
        file.insert([row._replace(time_ms=NOW_MS + FAR_MS) for row in rows(3, NOW_MS + FAR_MS)])
        assert left(file, NOW_MS + FAR_MS) == 6
        file.note_step(-FAR_MS)
        file.insert([row._replace(time_ms=NOW_MS) for row in rows(3, NOW_MS + FAR_MS + 10)])
        assert left(file, NOW_MS) == 9
        assert left(file, NOW_MS + DAY_MS + 1000) == 0, "and none is kept for a year"


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize(
    ("away_ms", "older_ms"),
    [
        (20 * 60_000, 20 * 60_000),
        (HOUR_MS, HOUR_MS),
        (HOUR_MS + 60_000, 0),
        (20 * HOUR_MS, 0),
        (FAR_MS, 0),
        (-20 * HOUR_MS, 0),
        (-FAR_MS, 0),
        (-NOW_MS + 5000, 0),  # a machine without a clock of its own begins in 1970
    ],
)
def test_an_absence_counts_if_it_is_an_hour_at_most(
    path: Path, away_ms: int, older_ms: int, *, is_killed: bool
) -> None:
    file = SqliteFile(path, synced=False, now_ms=NOW_MS)
    file.insert(rows(10))
    if is_killed:
        file._let_go()
    else:
        file.close()
    now_ms = NOW_MS + away_ms
    with opened(path, now_ms=now_ms) as file:
        assert left(file, now_ms) == 10
        assert left(file, now_ms + DAY_MS - older_ms - 20_000) == 10
        assert left(file, now_ms + DAY_MS - older_ms + 20_000) == 0


@pytest.mark.parametrize("count", [1, 3])
def test_who_is_killed_after_a_step_of_the_clock_has_noted_it_with_the_events(path: Path, count: int) -> None:
    """Of a clock that was wrong for a moment: nothing came of it but a few events."""
    file = SqliteFile(path, synced=False, now_ms=NOW_MS)
    file.insert(rows(3))
    file.note_step(-FAR_MS)
    file.insert([row._replace(time_ms=NOW_MS - FAR_MS) for row in rows(count, NOW_MS + 100)])
    file.note_step(FAR_MS)
    file.insert([row._replace(time_ms=NOW_MS) for row in rows(count, NOW_MS + 200)])
    file._let_go()
    with opened(path) as file:
        assert len(file.read(TEN_MINUTES, NOW_MS).rows) == 3 + 2 * count
        assert left(file, NOW_MS) == 3 + 2 * count


def test_the_time_comes_by_network_after_a_start_in_1970(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(5))
    with opened(path, now_ms=60_000) as file:
        assert left(file, 60_000) == 5
        file.insert([row._replace(time_ms=61_000) for row in rows(5, NOW_MS + 100)])
        file.note_step(NOW_MS)
        assert left(file, NOW_MS + 62_000) == 10
    with opened(path, now_ms=NOW_MS + 70_000) as file:
        assert [row.id for row in file.read(TEN_MINUTES, NOW_MS + 70_000).rows][-1] == NOW_MS + 1
        assert left(file, NOW_MS + DAY_MS) == 10
        assert left(file, NOW_MS + DAY_MS + 80_000) == 0
        assert file._ages.steps == []


def test_steps_outlive_a_restart_and_are_forgotten_with_their_events(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(5))
        file.note_step(FAR_MS)
        left(file, NOW_MS + FAR_MS)
    with opened(path, now_ms=NOW_MS + FAR_MS + 1000) as file:
        assert left(file, NOW_MS + FAR_MS + DAY_MS - 1000) == 5
        assert left(file, NOW_MS + FAR_MS + DAY_MS + 1000) == 0
        file.trim(ONE_DAY, NOW_MS + FAR_MS + DAY_MS + HOUR_MS)
    with opened(path, now_ms=NOW_MS + FAR_MS + DAY_MS + HOUR_MS) as file:
        assert file._ages.steps == []


def test_a_file_of_the_first_version_says_when_it_was_used_by_its_newest_event(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(10))
    query(path, "DELETE FROM meta WHERE name = 'clock'")
    with opened(path, now_ms=NOW_MS + FAR_MS) as file:
        assert ids(file) == [row.id for row in rows(10)]
        assert left(file, NOW_MS + FAR_MS) == 10


@pytest.mark.parametrize("noted", ["x", "[]", "{}", "[[1]]", '["a"]', "[null,5]", "[null,[1,null]]", b"\xff", 7, "NaN"])
def test_whatever_stands_where_the_steps_are_noted_ends_nothing(path: Path, noted: object) -> None:
    assert Ages(noted).steps == []
    with opened(path) as file:
        file.insert(rows(3))
    value = repr(noted) if isinstance(noted, str | int) else "x'ff'"
    query(path, f"UPDATE meta SET value = {value} WHERE name = 'clock'")
    with opened(path) as file:
        assert left(file, NOW_MS + 1000) == 3


def test_a_clock_that_never_rests_takes_no_room_and_makes_nothing_old() -> None:
    ages = Ages(None)
    for number in range(1000):
        ages.note_step(EventId(number), FAR_MS if number % 2 else -FAR_MS)
    assert len(ages.steps) <= 50
    assert ages.put_right(0, NOW_MS) >= NOW_MS
    assert ages.put_right(1000, NOW_MS) == NOW_MS
    assert Ages(ages.dump()).steps == ages.steps
    ages.forget(before=999)
    assert ages.steps == [ClockStep(EventId(999), FAR_MS)]


# --- the broker, and the other ones -----------------------------------------------------------------------------------


def test_the_broker_notices_a_step_at_the_next_post_and_without_one(path: Path) -> None:
    clock, wall_clock = Clock(50.0), Clock(NOW_MS / 1000)
    history = HistorySettings(ttl_s=600)

    async def run(act: Callable[[Callable[[], asyncio.Future[object]]], None]) -> list[Publication]:
        found: list[Publication] = []
        broker = SqliteBroker(path, synced=False, settings=ONE_DAY, history=history, clock=clock, wall_clock=wall_clock)
        await broker.start(found.extend, lambda up_to: None)
        found = list(found)
        settled: list[asyncio.Future[object]] = []

        def post() -> asyncio.Future[object]:
            future = asyncio.get_running_loop().create_future()
            broker.publish([Post(Channel("a"), b"1")], future.set_result)
            settled.append(future)
            return future

        act(post)
        await asyncio.gather(*settled)
        await broker.stop()
        return found

    def post_one(post: Callable[[], object]) -> None:
        post()

    def post_after_a_step(post: Callable[[], object]) -> None:
        wall_clock.now += FAR_MS / 1000
        post()

    assert asyncio.run(run(post_one)) == []
    clock.now, wall_clock.now = 1.0, wall_clock.now + 60
    assert len(asyncio.run(run(post_after_a_step))) == 1
    clock.now, wall_clock.now = 1.0, wall_clock.now + 60
    found = asyncio.run(run(lambda post: None))
    assert [round(clock.now - each.time) for each in found] == [120, 60]


def test_a_step_is_found_once_however_slowly_the_clocks_go() -> None:
    watch = StepWatch(Moment(10.0, 1000.0))
    assert watch.look(Moment(11.0, 1001.9)) == 0
    assert watch.look(Moment(12.0, 1003.5)) == pytest.approx(1.5), "many small steps make a large one"
    assert watch.look(Moment(13.0, 1004.5)) == 0
    assert watch.look(Moment(14.0, 5.5)) == pytest.approx(-1000)
    assert watch.look(Moment(14.5, 6.0)) == 0


def test_clocks_are_read_again_if_the_process_was_held_up_in_between() -> None:
    steady = iter([1.0, 9.0, 9.0, 9.01])
    assert read_clocks(lambda: next(steady), lambda: 100.0) == (9.0, 100.0)


@pytest.mark.parametrize("wall_s", [-1e9, 0.0, 0.0004, 1e13, 1e18])
def test_ids_stay_within_their_bounds_whatever_the_clock_says(wall_s: float) -> None:
    assert 1 <= as_id(wall_s, 1000) <= HIGHEST_TIME < MAX_EVENT_ID
    broker, delivered = MemoryBroker(wall_clock=lambda: wall_s), list[Publication]()

    async def post() -> None:
        await broker.start(delivered.extend, lambda up_to: None)
        assert broker.last_id() >= 1
        for _ in range(3):
            broker.publish([Post(Channel("a"), None)], lambda outcome: None)

    asyncio.run(post())
    ids = [each.id for each in delivered]
    assert ids == sorted(set(ids))
    assert ids[-1] == broker.last_id() < MAX_EVENT_ID
