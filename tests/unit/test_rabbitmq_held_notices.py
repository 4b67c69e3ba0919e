"""Is the notice that is of use for longest held, and is what is held bounded?"""

import pytest

from oyez.brokers.rabbitmq.held_notices import HeldNotices
from oyez.hub.notices import Notice

NOW_S = 1000


def notice(name: str, until_s: int, text: bytes = b"text") -> Notice:
    return Notice(name.encode(), text, until_s)


@pytest.mark.parametrize(
    ("second", "is_new"),
    [
        (notice("a", 2000), False),
        (notice("a", 1999, b"older"), False),
        (notice("a", 2000, b"other"), True),
        (notice("a", 2001), True),
        (notice("b", 1500), True),
        (notice("b", 999), False),
    ],
    ids=["the same", "older", "as old", "newer", "another", "of no use"],
)
def test_one_says_something_new_or_not(second: Notice, is_new: bool) -> None:
    held = HeldNotices()
    assert held.add(notice("a", 2000), NOW_S)
    assert held.add(second, NOW_S) is is_new
    expected = {b"a": notice("a", 2000)} | ({second.name: second} if is_new else {})
    assert held.all(NOW_S) == sorted(expected.values(), key=lambda each: each.until_s)


def test_what_is_of_no_use_any_more_makes_room() -> None:
    held = HeldNotices(most=(2, 10**6))
    for name, until_s in (("a", 1500), ("b", 1200)):
        held.add(notice(name, until_s), NOW_S)
    assert not held.has_room_for(notice("c", 1600), 1200)
    assert held.has_room_for(notice("b", 1600), 1200)
    assert not held.add(notice("c", 1600), 1200)
    assert len(held) == 2
    assert held.has_room_for(notice("c", 1600), 1201)
    assert held.add(notice("c", 1600), 1201)
    assert [each.name for each in held.all(1201)] == [b"a", b"c"]
    assert held.all(1601) == []
    assert len(held) == 0


def test_bytes_are_bounded_whatever_is_replaced() -> None:
    held = HeldNotices(most=(10, 2000))
    for until_s in range(1100, 1200):
        assert held.add(notice("a", until_s, b"x" * 1500), NOW_S)
    assert held.has_room_for(notice("a", 1300, b"x" * 1700), NOW_S)
    assert not held.has_room_for(notice("a", 1300, b"x" * 1900), NOW_S)
    assert not held.has_room_for(notice("b", 1300, b"x" * 500), NOW_S)
