"""Are events that are in memory only nowhere in the SQLite store, and is no id of theirs given out twice?"""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from oyez.access.rules import FirstFit
from oyez.brokers.sqlite import broker as sqlite
from oyez.brokers.sqlite.broker import SqliteBroker
from oyez.brokers.sqlite.rows import Row, as_row
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.brokers.sqlite.unkept import AHEAD
from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistoryRules, HistorySettings, bounds_of_all
from tests.sqlite_store import NAME, NOW_MS, opened, query, rows

HISTORY = HistorySettings(ttl_s=1e6)
FOR_ALL = bounds_of_all(HISTORY)
RULES = HistoryRules(FirstFit([("live*", FOR_ALL._replace(kept=False))], FOR_ALL).find, 1e6, "live*")
LIVE, NEWS = Channel("live"), Channel("news")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


class Scene:
    """A broker on a file, with a wall clock that stands still."""

    def __init__(self, path: Path, rules: HistoryRules | None = RULES, now_ms: int = NOW_MS) -> None:
        self.delivered: list[Publication] = []
        self.settled: list[list[EventId] | BrokerError] = []
        self.broker = SqliteBroker(
            path,
            synced=False,
            settings=SqliteSettings(1e9, 10**6, 2**30),
            history=HISTORY,
            rules=rules,
            wall_clock=lambda: now_ms / 1000,
        )

    async def post(self, *channels: Channel) -> list[EventId]:
        done: asyncio.Future[list[EventId] | BrokerError] = asyncio.get_running_loop().create_future()
        self.broker.publish([Post(channel, b"1") for channel in channels], done.set_result)
        outcome = await done
        assert not isinstance(outcome, BrokerError), outcome
        return outcome

    async def start(self) -> int:
        """Start the broker; the horizon."""
        return await self.broker.start(self.delivered.extend, lambda _: None)


def noted(path: Path) -> object:
    ((value,),) = query(path, "SELECT value FROM meta WHERE name = 'unkept'")
    return json.loads(value)


def test_they_have_their_place_in_the_order_and_none_in_the_file(path: Path) -> None:
    async def steps() -> None:
        scene = Scene(path)
        await scene.start()
        ids = [*await scene.post(NEWS, LIVE, NEWS), *await scene.post(LIVE), *await scene.post(NEWS)]
        assert ids == sorted(set(ids))
        assert [(each.id, each.channel, each.message) for each in scene.delivered] == [
            (event_id, channel, b"1") for event_id, channel in zip(ids, (NEWS, LIVE, NEWS, LIVE, NEWS), strict=True)
        ]
        assert query(path, "SELECT id FROM events") == [(ids[0],), (ids[2],), (ids[4],)]
        assert b"live" not in b"".join(file.read_bytes() for file in path.parent.iterdir()).replace(b'"live*"', b"")
        assert scene.broker.last_id() == ids[-1]
        await scene.broker.stop()
        assert noted(path) == [ids[3], "live*"]

    asyncio.run(steps())


def test_a_call_without_events_is_settled(path: Path) -> None:
    async def steps() -> None:
        scene = Scene(path)
        await scene.start()
        assert await scene.post() == []
        await scene.broker.stop()

    asyncio.run(steps())


def test_no_id_is_given_out_twice_whatever_the_clock_says_after_a_kill(path: Path, tmp_path: Path) -> None:
    """The file is copied while the daemon runs: so a kill leaves it."""
    copy = tmp_path / "copy" / NAME
    copy.parent.mkdir()

    async def steps() -> None:
        scene = Scene(path)
        await scene.start()
        given = [*await scene.post(NEWS), *await scene.post(LIVE), *await scene.post(*[LIVE] * 20)]
        for file in path.parent.glob(NAME + "*"):
            copy.with_name(file.name).write_bytes(file.read_bytes())
        await scene.broker.stop()
        for place, ahead in ((path, 0), (copy, AHEAD - 20)):
            again = Scene(place, now_ms=NOW_MS - 1000)
            horizon = await again.start()
            assert horizon <= NOW_MS, "of other channels nothing is missing"
            assert again.broker.last_id() == given[-1] + ahead
            assert await again.post(NEWS) == [given[-1] + ahead + 1]
            assert [each.id for each in again.delivered] == [given[0], given[-1] + ahead + 1]
            await again.broker.stop()

    asyncio.run(steps())


