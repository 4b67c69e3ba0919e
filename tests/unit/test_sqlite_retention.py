"""Does the SQLite broker's file stay within its bounds, and the horizon say what that cost?"""

import asyncio
import time
from pathlib import Path

import pytest

from oyez.brokers.sqlite import broker as sqlite
from oyez.brokers.sqlite.broker import SqliteBroker
from oyez.brokers.sqlite.contents import ReplayBounds
from oyez.brokers.sqlite.file import SqliteFile
from oyez.brokers.sqlite.rows import Row, as_row
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from tests.sqlite_store import NAME, NOW_MS, ids, make, opened, query, rows

DAY_S = 86_400.0
MB = 2**20
ANY_AGE, ANY_COUNT, ANY_SIZE = 1e9, 10**9, 2**40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def trim(file: SqliteFile, bounds: SqliteSettings, now_ms: int = NOW_MS) -> None:
    for _ in range(1000):
        if not file.trim(bounds, now_ms):
            return
    raise AssertionError("there is always more to drop")


def test_the_oldest_go_by_count(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(3500))
        trim(file, SqliteSettings(ANY_AGE, 1200, ANY_SIZE))
        assert ids(file) == list(range(NOW_MS + 2301, NOW_MS + 3501))
        assert (file.count, file.horizon()) == (1200, NOW_MS + 2300)


def test_the_oldest_go_by_age(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(100, step_ms=1000))
        trim(file, SqliteSettings(60, ANY_COUNT, ANY_SIZE), NOW_MS + 100_000)
        assert ids(file) == list(range(NOW_MS + 41, NOW_MS + 101))
        assert file.horizon() == NOW_MS + 40
        trim(file, SqliteSettings(60, ANY_COUNT, ANY_SIZE), NOW_MS + 500_000)
        assert (ids(file), file.horizon()) == ([], NOW_MS + 100)
        assert file.last_id() == NOW_MS + 100, "ids go on from what was dropped"


def test_nothing_goes_that_is_within_the_bounds(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(100))
        trim(file, SqliteSettings(DAY_S, 100, MB))
        assert (file.count, file.horizon()) == (100, NOW_MS)


def test_no_more_large_events_go_than_have_to(path: Path) -> None:
    with opened(path) as file:
        for number in range(40):
            file.insert(rows(1, NOW_MS + 1 + number, message="x" * 100_000))
        trim(file, SqliteSettings(ANY_AGE, ANY_COUNT, 3 * MB))
        assert 27 <= file.count <= 31
        trim(file, SqliteSettings(ANY_AGE, ANY_COUNT, 1))
        assert ids(file) == [NOW_MS + 40], "the newest is kept, whatever its size"


