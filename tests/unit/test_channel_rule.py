"""Does a pattern take the channels that it says, and no others, in a time that nobody notices?"""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oyez.access.channel_rule import ChannelRule


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    [
        ("news", ["news"], ["new", "newss", "NEWS", "", "*"]),
        ("sub_*", ["sub_", "sub_1", "sub_*", "sub_a\nb"], ["sub", "xsub_1", "Sub_1"]),
        ("*", ["", "x", "\ud800"], []),
        ("*_end", ["_end", "a_end"], ["_end_", "end"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("contest_*_ranking", ["contest__ranking", "contest_7_ranking"], ["contest_ranking", "contest_7_rankings"]),
        ("a*b*c", ["abc", "a1b2c", "abbcc"], ["acb", "ac", "abcd"]),
        ("a**b", ["ab", "axb"], ["a"]),
        ("[a-z].?", ["[a-z].?"], ["b.x"]),
    ],
)
def test_a_star_stands_for_any_text_and_all_else_for_itself(
    pattern: str, allowed: list[str], refused: list[str]
) -> None:
    rule = ChannelRule([pattern])
    assert [name for name in allowed if not rule.allows(name)] == []
    assert [name for name in refused if rule.allows(name)] == []


def test_one_of_several_is_enough() -> None:
    rule = ChannelRule(["news", "sub_*", "x*"])
    assert [rule.allows(name) for name in ("news", "sub_1", "xy", "sport")] == [True, True, True, False]
    assert not ChannelRule([]).allows("news")


@given(pattern=st.text("ab*", min_size=1, max_size=8), name=st.text("ab", max_size=12))
def test_patterns_mean_what_the_same_regular_expression_means(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None
    assert ChannelRule([pattern]).allows(name) is expected


def test_no_pattern_is_slow() -> None:
    rule = ChannelRule(["*a" * 50 + "b"])
    began = time.perf_counter()
    assert not rule.allows("a" * 10_000)
    assert time.perf_counter() - began < 5  # backtracking would not end
