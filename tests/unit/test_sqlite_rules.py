"""Is read back of a file what rules for channels keep, and does each channel know from where on it is complete?"""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from oyez.access.rules import FirstFit
from oyez.brokers.sqlite.contents import ReplayBounds
from oyez.brokers.sqlite.retention import find_ages
from oyez.brokers.sqlite.rows import Row, channel_as_read
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.errors import BrokerError
from oyez.hub.history import History
from oyez.hub.publication import Channel, EventId, Publication
from oyez.hub.settings import ChannelBounds, HistoryRules, HistorySettings, bounds_of_all
from tests.sqlite_store import NAME, NOW_MS, locked, opened, query

FOR_ALL = HistorySettings(size=3, ttl_s=60)
RULES = {"long*": ChannelBounds(5, 600, 3), "short*": ChannelBounds(1, 5, 0)}


def ruled(**bounds: ChannelBounds) -> HistoryRules:
    rules = bounds or RULES
    found = FirstFit(rules.items(), bounds_of_all(FOR_ALL))
    longest_s = max(each.ttl_s for each in rules.values())
    return HistoryRules(found.find, max(60, longest_s), longest_rule_s=longest_s)


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
        horizon, _, read, floors = file.read(ReplayBounds.into(settings, rules), NOW_MS)
    for each in reversed(read):
        time = (each.time_ms - NOW_MS) / 1000
        message = None if each.message is None else each.message.encode()
        one.append(Publication(each.id, channel_as_read(each.channel), message, (), time))
    one.lose(horizon)
    for floor, stored in floors:
        one.raise_floor(channel_as_read(stored), floor)
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
    assert read == [2, 6, 7, 9], "nothing of what is too old for its channel"


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
    assert (read, kept(one, "long"), kept(one, "a")) == ([1, 200], [1], [200])
    assert [complete_from(one, channel, 200) for channel in ("long", "a")] == [0, 199]


@pytest.mark.parametrize("bound", [{"max_bytes": 280 * 40}, {"max_channels": 20}])
def test_channels_whose_events_are_too_old_cost_no_event_that_is_not(path: Path, bound: dict[str, int]) -> None:
    settings = replace(HistorySettings(size=3, ttl_s=60), **bound)
    rows = [row(1, "long", 500), *(row(number, f"sub_{number}", 400) for number in range(2, 200))]
    one, read = read_back(path, *rows, settings=settings)
    assert (read, kept(one, "long")) == ([1], [1])
    assert complete_from(one, "sub_199", 199) == 199
    assert complete_from(one, "never", 199) == complete_from(one, "sub_7", 199) > 7, "below the horizon of all"


def test_a_name_that_is_no_text_meets_its_rule(path: Path) -> None:
    name = "long\ud800"
    one, _ = read_back(path, row(1, name.encode("utf-8", "surrogatepass"), 500))
    assert kept(one, name) == [1]


def test_the_last_event_that_is_looked_at_raises_the_horizon_whatever_its_channel(path: Path) -> None:
    """Where a channel had all that is read of it, the end of what is looked at was passed over unseen."""
    bounds = ReplayBounds(1e10, 3, 2**20, 1)
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(1, "quiet", 1), *(row(number, "busy", 1) for number in range(2, 6))])
        horizon, _, read, _ = file.read(bounds, NOW_MS)
    assert ([each.id - NOW_MS for each in read], horizon - NOW_MS) == ([5], 2)


# --- What leaves the file before others -------------------------------------------------------------------------------

KEPT = SqliteSettings(max_age_s=100)
EMPTY = (NOW_MS + 2, NOW_MS + 3)