@pytest.mark.parametrize(
    "bounds",
    [
        SqliteSettings(ANY_AGE, 2000, ANY_SIZE),
        SqliteSettings(2.0, ANY_COUNT, ANY_SIZE),
        SqliteSettings(ANY_AGE, ANY_COUNT, MB // 2),
    ],
    ids=["count", "age", "bytes"],
)
def test_the_file_stays_as_large_over_many_rounds(path: Path, bounds: SqliteSettings) -> None:
    sizes = []
    with opened(path) as file:
        last = NOW_MS
        for _ in range(30):
            file.insert(rows(1000, last + 1))
            last += 1000
            trim(file, bounds, last)
            sizes.append(sum(each.stat().st_size for each in path.parent.glob(f"{NAME}*")))
        assert 1000 < file.count <= 3000
        assert ids(file)[-1] == last
        assert file.horizon() == ids(file)[0] - 1
    assert max(sizes[10:]) <= 1.2 * max(sizes[5:10]), sizes
    assert path.stat().st_size < 1.2 * MB


def test_room_that_is_free_is_given_back(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(20_000))
    before = path.stat().st_size
    with opened(path) as file:
        trim(file, SqliteSettings(ANY_AGE, 100, ANY_SIZE))
        for _ in range(20):
            file.trim(SqliteSettings(ANY_AGE, 100, ANY_SIZE), NOW_MS)
    assert path.stat().st_size < before / 20


def test_what_is_not_read_is_below_the_horizon(path: Path) -> None:
    make(path, 1000)
    with opened(path) as file:
        assert file.read(ReplayBounds(1e10, 1000, 2**26, 10**6), 0)[:2] == (NOW_MS, NOW_MS + 1000)
        assert file.read(ReplayBounds(1e10, 10, 2**26, 10**6), 0)[:2] == (NOW_MS + 990, NOW_MS + 1000)
        assert file.read(ReplayBounds(0, 1000, 2**26, 10**6), NOW_MS + 501).horizon == NOW_MS + 500
        assert file.read(ReplayBounds(0, 10, 2**26, 10**6), NOW_MS + 5000)[:2] == (NOW_MS + 1000, NOW_MS + 1000)


# --- the broker on such a file ----------------------------------------------------------------------------------------


def broker(path: Path, bounds: SqliteSettings = SqliteSettings(ANY_AGE, ANY_COUNT, ANY_SIZE)) -> SqliteBroker:  # noqa: B008 - frozen
    return SqliteBroker(
        path, synced=False, settings=bounds, history=HistorySettings(size=10**6, ttl_s=ANY_AGE, max_bytes=2**29)
    )


def test_a_hundred_thousand_events_are_read_back_in_no_time(path: Path) -> None:
    now_ms = int(time.time() * 1000)
    with opened(path) as file:
        for begin in range(0, 100_000, 10_000):
            file.insert(rows(10_000, now_ms - 100_000 + begin))
    found: list[Publication] = []

    async def read_back() -> float:
        store = broker(path)
        begin = time.process_time()
        await store.start(found.extend, lambda up_to: None)
        took_s = time.process_time() - begin
        await store.stop()
        return took_s

    took_s = asyncio.run(read_back())
    assert len(found) == 100_000
    assert took_s < 8, "wanted: well below 1 s of a core that does nothing else; where lines are counted, thrice that"


def test_posts_go_on_while_old_events_are_dropped(path: Path) -> None:
    make(path, 5000)
    settled: list[object] = []

    async def scene() -> None:
        store = broker(path, SqliteSettings(ANY_AGE, 1000, ANY_SIZE))
        await store.start(lambda publications: None, lambda up_to: None)
        async with asyncio.timeout(20):
            while query(path, "SELECT count(*) FROM events") != [(1000,)]:
                done = asyncio.get_running_loop().create_future()
                store.publish([Post(Channel("c"), b"1")], done.set_result)
                settled.append(await done)
        await store.stop()

    asyncio.run(scene())
    assert settled
    assert all(isinstance(outcome, list) for outcome in settled)


def test_an_error_of_one_who_waits_does_not_hold_up_the_others(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settled: list[object] = []

    def fail(outcome: object) -> None:
        raise ValueError("of the test")

    async def scene() -> None:
        store = broker(path)
        await store.start(lambda publications: None, lambda up_to: None)
        for settle in (fail, settled.append, fail, settled.append):
            store.publish([Post(Channel("c"), b"1")], settle)
        async with asyncio.timeout(10):
            await store.stop()

    asyncio.run(scene())
    assert len(settled) == 2
    assert caplog.text.count("ValueError: of the test") == 2


def test_a_post_that_cannot_be_written_costs_no_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where its row is made, nor where the row is written."""
    settled: list[object] = []
    make_row = as_row

    def make_bad_row(publication: Publication, now_ms: int) -> Row:
        return make_row(publication, 2**70 if publication.channel == "bad time" else now_ms)  # too large for SQLite

    async def scene() -> None:
        store = broker(path)
        await store.start(lambda publications: None, lambda up_to: None)
        for channel, message in (("c", b"1"), ("c", b"\xff"), ("bad time", b"1"), ("c", b"2")):
            store.publish([Post(Channel(channel), message)], settled.append)
        async with asyncio.timeout(10):
            await store.stop()

    monkeypatch.setattr(sqlite, "as_row", make_bad_row)
    asyncio.run(scene())
    assert sorted(isinstance(outcome, list) for outcome in settled) == [False, False, True, True]
    assert query(path, "SELECT message FROM events") == [("1",), ("2",)]


def test_a_delivery_that_fails_is_told_as_a_gap_and_posters_are_answered(path: Path) -> None:
    settled: list[list[EventId]] = []
    lost: list[EventId] = []

    def fail(publications: object) -> None:
        if publications:  # not what was found at the start: nothing
            raise ValueError("of the test")

    async def scene() -> None:
        store = broker(path)
        await store.start(fail, lost.append)
        store.publish([Post(Channel("c"), b"1")], settled.append)  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            await store.stop()

    asyncio.run(scene())
    assert [[event] for event in lost] == settled


def test_what_is_odd_survives_a_restart(path: Path) -> None:
    posts = [
        Post(Channel("\ud800"), None),
        Post(Channel("a\0b"), b'"\\ud800 \\u0000"'),
        Post(Channel("😀" * 50), b'{"_placeholder":true,"num":0}', (b"", b"\x00" * 1000, b"x")),
        Post(Channel(" "), '"é\u2028"'.encode()),
    ]
    found: list[Publication] = []

    async def scene() -> None:
        for _ in range(2):
            found.clear()
            store = broker(path)
            await store.start(found.extend, lambda up_to: None)
            if not found:
                store.publish(posts, lambda outcome: None)
            await store.stop()

    asyncio.run(scene())
    assert [(each.channel, each.message, each.attachments) for each in found] == [
        (post.channel, post.message, post.attachments) for post in posts
    ]


# --- what is read back ------------------------------------------------------------------------------------------------


def test_no_more_is_read_back_than_history_could_hold(path: Path) -> None:
    with opened(path) as file:
        file.insert([Row(EventId(NOW_MS + number), NOW_MS, "a", "x" * 1000, None) for number in range(1, 101)])
        kept = file.read(ReplayBounds(1e10, 10**6, 10_500, 10**6), 0)
        assert [row.id for row in kept.rows] == [NOW_MS + number for number in range(100, 90, -1)]
        assert kept.horizon == NOW_MS + 90
        assert len(file.read(ReplayBounds(1e10, 10**6, 1, 10**6), 0).rows) == 1


def test_a_busy_channel_takes_no_room_from_a_quiet_one(path: Path) -> None:
    with opened(path) as file:
        file.insert([Row(EventId(NOW_MS + 1), NOW_MS, "quiet", "1", None)])
        file.insert([Row(EventId(NOW_MS + number), NOW_MS, "busy", "x" * 1000, None) for number in range(2, 102)])
        kept = file.read(ReplayBounds(1e10, 10**6, 20_000, 11), 0)
        assert [row.id for row in kept.rows] == [*(NOW_MS + number for number in range(101, 90, -1)), NOW_MS + 1]
        assert kept.horizon == NOW_MS, "the eleventh of the busy one tells history from where on that is complete"
