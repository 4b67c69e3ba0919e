"""Does history keep what it should, drop what it must, and know what may be missing?"""

import pytest

from oyez.hub.history import Gap, History
from oyez.hub.publication import Channel, EventId, Publication
from oyez.hub.settings import HistorySettings

A, B, C, D = map(Channel, "abcd")


class Long:
    """An encoding of a length."""

    max_events = None

    def __init__(self, size: int) -> None:
        self.size = size

    def encode(self, publication: Publication) -> bytes:
        return b"x" * self.size

    def join(self, parts: list[bytes]) -> bytes:
        return b"".join(parts)


LONG = Long(1000)


def history(*, size: int = 100, ttl_s: float = 60, max_bytes: int = 2**20, max_channels: int = 100) -> History:
    one = History(HistorySettings(size=size, ttl_s=ttl_s, max_bytes=max_bytes, max_channels=max_channels))
    one.lose(EventId(10))
    return one


def keep(one: History, channel: Channel, *ids: int, time: float = 0, size: int = 0) -> None:
    for event in ids:
        one.append(Publication(EventId(event), channel, b"x" * size, (), time))


def ids(one: History, channel: Channel, after: int = 0) -> list[int]:
    return [publication.id for publication in one.since(channel, EventId(after))]


def gap(one: History, channel: Channel, after: int) -> tuple[int, int] | None:
    found = one.gap(channel, EventId(after))
    if found is None:
        return None
    assert found[:2] == (channel, after)
    return found.after, found.oldest


def test_events_after_an_id() -> None:
    one = history()
    keep(one, A, 11, 13, 15)
    keep(one, B, 16)
    assert [ids(one, A, after) for after in (0, 11, 12, 15, 99)] == [[11, 13, 15], [13, 15], [13, 15], [], []]
    assert ids(one, C) == []
    assert (len(one), len(one.channels()), one.last_id) == (4, 2, 16)


def test_a_ring_drops_its_oldest_and_remembers_up_to_where() -> None:
    one = history(size=2)
    keep(one, A, 11, 12, 13, 14)
    keep(one, B, 15)
    assert ids(one, A) == [13, 14]
    assert [gap(one, A, after) for after in (11, 12, 13)] == [(11, 13), None, None]
    assert gap(one, B, 10) is None
    kept = one.since(A, EventId(0)) + one.since(B, EventId(0))
    rings = one.bytes - sum(publication.size for publication in kept)
    keep(one, A, 16)
    assert one.bytes == rings + sum(
        publication.size for publication in one.since(A, EventId(0)) + one.since(B, EventId(0))
    )


@pytest.mark.parametrize(("after", "oldest"), [(9, 11), (10, None), (12, None), (13, 11)])
def test_before_the_beginning_and_in_the_future_is_a_gap(after: int, oldest: int | None) -> None:
    one = history()
    keep(one, A, 11, 12)
    for channel in (A, B):
        assert gap(one, channel, after) == (None if oldest is None else (after, oldest))


def test_a_gap_is_named() -> None:
    assert history().gap(A, EventId(3)) == Gap(channel=A, after=EventId(3), oldest=EventId(11))


def test_old_events_leave_a_few_at_a_time() -> None:
    one = history(ttl_s=60)
    keep(one, A, 11, 12, time=0)
    keep(one, B, 13, time=0)
    keep(one, A, 14, time=1)
    one.expire(59.9, at_most=10)
    assert len(one) == 4
    one.expire(60, at_most=2)
    assert (ids(one, A), ids(one, B)) == ([14], [13])
    one.expire(60, at_most=2)
    assert (ids(one, A), ids(one, B)) == ([14], [])
    assert (gap(one, A, 11), gap(one, B, 12), gap(one, B, 13)) == ((11, 14), (12, 14), None)
    one.expire(61, at_most=2)
    one.expire(61, at_most=2)
    assert (len(one), one.channels()) == (0, [B, A])
    assert 0 < one.bytes < 2 * 200  # their floors