def thin(
    path: Path, rules: HistoryRules, *, now_ms: int = NOW_MS, rounds: int = 50, history: HistorySettings = FOR_ALL
) -> tuple[list[tuple[int, str]], dict[str, int]]:
    """Let a daemon with these rules drop what is too old; what is there then, and the floors beside it."""
    bounds, ages = find_ages(KEPT, history, rules)
    with opened(path, now_ms=now_ms) as file:
        assert any(not file.trim(bounds, now_ms, ages) for _ in range(rounds))
        assert [(file.count,)] == query(path, "SELECT count(*) FROM events")
        floors = file.read(ReplayBounds(1e10, 10**6, 2**26, 10), now_ms).floors
    found = query(path, "SELECT id, channel FROM events ORDER BY id")
    emptied: dict[str, int] = {channel_as_read(channel): floor - NOW_MS for floor, channel in floors}
    return [(event_id - NOW_MS, channel) for event_id, channel in found], emptied


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
    left, floors = thin(path, rules)
    for place, channel, first in ((1, "month", 0), (2, "week", 2), (3, "a", 5), (4, "news", 5)):
        assert [each for each in left if each[1] == channel] == [
            (10 * number + place, channel) for number in range(first, 7)
        ]
    assert floors == {"week": 12, "a": 43, "news": 44}
    assert thin(path, rules) == (left, floors), "the same daemon, started again"
    assert thin(path, rules, now_ms=NOW_MS + 3000_000)[0] == []
    assert thin(path, rules)[1] == {}, "those are below the horizon of all"


def test_who_comes_back_to_a_thinned_file_is_told_of_a_gap_where_there_is_one(path: Path) -> None:
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(1, "long", 500), row(2, "a", 400), row(3, "a", 300), row(4, "long", 200), row(5, "a", 50)])
    assert thin(path, ruled()) == ([(1, "long"), (4, "long"), (5, "a")], {"a": 3})
    one, _ = read_back(path)
    assert [kept(one, channel) for channel in ("long", "a")] == [[1, 4], [5]]
    assert [complete_from(one, channel, 5) for channel in ("long", "a", "never")] == [0, 3, 0]


def test_rules_that_keep_more_than_before_are_no_gap_for_other_channels(path: Path) -> None:
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(1, "long", 500), row(2, "a", 400), row(3, "long_2", 300)])
    thin(path, ruled(long=RULES["long*"]))
    one, read = read_back(path)
    assert (read, kept(one, "long_2")) == ([1], [])
    assert [complete_from(one, channel, 3) for channel in ("long", "long_2", "a")] == [0, 3, 2]


def test_the_newest_id_is_not_given_again_though_its_event_has_left(path: Path) -> None:
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(1, "long", 500), row(2, "a", 400)])
    thin(path, ruled())
    with opened(path, now_ms=NOW_MS) as file:
        assert file.last_id() == NOW_MS + 2


def test_an_empty_row_of_an_earlier_version_is_a_floor(path: Path) -> None:
    rows = [row(1, "long", 500), row(2, "a", 400), row(3, "long_2", 300), row(4, "a", 10)]
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([each._replace(message=None, attachments=b"") if each.id in EMPTY else each for each in rows])
    for thinned in (False, True):
        if thinned:
            assert thin(path, ruled()) == ([(1, "long"), (3, "long_2"), (4, "a")], {"a": 2, "long_2": 3})
        one, read = read_back(path)
        assert (read, kept(one, "long_2")) == ([1, 4], [])
        assert [complete_from(one, channel, 4) for channel in ("long", "long_2", "a")] == [0, 3, 2]


def test_a_long_file_is_thinned_in_rounds(path: Path) -> None:
    with opened(path, now_ms=NOW_MS) as file:
        for begin in range(1, 4001, 500):
            file.insert(
                [row(number, "long" if number % 100 == 1 else "busy", 200) for number in range(begin, begin + 500)]
            )
        bounds, ages = find_ages(KEPT, FOR_ALL, ruled())
        assert file.trim(bounds, NOW_MS, ages)
        assert file.count == 3000 + 10
    left, floors = thin(path, ruled())
    assert left == [(number, "long") for number in range(1, 4001, 100)]
    assert floors == {"busy": 4000}


