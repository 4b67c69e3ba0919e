"""Is a bar that was missed told, and one that was kept not?"""

import dataclasses

import pytest

from tests.siege.bars import Moment, Row
from tests.siege.latencies import NEVER_MS, Latencies, Spread
from tests.siege.report import write_report

FAST = Spread(1.0, 4.0, 6.0)
CALM = Moment(FAST, FAST, FAST)
KEPT = Row(
    "seats", CALM, CALM, grown_mb=7.0, open_links=0, calm_after_s=0.2, seats_lost=[], refused=[], named=True
)  # fmt: skip


def attacked(**spreads: Spread) -> Moment:
    return dataclasses.replace(CALM, **spreads)


def test_what_is_as_in_the_calm_is_kept() -> None:
    assert KEPT.missed() == []
    assert "No bar was missed" in write_report([KEPT])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attacked": attacked(acknowledged=Spread(1, 20.1, 21))}, "acknowledgement p99 20.1 ms, and 20.0 may be"),
        ({"attacked": attacked(delivered=Spread(1, 20.1, 21))}, "delivery p99 20.1 ms, and 20.0 may be"),
        ({"grown_mb": 16.1}, "16.1 MB more memory, and 16.0 may be"),
        ({"calm_after_s": 1.1}, "calm again after 1.1 s"),
        ({"calm_after_s": None}, "calm again never"),
        ({"seats_lost": ["long poll, 3 lost its seat"]}, "long poll, 3 lost its seat"),
        ({"refused": ["poster: x"]}, "1 newcomers not served, the first: poster: x"),
        ({"named": False}, "the log does not name the address"),
    ],
)  # fmt: skip
def test_each_bar_can_be_missed(change: dict[str, object], words: str) -> None:
    row = dataclasses.replace(KEPT, **change)  # type: ignore[arg-type]
    assert row.missed() == [words]
    assert words in write_report([row])


@pytest.mark.parametrize(
    "change",
    [
        {"attacked": attacked(acknowledged=Spread(1, 20, 90))},
        {"attacked": attacked(acknowledged=Spread(1, 40, 40), machine=Spread(1, 24.1, 30))},
        {"grown_mb": 25.0, "open_links": 100},
        {"grown_mb": 100.0, "poster": True},
        {"attacked": attacked(delivered=Spread(1, 90, 90)), "floor_ms": 100.0},
        {"named": None},
        {"refused": ["poster: x"], "many": True},
    ],
)
def test_what_may_be_is_no_miss(change: dict[str, object]) -> None:
    assert dataclasses.replace(KEPT, **change).missed() == []  # type: ignore[arg-type]


def latencies(*times: tuple[float, float]) -> Latencies:
    made = Latencies()
    for began, took in times:
        made.add(began, began + took)
    return made


def test_spread_is_of_what_began_within_the_time() -> None:
    times = latencies(*((second / 100, second / 1000) for second in range(200)))
    spread = times.spread(0, 1)
    assert [round(value) for value in spread] == [50, 99, 99]
    assert times.spread(5, 6) == Spread(NEVER_MS, NEVER_MS, NEVER_MS)


def test_what_never_came_is_the_slowest() -> None:
    times = latencies((0, 0.001))
    times.lose(0.5)
    assert times.spread(0, 1).most == NEVER_MS


def test_calm_begins_after_the_last_slow_one() -> None:
    times = latencies((0.1, 0.9), (0.3, 0.7), (0.52, 0.001), (0.9, 0.001))
    assert times.calm_from(0, 1.0, allowed_ms=10, for_s=0.5) == pytest.approx(0.3, abs=0.06)
    assert times.calm_from(0, 0.7, allowed_ms=10, for_s=0.5) is None
    assert times.calm_from(0.4, 1.0, allowed_ms=10, for_s=0.5) == pytest.approx(0.4)


def test_one_of_two_hundred_does_not_end_the_calm() -> None:
    times = latencies(*((second / 1000, 0.001 if second != 150 else 0.1) for second in range(600)))
    assert times.calm_from(0, 0.6, allowed_ms=10, for_s=0.5) == 0
