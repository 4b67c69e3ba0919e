"""Is a page of channels sorted, complete and cut where it should be?"""

import random

import pytest

from oyez.endpoints.api.listing import select_page
from oyez.wire.json_text import run_through


def select(names: list[str], prefix: str = "", after: str = "", limit: int = 3) -> list[str]:
    return run_through(select_page(names, prefix, after, limit))


def test_names_are_sorted_and_come_once() -> None:
    assert select(["b", "a", "b", "c", "a"]) == ["a", "b", "c"]
    assert select(["d", "b", "a", "c"]) == ["a", "b", "c"]
    assert select([]) == []


def test_prefix_and_position() -> None:
    names = ["ab", "a", "b", "ac", "abc", "\ud800", "é", "😀"]
    assert select(names, prefix="a") == ["a", "ab", "abc"]
    assert select(names, prefix="a", after="ab") == ["abc", "ac"]
    assert select(names, after="b") == ["é", "\ud800", "😀"]  # by code points


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_many_names_are_the_same_in_slices(limit: int) -> None:
    chance = random.Random(5)
    names = [str(chance.randrange(30_000)) for _ in range(65_000)]
    expected = sorted(name for name in set(names) if name > "2" and name.startswith("2"))
    assert select(names, "2", "2", limit) == expected[:limit]
    assert sum(1 for _ in select_page(names, "", "", limit)) >= 3
