"""Does a hub whose store had events of some channels leave before others know of each channel what is complete?"""

import asyncio
from pathlib import Path

import pytest

from oyez.brokers.sqlite.broker import SqliteBroker
from oyez.brokers.sqlite.retention import find_ages
from oyez.brokers.sqlite.settings import SqliteSettings
from oyez.brokers.stripped import StrippedBroker
from oyez.hub.broker import Broker
from oyez.hub.history import History
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId
from oyez.hub.settings import HistorySettings
from tests.sqlite_store import NAME, NOW_MS, opened
from tests.unit.test_sqlite_rules import complete_from, kept, row, ruled

KEPT = SqliteSettings(max_age_s=100)
SETTINGS = HistorySettings(size=3, ttl_s=60, max_channels=200)


def start(path: Path, *, stripped: bool) -> History:
    """Start a hub on the file as it is, and end it; what it could replay."""
    one = History(SETTINGS, ruled())

    async def scene() -> None:
        broker: Broker = SqliteBroker(
            path,
            synced=False,
            settings=KEPT,
            history=SETTINGS,
            rules=ruled(),
            clock=lambda: 0.0,
            wall_clock=lambda: NOW_MS / 1000,
        )
        if stripped:
            broker = StrippedBroker(broker, lambda _: None)
        hub = Hub(broker, one, call_soon=lambda _: None, call_later=lambda *_: None, clock=lambda: 0.0)
        await hub.start()
        await hub.stop()

    asyncio.run(scene())
    return one


@pytest.mark.parametrize("stripped", [False, True])
@pytest.mark.parametrize("thinned", [False, True])
def test_many_channels_without_events_leave_a_long_kept_one_its_own_over_a_start(
    tmp_path: Path, *, thinned: bool, stripped: bool
) -> None:
    """Each of them came as an event that was to be dropped soon; beyond what there is room for, others went first."""
    with opened(tmp_path / NAME, now_ms=NOW_MS) as file:
        file.insert([row(number, "long", 550) for number in (1, 2)])
        file.insert([row(number, f"sub_{number % 300}", 400) for number in range(3, 1000)])
        file.insert([row(1000, "sub_999", 10)])
        bounds, ages = find_ages(KEPT, SETTINGS, ruled())
        while thinned and file.trim(bounds, NOW_MS, ages):
            pass
        assert file.count == (3 if thinned else 1000)
    one = start(tmp_path / NAME, stripped=stripped)
    assert (kept(one, "long"), kept(one, "sub_999"), len(one)) == ([1, 2], [1000], 3)
    assert complete_from(one, f"sub_{999 % 300}", 1000) == 999
    assert 750 < complete_from(one, "never", 1000) < 900, "below the horizon, as those that are empty for longest"
    assert one.gap(Channel("long"), EventId(NOW_MS + 950)) is None
    assert len(one.channels()) <= SETTINGS.max_channels
