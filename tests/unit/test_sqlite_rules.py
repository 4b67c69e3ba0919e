"""Is read back of a file what rules for channels keep, and does each channel know from where on it is complete?"""

from pathlib import Path

import pytest

from oyez.access.rules import FirstFit
from oyez.brokers.sqlite.contents import ReplayBounds
from oyez.brokers.sqlite.retention import find_ages
from oyez.brokers.sqlite.rows import Row
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.hub.history import History
from oyez.hub.publication import Channel, EventId, Publication
from oyez.hub.settings import ChannelBounds, HistoryRules, HistorySettings, bounds_of_all
from tests.sqlite_store import NAME, NOW_MS, opened, query

FOR_ALL = HistorySettings(size=3, ttl_s=60)
RULES = {"long*": ChannelBounds(5, 600, 3), "short*": ChannelBounds(1, 5, 0)}


def ruled(**bounds: ChannelBounds) -> HistoryRules:
    rules = bounds or RULES
    found = FirstFit(rules.items(), bounds_of_all(FOR_ALL))
    return HistoryRules(found.find, max(60, *(each.ttl_s for each in rules.values())))


def row(number: int, channel: str | bytes, age_s: float, size: int = 10) -> Row:
    return Row(EventId(NOW_MS + number), round(NOW_MS - age_s * 1000), channel, "1" * size, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def read_back(path: Path, *rows: Row, settings: HistorySettings = FOR_ALL) -> tuple[History, list[int]]:
    """Write rows, and read them into a history as the hub does; the history, and what was read."""
    rules = ruled()
    one = History(settings, rules)
    with opened(path, now_ms=NOW_MS) as file:
        file.insert(rows)
        horizon, _, read = file.read(ReplayBounds.into(settings, rules), NOW_MS)
    for each in reversed(read):
        time = (each.time_ms - NOW_MS) / 1000
        message = None if each.message is None else each.message.encode()
        name = each.channel if isinstance(each.channel, str) else each.channel.decode("utf-8", "surrogatepass")
        one.append(Publication(each.id, Channel(name), message, (), time))
    one.lose(horizon)
    one.expire(0.0, at_most=len(one))
    return one, [each.id - NOW_MS for each in reversed(read)]


def kept(one: History, channel: str) -> list[int]:
    return [each.id - NOW_MS for each in one.since(Channel(channel), EventId(0))]


def complete_from(one: History, channel: str, upto: int) -> int:
    """The lowest id from which on a channel is complete."""
    return next(number for number in range(upto + 1) if one.gap(Channel(channel), EventId(NOW_MS + number)) is None)


def test_a_channel_with_a_longer_life_is_read_from_behind_the_others(path: Path) -> None:
    one, read = read_back(
        path,
        row(1, "a", 500),
        row(2, "long", 400),
        row(3, "a", 300),
        row(4, "a", 200),
        row(5, "b", 100),
        row(6, "long", 59),
        row(7, "a", 58),
        row(8, "short", 57),
        row(9, "short", 4),
    )
    assert [kept(one, channel) for channel in ("long", "a", "b", "short")] == [[2, 6], [7], [], [9]]
    assert [complete_from(one, channel, 9) for channel in ("long", "a", "b", "short", "never")] == [0, 4, 5, 8, 0]
    assert read == [2, 4, 5, 6, 7, 8, 9], "of what is too old for its channel the newest alone"
    assert not any(b"1" in (each.message or b"") for each in one.since(Channel("b"), EventId(0)))


def test_what_is_too_old_for_all_is_below_the_horizon_of_all(path: Path) -> None:
    one, read = read_back(path, row(1, "long", 601), row(2, "long", 599))
    assert (read, kept(one, "long"), one.horizon - NOW_MS) == ([2], [2], 1)
    assert [complete_from(one, channel, 2) for channel in ("long", "a")] == [1, 1]


def test_a_larger_ring_is_read_whole_and_a_smaller_one_not(path: Path) -> None:
    rows = [row(number, channel, 1) for number, channel in enumerate(("long", "a", "short") * 8, 1)]
    one, _ = read_back(path, *rows)
    assert (kept(one, "long"), kept(one, "a"), kept(one, "short")) == ([10, 13, 16, 19, 22], [17, 20, 23], [24])
    assert [complete_from(one, channel, 24) for channel in ("long", "a", "short")] == [7, 14, 21]


def test_many_events_of_others_do_not_hide_those_that_live_longer(path: Path) -> None:
    """As many of others as all of history has room for are no reason to stop looking."""
    settings = HistorySettings(size=3, ttl_s=60, max_bytes=280 * 40)
    rows = [row(1, "long", 500), *(row(number, "a", 400) for number in range(2, 200)), row(200, "a", 1)]
    one, read = read_back(path, *rows, settings=settings)
    assert (read, kept(one, "long"), kept(one, "a")) == ([1, 199, 200], [1], [200])
    assert [complete_from(one, channel, 200) for channel in ("long", "a")] == [0, 199]


def test_more_channels_than_there_is_room_for_are_below_the_horizon(path: Path) -> None:
    settings = HistorySettings(size=3, ttl_s=60, max_bytes=280 * 40)
    rows = [row(1, "long", 500), *(row(number, f"sub_{number}", 400) for number in range(2, 100))]
    one, read = read_back(path, *rows, settings=settings)
    assert len(read) == 40
    assert one.horizon == NOW_MS + 59
    assert (kept(one, "long"), complete_from(one, "long", 99), complete_from(one, "sub_7", 99)) == ([], 59, 59)


def test_a_name_that_is_no_text_meets_its_rule(path: Path) -> None:
    name = "long\ud800"
    one, _ = read_back(path, row(1, name.encode("utf-8", "surrogatepass"), 500))
    assert kept(one, name) == [1]


def test_the_last_event_that_is_looked_at_raises_the_horizon_whatever_its_channel(path: Path) -> None:
    """Where a channel had all that is read of it, the end of what is looked at was passed over unseen."""
    bounds = ReplayBounds(1e10, 3, 2**20, 1)
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(1, "quiet", 1), *(row(number, "busy", 1) for number in range(2, 6))])
        horizon, _, read = file.read(bounds, NOW_MS)
    assert ([each.id - NOW_MS for each in read], horizon - NOW_MS) == ([5], 2)


