"""Do channels with rules of their own keep what their rule says, and tell of what is gone; and the others as before?"""

from collections.abc import Mapping

import pytest

from oyez.access.rules import FirstFit
from oyez.hub.history import History
from oyez.hub.positions import find_positions
from oyez.hub.publication import Channel, EventId
from oyez.hub.settings import ChannelBounds, HistoryRules, HistorySettings
from oyez.hub.subscriber import Subscription
from tests.fakes import Ids, Listener
from tests.unit.test_history import A, B, C, gap, ids, keep

LONG, SHORT = Channel("long"), Channel("short")
IDS = Ids()
RULES = {"long*": ChannelBounds(5, 600, 3), "short*": ChannelBounds(1, 5, 0)}


def ruled(rules: Mapping[str, ChannelBounds] = RULES, *, size: int = 2, ttl_s: float = 60, **others: int) -> History:
    for_all = ChannelBounds(size, ttl_s, 50)
    longest = max(ttl_s, *(bounds.ttl_s for bounds in rules.values()))
    one = History(
        HistorySettings(size=size, ttl_s=ttl_s, **others),
        HistoryRules(FirstFit(rules.items(), for_all).find, longest),
    )
    one.lose(EventId(10))
    return one


def test_each_channel_has_the_size_of_its_rule() -> None:
    one = ruled()
    keep(one, LONG, 11, 12, 13, 14, 15, 16)
    keep(one, SHORT, 17, 18)
    keep(one, A, 19, 20, 21)
    assert (ids(one, LONG), ids(one, SHORT), ids(one, A)) == ([12, 13, 14, 15, 16], [18], [20, 21])
    assert [gap(one, channel, after) for channel, after in ((LONG, 11), (SHORT, 17), (A, 19))] == [None, None, None]
    assert [gap(one, channel, 10) for channel in (LONG, SHORT, A)] == [(10, 12), (10, 18), (10, 20)]
    assert (len(one), one.knows(EventId(12)), one.knows(EventId(11)), one.knows(EventId(18))) == (8, True, False, True)


def test_each_channel_has_the_age_of_its_rule() -> None:
    one = ruled()
    keep(one, LONG, 11)
    keep(one, A, 12)
    keep(one, SHORT, 13)
    one.expire(4.9, at_most=10)
    assert (ids(one, LONG), ids(one, A), ids(one, SHORT)) == ([11], [12], [13])
    one.expire(5, at_most=10)
    assert (ids(one, LONG), ids(one, A), ids(one, SHORT)) == ([11], [12], [])
    one.expire(60, at_most=10)
    assert (ids(one, LONG), ids(one, A)) == ([11], [])
    assert [gap(one, channel, 10) for channel in (LONG, A, SHORT)] == [None, (10, 13), (10, 14)]
    one.expire(599.9, at_most=10)
    assert ids(one, LONG) == [11]
    one.expire(600, at_most=10)
    assert (ids(one, LONG), len(one)) == ([], 0)


def test_what_is_dropped_at_once_is_bounded_over_all_ages() -> None:
    one = ruled()
    keep(one, A, 11, 12)
    keep(one, LONG, 13, 14)
    one.expire(10_000, at_most=3)
    assert (ids(one, A), ids(one, LONG)) == ([], [14])


def test_the_bound_on_bytes_holds_over_all_and_takes_the_oldest_whatever_its_rule() -> None:
    one = ruled(max_bytes=2_900)
    keep(one, LONG, 11, size=300)
    keep(one, A, 12, size=300)
    keep(one, SHORT, 13, size=300)
    assert len(one) == 3
    keep(one, B, 14, size=300)
    assert (ids(one, LONG), ids(one, A), ids(one, SHORT), gap(one, LONG, 10)) == ([], [12], [13], (10, 12))
    assert one.bytes <= 2_900
    for event in range(15, 40):
        keep(one, Channel(f"long_{event}"), event, size=300)
        assert one.bytes <= 2_900
    assert (ids(one, A), ids(one, SHORT), ids(one, Channel("long_39"))) == ([], [], [39])


def test_the_bound_on_channels_takes_the_oldest_of_all() -> None:
    one = ruled(max_channels=2)
    keep(one, LONG, 11)
    keep(one, A, 12)
    keep(one, SHORT, 13)
    assert (one.channels(), gap(one, LONG, 10)) == ([A, SHORT], (10, 12))


def test_a_rule_that_says_what_counts_for_all_changes_nothing() -> None:
    one = ruled({"long": ChannelBounds(2, 60, 50)})
    keep(one, LONG, 11, 12, 13)
    keep(one, A, 14)
    one.expire(60, at_most=3)
    assert (len(one), gap(one, LONG, 13)) == (0, None)