def test_the_note_is_written_again_only_when_it_is_used_up(path: Path) -> None:
    with opened(path, unkept="live*") as file:
        file.insert([], EventId(NOW_MS))
        assert noted(path) == [NOW_MS + AHEAD, "live*"]
        file.insert(rows(3), EventId(NOW_MS + AHEAD))
        assert noted(path) == [NOW_MS + AHEAD, "live*"]
        file.insert(rows(1, NOW_MS + 10), EventId(NOW_MS + AHEAD + 1))
        assert noted(path) == [NOW_MS + 2 * AHEAD + 1, "live*"]
        assert file.last_id() == NOW_MS + 2 * AHEAD + 1
    assert noted(path) == [NOW_MS + AHEAD + 1, "live*"]


def test_a_note_that_cannot_be_written_is_not_relied_on(path: Path) -> None:
    with opened(path, unkept="live*") as file:
        bad = Row(EventId(NOW_MS + 1), 2**70, "news", "1", None)  # a time that is too large for SQLite
        with pytest.raises(OverflowError):
            file.insert([bad], EventId(NOW_MS))
        assert noted(path) == [0, "live*"]
        file.insert([], EventId(NOW_MS))
        assert noted(path) == [NOW_MS + AHEAD, "live*"]


@pytest.mark.parametrize("after", ["", "l*"])
def test_other_rules_after_a_restart_raise_the_horizon_of_all(path: Path, after: str) -> None:
    """What was in memory only may be of a channel that the store keeps by now."""
    with opened(path, unkept="live*") as file:
        file.insert(rows(2), EventId(NOW_MS + 7))
    with opened(path, unkept="live*") as file:
        assert (file.horizon(), file.last_id()) == (NOW_MS, NOW_MS + 7)
    with opened(path, unkept=after) as file:
        assert (file.horizon(), file.last_id()) == (NOW_MS + 7, NOW_MS + 7)


def test_the_first_rule_raises_nothing_and_without_one_nothing_is_noted(path: Path) -> None:
    with opened(path) as file:
        file.insert(rows(2))
        assert query(path, "SELECT value FROM meta WHERE name = 'unkept'") == []
    with opened(path, unkept="live*") as file:
        assert (file.horizon(), file.last_id()) == (NOW_MS, NOW_MS + 2)


@pytest.mark.parametrize("value", ["NULL", "'x'", "'[1]'", "'[-1,\"\"]'", "7", "'{}'", "x'00'"])
def test_a_note_that_does_not_read_is_none(path: Path, value: str) -> None:
    with opened(path, unkept="live*"):
        pass
    query(path, f"UPDATE meta SET value = {value} WHERE name = 'unkept'")
    with opened(path, unkept="live*") as file:
        assert file.last_id() == NOW_MS


def test_a_post_that_cannot_be_written_costs_no_other_of_either_kind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where its row is made, nor where the row is written."""
    bad = Channel("bad time")
    calls = {
        "live": [Post(LIVE, b"1")],
        "both": [Post(LIVE, b"2"), Post(NEWS, b"3"), Post(LIVE, b"4")],
        "no row": [Post(NEWS, b"\xff")],
        "not written": [Post(NEWS, b"5"), Post(LIVE, b"6"), Post(bad, b"7")],
        "live, no text": [Post(LIVE, b"\xff")],
        "nothing": [],
        "news": [Post(NEWS, b"8")],
    }
    settled: dict[str, list[EventId] | BrokerError] = {}

    def make_bad_row(publication: Publication, now_ms: int) -> Row:
        return as_row(publication, 2**70 if publication.channel == bad else now_ms)  # too large for SQLite

    async def steps() -> list[bytes | None]:
        scene = Scene(path)
        await scene.start()
        for name, posts in calls.items():
            scene.broker.publish(posts, partial(settled.__setitem__, name))
        await scene.broker.stop()
        return [each.message for each in scene.delivered]

    monkeypatch.setattr(sqlite, "as_row", make_bad_row)
    assert asyncio.run(steps()) == [b"1", b"2", b"3", b"4", b"\xff", b"8"]
    assert {name for name, outcome in settled.items() if isinstance(outcome, BrokerError)} == {"no row", "not written"}
    assert settled.keys() == calls.keys()
    assert query(path, "SELECT message FROM events") == [("3",), ("8",)]