# --- What leaves the file before others -------------------------------------------------------------------------------

KEPT = SqliteSettings(max_age_s=100)


def thin(path: Path, rules: HistoryRules, *, now_ms: int = NOW_MS, rounds: int = 50) -> list[tuple[int, str, bool]]:
    """Let a daemon with these rules drop what is too old; what is there then, and whether it still says anything."""
    bounds, ages = find_ages(KEPT, FOR_ALL, rules)
    with opened(path, now_ms=now_ms) as file:
        assert any(not file.trim(bounds, now_ms, ages) for _ in range(rounds))
        assert [(file.count,)] == query(path, "SELECT count(*) FROM events")
    found = query(path, "SELECT id, channel, message IS NOT NULL FROM events ORDER BY id")
    return [(event_id - NOW_MS, channel, bool(is_full)) for event_id, channel, is_full in found]


def test_each_channel_leaves_the_file_by_its_own_rule(path: Path) -> None:
    rules = ruled(
        **{"month*": ChannelBounds(5, 3000, 3), "week*": ChannelBounds(5, 700, 3), "a": ChannelBounds(5, 90, 3)}
    )
    with opened(path, now_ms=NOW_MS) as file:
        ages_s = (2900, 800, 600, 200, 150, 95, 50)
        file.insert(
            [
                row(10 * number + place, channel, age_s)
                for number, age_s in enumerate(ages_s)
                for place, channel in enumerate(("month", "week", "a", "news"), 1)
            ]
        )
    left = thin(path, rules)
    assert [each for each in left if each[1] == "month"] == [(10 * number + 1, "month", True) for number in range(7)]
    assert [each for each in left if each[1] == "week"] == [
        (12, "week", False), *((10 * number + 2, "week", True) for number in range(2, 7)),
    ]  # fmt: skip
    for place, channel in ((3, "a"), (4, "news")):
        assert [each for each in left if each[1] == channel] == [
            (40 + place, channel, False), (50 + place, channel, True), (60 + place, channel, True),
        ]  # fmt: skip
    assert thin(path, rules) == left, "the same daemon, started again"
    assert thin(path, rules, now_ms=NOW_MS + 3000_000) == []


def test_who_comes_back_to_a_thinned_file_is_told_of_a_gap_where_there_is_one(path: Path) -> None:
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(1, "long", 500), row(2, "a", 400), row(3, "a", 300), row(4, "long", 200), row(5, "a", 50)])
    assert thin(path, ruled()) == [(1, "long", True), (3, "a", False), (4, "long", True), (5, "a", True)]
    one, _ = read_back(path)
    assert [kept(one, channel) for channel in ("long", "a")] == [[1, 4], [5]]
    assert [complete_from(one, channel, 5) for channel in ("long", "a", "never")] == [0, 3, 0]


def test_an_empty_row_is_no_event_where_the_rules_have_changed(path: Path) -> None:
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(1, "long", 500), row(2, "a", 400), row(3, "long_2", 300)])
    thin(path, ruled(long=RULES["long*"]))
    one, read = read_back(path)  # by rules that keep more
    assert (read, kept(one, "long_2")) == ([1, 2], [])
    assert [complete_from(one, channel, 3) for channel in ("long", "long_2", "a")] == [3, 3, 3]


def test_a_long_file_is_thinned_in_rounds_and_a_busy_channel_leaves_one_row(path: Path) -> None:
    with opened(path, now_ms=NOW_MS) as file:
        for begin in range(1, 4001, 500):
            file.insert(
                [row(number, "long" if number % 100 == 1 else "busy", 200) for number in range(begin, begin + 500)]
            )
        bounds, ages = find_ages(KEPT, FOR_ALL, ruled())
        assert file.trim(bounds, NOW_MS, ages)
        assert file.count == 3000 + 10 + 1
    left = thin(path, ruled())
    assert [number for number, channel, _ in left if channel == "long"] == list(range(1, 4001, 100))
    assert [each for each in left if each[1] == "busy"] == [(4000, "busy", False)]


def test_without_a_rule_that_keeps_longer_than_the_file_all_go_from_its_end() -> None:
    assert find_ages(KEPT, FOR_ALL, None) == (KEPT, None)
    assert find_ages(SqliteSettings(max_age_s=600), FOR_ALL, ruled()) == (SqliteSettings(max_age_s=600), None)
    assert find_ages(KEPT, HistorySettings(ttl_s=600), ruled()) == (KEPT, None)