def test_bytes_are_bounded_over_all_channels_but_one_event_stays() -> None:
    one = history(max_bytes=2300)
    keep(one, A, 11, size=400)
    keep(one, B, 12, size=400)
    assert 2 * 800 < one.bytes < 2300
    keep(one, A, 13, size=400)
    assert (ids(one, A), ids(one, B), gap(one, A, 10)) == ([13], [12], (10, 13))
    keep(one, C, 14, size=50_000)
    assert (len(one), ids(one, C)) == (1, [14])
    assert one.bytes > 50_000


def test_channels_without_events_take_half_of_the_memory_at_most() -> None:
    one = history(max_bytes=20_000, max_channels=1000)
    for event in range(11, 311):
        keep(one, Channel(f"sub_{event}"), event)
    assert 14 < len(one) < 20
    assert one.bytes <= 20_000
    floors = len(one.channels()) - len(one)
    assert 70 <= floors <= 80
    assert one.horizon == 310 - len(one) - floors
    assert gap(one, Channel(f"sub_{one.horizon + 1}"), one.horizon) is not None
    assert gap(one, Channel(f"sub_{one.horizon + 1}"), one.horizon + 1) is None
    assert gap(one, Channel("sub_11"), one.horizon) is None


def test_a_channel_that_is_remembered_goes_on_from_its_floor() -> None:
    one = history(size=1)
    keep(one, A, 11, 12)
    one.expire(100, at_most=10)
    assert (one.newest_id(A), one.newest_id(B)) == (12, None)
    one.lose(EventId(20))
    assert one.newest_id(A) == 20
    keep(one, A, 21, time=100)
    assert (one.channels(), one.newest_id(A), gap(one, A, 20), gap(one, A, 19)) == ([A], 21, None, (19, 21))


def test_long_rings_drop_their_oldest_too() -> None:
    one = history(size=80)
    keep(one, A, *range(11, 200))
    assert ids(one, A) == list(range(120, 200))
    assert [gap(one, A, after) for after in (118, 119)] == [(118, 120), None]
    one.expire(100, at_most=1000)
    assert (len(one), one.newest_id(A)) == (0, 199)


def test_what_is_made_of_an_event_counts_for_as_long_as_it_is_kept() -> None:
    one = history()
    keep(one, A, 11, size=100)
    (publication,) = one.since(A, EventId(0))
    before = one.bytes
    for _ in range(2):
        publication.encoded(Long(1000))
        publication.encoded(LONG)
    assert before + 3000 < one.bytes < before + 4000
    one.expire(100, at_most=1)
    publication.encoded(Long(1000))
    assert one.bytes < 200


def test_the_idlest_empty_channel_is_forgotten_first() -> None:
    one = history(max_channels=2)
    keep(one, A, 11, time=0)
    keep(one, B, 12, time=0)
    one.expire(100, at_most=10)
    keep(one, A, 13, time=100)
    keep(one, C, 14, time=100)
    assert len(one.channels()) == 2
    assert one.horizon == 12
    assert (ids(one, A), ids(one, C)) == ([13], [14])
    assert [gap(one, B, after) for after in (11, 12)] == [(11, 13), None]
    assert gap(one, A, 11) is None  # a ring that is there knows better


def test_when_all_channels_have_events_the_oldest_event_makes_room() -> None:
    one = history(max_channels=2)
    keep(one, A, 11)
    keep(one, B, 12, 13)
    keep(one, C, 14)
    assert (ids(one, A), ids(one, B), ids(one, C)) == ([], [12, 13], [14])
    assert [gap(one, A, after) for after in (10, 11)] == [(10, 12), None]
    assert [gap(one, C, after) for after in (10, 11)] == [(10, 14), None]
    assert gap(one, D, 10) == (10, 12)


def test_a_later_horizon_holds_for_events_that_are_here_already() -> None:
    one = history()
    keep(one, A, 20)
    one.lose(EventId(15))
    assert [gap(one, A, after) for after in (14, 15, 20)] == [(14, 20), None, None]
    assert one.last_id == 20
    one.lose(EventId(12))
    assert one.horizon == 15