@pytest.mark.parametrize(
    ("channels", "replayed"),
    [
        ([LONG], {LONG: [14, 15, 16]}),
        ([SHORT], {SHORT: []}),
        ([LONG, SHORT, A], {LONG: [14, 15, 16], SHORT: [], A: [21, 22]}),
        ([LONG, Channel("long_2")], {LONG: [16], Channel("long_2"): [18, 19]}),
        ([A, B, C], {A: [21, 22], B: [], C: []}),
    ],
    ids=["more", "none", "each its own", "those of a rule together", "no rule"],
)
def test_who_names_no_start_gets_as_many_as_the_rule_says(
    channels: list[Channel], replayed: dict[Channel, list[int]]
) -> None:
    one = ruled()
    keep(one, LONG, 12, 13, 14, 15, 16)
    keep(one, Channel("long_2"), 18, 19)
    keep(one, SHORT, 20)
    keep(one, A, 21, 22)
    listener = Subscription(Listener(), IDS, lambda _: True)
    positions, gaps = find_positions(one, listener, channels, None, EventId(0))
    assert {channel: ids(one, channel, positions[channel]) for channel in channels} == replayed
    assert gaps == []


UNKEPT = {"live*": ChannelBounds(2, 60, 50, kept=False)}
LIVE = Channel("live")


def test_what_the_store_does_not_keep_is_a_gap_from_before_the_daemon_began() -> None:
    one = History(
        HistorySettings(size=2, ttl_s=60),
        HistoryRules(FirstFit(UNKEPT.items(), ChannelBounds(2, 60, 50)).find, 60, "live*"),
    )
    keep(one, LIVE, 12)  # from before there was the rule
    keep(one, Channel("live_old"), 13, time=-100)
    keep(one, A, 14)
    one.lose(EventId(10))
    one.lose_unkept(EventId(20))
    one.expire(0, at_most=9)
    assert [gap(one, channel, 12) for channel in (A, B)] == [None, None]
    assert [gap(one, channel, 20) for channel in (A, LIVE, Channel("live_old"), Channel("live_2"))] == [None] * 4
    assert (gap(one, LIVE, 12), ids(one, LIVE)) == ((12, 21), [12]), "who is told of the gap may have it all the same"
    assert (gap(one, Channel("live_old"), 13), gap(one, Channel("live_2"), 19)) == ((13, 21), (19, 21))
    keep(one, Channel("live_2"), 21)
    keep(one, B, 22)
    assert (gap(one, Channel("live_2"), 19), gap(one, Channel("live_2"), 20)) == ((19, 21), None)
    assert (gap(one, B, 10), one.last_id) == (None, 22)


def test_where_the_store_keeps_all_nothing_is_lost_that_was_not() -> None:
    for one in (ruled(), History(HistorySettings())):
        keep(one, LONG, 12)
        one.lose_unkept(EventId(20))
        assert (one.last_id, gap(one, LONG, 12)) == (12, None)


def test_a_floor_of_one_channel_is_none_of_others() -> None:
    one = ruled(max_channels=4)
    keep(one, LONG, 11, 13)
    keep(one, A, 12)
    for channel, floor in ((A, 12), (SHORT, 15), (SHORT, 14)):
        one.raise_floor(channel, EventId(floor))
    assert (ids(one, LONG), ids(one, A), one.last_id) == ([11, 13], [12], 15)
    assert [gap(one, channel, 11) for channel in (LONG, A, SHORT)] == [None, (11, 13), (11, 16)]
    assert [gap(one, channel, after) for channel, after in ((A, 12), (SHORT, 15), (Channel("never"), 10))] == [None] * 3


@pytest.mark.parametrize(("max_channels", "max_bytes"), [(4, 10**6), (1, 10**6), (10**6, 1200)])
def test_floors_for_which_there_is_no_room_raise_the_horizon_and_drop_no_event(
    max_channels: int, max_bytes: int
) -> None:
    one = ruled(max_channels=max_channels, max_bytes=max_bytes)
    keep(one, LONG, 11, 12)
    for number in range(13, 33):
        one.raise_floor(Channel(f"sub_{number}"), EventId(number))
    assert (ids(one, LONG), gap(one, LONG, 10)) == ([11, 12], None)
    assert one.bytes <= max_bytes
    assert 28 <= one.horizon <= 32
    for number in range(13, 33):
        assert gap(one, Channel(f"sub_{number}"), number - 1) is not None
        assert gap(one, Channel(f"sub_{number}"), 32) is None