def test_events_are_counted_as_they_leave_though_another_program_stops_what_leaves_next(path: Path) -> None:
    rules = ruled(month=ChannelBounds(5, 3000, 3), week=ChannelBounds(5, 700, 3))
    bounds, ages = find_ages(KEPT, FOR_ALL, rules)
    assert ages is not None
    later_ms = NOW_MS + 150_000
    with opened(path, now_ms=NOW_MS, busy_timeout_s=0.0) as file, contextlib.ExitStack() as stack:
        file.insert([row(1, "month", 900), row(2, "week", 600)])
        while file.trim(bounds, NOW_MS, ages):  # it knows both ages then
            pass
        file.insert([row(number, "a", 0) for number in range(3, 9)])

        def find_and_lock(channel: str) -> float:
            if query(path, "SELECT count(*) FROM events") == [(2,)]:
                stack.enter_context(locked(path))
            return ages.find(channel)

        with pytest.raises(BrokerError, match="locked"):
            file.trim(bounds, later_ms, ages._replace(find=find_and_lock))
        stack.close()
        assert [(file.count,)] == query(path, "SELECT count(*) FROM events") == [(2,)]
        while file.trim(bounds, later_ms, ages):
            pass
        assert [(file.count,)] == query(path, "SELECT count(*) FROM events") == [(1,)]


def test_channels_that_post_in_turn_leave_no_row_behind_and_as_many_floors_as_are_remembered(path: Path) -> None:
    """Each of them came again later than any memory of the last ones; so each of their events left a row."""
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(1, "long", 550)])
        for begin in (1, 2):
            file.insert([row(begin * 12_000 + number, f"sub_{number}", 500 - begin) for number in range(12_000)])
    left, floors = thin(path, ruled())
    assert left == [(1, "long")]
    assert floors == {f"sub_{number}": 24_000 + number for number in range(12_000)}
    with opened(path, now_ms=NOW_MS) as file:
        file.insert([row(40_000 + number, f"late_{number}", 200) for number in range(100)])
    left, floors = thin(path, ruled(), history=replace(FOR_ALL, max_channels=1000))
    assert (left, len(floors)) == ([(1, "long")], 900)
    assert {f"late_{number}" for number in range(100)} <= floors.keys()
    with opened(path, now_ms=NOW_MS) as file:
        assert file.horizon() == min(floors.values()) - 1 + NOW_MS, "the floor of the newest that is forgotten"


def test_what_stands_for_a_floor_and_can_be_none_is_damage(path: Path) -> None:
    test_the_newest_id_is_not_given_again_though_its_event_has_left(path)
    query(path, "UPDATE emptied SET id = 'x'")
    with pytest.raises(BrokerError, match="is damaged"), opened(path, now_ms=NOW_MS) as file:
        file.read(ReplayBounds(1e10, 1, 2**26, 1), NOW_MS)


def test_without_a_rule_that_keeps_longer_than_the_file_all_go_from_its_end() -> None:
    for rules in (None, HistoryRules(ruled().find, 600, longest_rule_s=100)):
        for ttl_s in (60, 600):
            assert find_ages(KEPT, HistorySettings(ttl_s=ttl_s), rules) == (KEPT, None)
    assert find_ages(SqliteSettings(max_age_s=600), FOR_ALL, ruled()) == (SqliteSettings(max_age_s=600), None)


@pytest.mark.parametrize("for_all_s", [200, 6000])
def test_a_history_that_is_longer_than_the_file_keeps_nothing_in_it(for_all_s: float) -> None:
    """A rule's channels stay for as long as it says, be that less than history has; all others as the file has it."""
    history = HistorySettings(ttl_s=for_all_s)
    found = FirstFit([("long", ChannelBounds(5, 600, 3)), ("short", ChannelBounds(5, 5, 3))], bounds_of_all(history))
    bounds, ages = find_ages(KEPT, history, HistoryRules(found.find, max(600, for_all_s), longest_rule_s=600))
    assert ages is not None
    assert [ages.find(channel) for channel in ("long", "short", "a")] == [600, 100, 100]
    assert (bounds.max_age_s, ages.longest_s, ages.shortest_s) == (600, 600, 100)
