"""Whatever is in the SQLite broker's file: does it start, or say what is wrong with it?"""

import asyncio
import functools
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from oyez.brokers.sqlite.broker import SqliteBroker
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.errors import BrokerError
from oyez.hub.publication import MAX_EVENT_ID, Publication
from oyez.hub.settings import HistorySettings
from tests.fakes import Clock
from tests.fuzz import EXAMPLES, fuzz
from tests.sqlite_store import NAME, NOW_MS, make

few = settings(fuzz, max_examples=EXAMPLES or 60)  # each opens a file

places = st.floats(0, 1, exclude_max=True)
patches = st.lists(st.tuples(places, st.binary(min_size=1, max_size=40)), min_size=1, max_size=4)


@functools.cache
def sound() -> bytes:
    """Give a file as it should be, with events over several pages; no fixture, since hypothesis would print it."""
    with tempfile.TemporaryDirectory() as folder:
        return make(Path(folder) / NAME, 60).read_bytes()


def check_said(error: BrokerError, path: Path) -> None:
    """Whoever reads it should see what to do, and not the events."""
    assert not error.temporary
    assert str(error).startswith(str(path))
    assert len(str(error)) < 300 + len(str(path))


def start(path: Path, data: bytes) -> None:
    """Start a broker on such a file; what it does then has to be right, or it says that it cannot."""
    for left in path.parent.glob(f"{NAME}*"):
        left.unlink()
    path.write_bytes(data)
    found: list[Publication] = []

    async def scene() -> None:
        broker = SqliteBroker(
            path,
            synced=False,
            settings=SqliteSettings(1e9, 1000, 10**8),
            history=HistorySettings(size=10**6, ttl_s=1e9, max_bytes=500_000),
            wall_clock=Clock(NOW_MS / 1000),
        )
        try:
            horizon = await broker.start(found.extend, lambda up_to: None)
        except BrokerError as error:
            check_said(error, path)
            return
        ids = [publication.id for publication in found]
        assert ids == sorted(set(ids))
        assert max([horizon, *ids]) <= broker.last_id() <= MAX_EVENT_ID
        assert all(isinstance(publication.message, bytes | None) for publication in found)
        await broker.stop()

    asyncio.run(scene())


@few
@given(data=st.binary(max_size=200) | st.binary(max_size=8192).map(b"SQLite format 3\0".__add__))
def test_arbitrary_bytes(tmp_path: Path, data: bytes) -> None:
    start(tmp_path / NAME, data)


@few
@given(place=places)
def test_cut_at_any_length(tmp_path: Path, place: float) -> None:
    start(tmp_path / NAME, sound()[: int(len(sound()) * place)])


@few
@given(patches=patches)
def test_written_over_anywhere(tmp_path: Path, patches: list[tuple[float, bytes]]) -> None:
    data = bytearray(sound())
    for place, patch in patches:
        begin = int(len(data) * place)
        data[begin : begin + len(patch)] = patch[: len(data) - begin]
    start(tmp_path / NAME, bytes(data))


@few
@given(patches=patches)
def test_written_over_where_rows_begin(tmp_path: Path, patches: list[tuple[float, bytes]]) -> None:
    """A page's first bytes say where its rows are, and a row's first bytes of which types it is."""
    data = bytearray(sound())
    for place, patch in patches:
        page = int(len(data) / 4096 * place) * 4096
        begin = page + int(place * 1e6) % 60
        data[begin : begin + len(patch)] = patch
    start(tmp_path / NAME, bytes(data))


def test_nothing_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for cut in range(0, len(sound()), 1000):
        start(tmp_path / NAME, sound()[:cut])
    assert len(os.listdir("/proc/self/fd")) == before
