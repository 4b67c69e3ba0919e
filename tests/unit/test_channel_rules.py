"""What do the rules of the settings say to the hub and its store, and is nobody asked where they say nothing?"""

from dataclasses import replace

import pytest

from oyez.access.settings import ChannelSettings
from oyez.config.tree import Settings
from oyez.hub.settings import ChannelBounds, HistorySettings
from oyez.server.channel_rules import find_history_rules, find_needing_restart, find_strips, hears_notices

KEPT, LIVE, OTHERS = (
    ChannelSettings("kept"),
    ChannelSettings("*_live", keep=False),
    ChannelSettings("*", history_size=9),
)


def test_rules_that_say_nothing_of_history_or_messages_cost_nothing() -> None:
    settings = Settings(channels=(ChannelSettings("a", "nobody"), ChannelSettings("b", history_ttl_s=600.0)))
    assert (find_history_rules(settings), find_strips(settings)) == (None, None)


def test_the_first_rule_that_fits_says_all_and_leaves_the_rest_as_it_is_for_all() -> None:
    rules = find_history_rules(
        Settings(
            channels=(
                ChannelSettings("a", history_size=5),
                ChannelSettings("a*", history_ttl_s=9000.0, replay_without_start=0),
                ChannelSettings("*", keep=False),
            )
        )
    )
    assert rules is not None
    assert rules.find("a") == ChannelBounds(5, 600.0, 50)
    assert rules.find("ab") == ChannelBounds(256, 9000.0, 0)
    assert rules.find("b") == ChannelBounds(256, 600.0, 50, kept=False)
    assert (rules.longest_ttl_s, rules.longest_rule_s) == (9000.0, 9000.0)


@pytest.mark.parametrize(
    ("rules", "unkept"),
    [
        ([OTHERS], ""),
        ([LIVE], '[["*_live", false]]'),
        ([LIVE, OTHERS], '[["*_live", false]]'),
        ([KEPT, LIVE, OTHERS], '[["kept", true], ["*_live", false]]'),
    ],
)
def test_which_channels_are_not_kept_is_the_same_for_as_long_as_those_are(
    rules: list[ChannelSettings], unkept: str
) -> None:
    found = find_history_rules(Settings(channels=tuple(rules)))
    assert found is not None
    assert found.unkept == unkept


def test_what_leaves_is_found_for_the_channels_of_its_rule() -> None:
    find = find_strips(Settings(channels=(ChannelSettings("open"), ChannelSettings("*", strip=("/a",)))))
    assert find is not None
    strip = find("contest")
    assert strip is not None
    assert strip(b'{"a":1,"b":2}') == (b'{"b":2}', ())
    assert find("open") is None


@pytest.mark.parametrize(
    ("broker", "is_free"),
    [
        ("memory://", True),
        ("sqlite://", True),
        ("redis://localhost:6379/0?name=events", True),
        ("another-package://localhost", True),
        ("amqp://localhost/?exchange=events", False),
        ("amqps://localhost/?exchange=events", False),
    ],
)
def test_revocations_are_heard_from_the_start_where_that_costs_nothing(broker: str, is_free: bool) -> None:
    open_to_all = Settings(broker=broker)
    closed = Settings(broker=broker, channels=(ChannelSettings("a", "grant"),))
    assert (hears_notices(open_to_all), hears_notices(closed)) == (is_free, True)
    assert find_needing_restart(open_to_all, closed) == ([] if is_free else ["channels.listen"])


@pytest.mark.parametrize(
    ("ttl_s", "history_s", "waits"),
    [(130_000, 600, True), (130_000, 172_800, True), (172_800, 172_800, False), (80_000, 600, False)],
)
def test_a_rule_needs_a_restart_where_the_file_would_keep_less(ttl_s: float, history_s: float, *, waits: bool) -> None:
    """The file keeps its events for a day; a longer history keeps none of them in it."""
    first = Settings(history=HistorySettings(ttl_s=history_s))
    wanted = replace(first, channels=(ChannelSettings("long", history_ttl_s=ttl_s),))
    assert find_needing_restart(first, wanted) == (["channels.history_ttl_s"] if waits else [])
