"""Is it found out when a stream is not the one any more that was read?"""

import pytest

from oyez.brokers.redis.durability import describe, find_danger
from oyez.brokers.redis.entries import LogEntry
from oyez.brokers.redis.log import LogPlace, LogPosition, StreamState
from oyez.hub.publication import EventId

STATE = StreamState(b"epoch", EventId(100), EventId(200), EventId(120), b"mine", 1000, False)
PLACE = LogPlace(b"epoch", EventId(150), EventId(150), b"mine")


@pytest.mark.parametrize(
    ("place", "state", "same"),
    [
        (PLACE, STATE, True),
        (PLACE, STATE._replace(epoch=b"other"), False),
        (PLACE, STATE._replace(epoch=b""), False),
        (PLACE, STATE._replace(last=EventId(149)), False),
        (PLACE, STATE._replace(found=b"another's"), False),
        (PLACE, STATE._replace(found=b""), False),
        (PLACE, STATE._replace(found=b"", gone=EventId(150)), True),
        (PLACE._replace(read=None), STATE._replace(found=b""), True),
        (LogPlace(), STATE, False),
    ],
)
def test_a_stream_is_the_same_if_it_has_what_was_read_or_has_trimmed_it(
    place: LogPlace, state: StreamState, same: bool
) -> None:
    assert place.is_in(state) is same


def entry(event_id: int, nonce: bytes, before: bytes | None = None) -> LogEntry:
    return LogEntry(EventId(event_id), nonce, before, {})


def test_each_batch_says_after_which_it_came() -> None:
    position = LogPosition()
    position.take_over(STATE)
    assert position.place.newest == 100
    assert position.place.is_before(entry(101, b"a", b"epoch"))
    assert not position.place.is_before(entry(101, b"b", b"a"))
    position.stand_at(entry(101, b"a", b"epoch"))
    assert position.place.is_before(entry(102, b"a"))
    assert position.place.is_before(entry(103, b"b", b"a"))
    assert not position.place.is_before(entry(103, b"c", b"b"))
    assert not position.place.is_before(entry(103, b"c"))
    position.pass_by(EventId(110))
    assert not position.place.is_before(entry(111, b"c"))
    position.skip_to(EventId(120))
    assert position.place.is_before(entry(121, b"c"))
    assert (position.place.newest, position.place.entry) == (120, "")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "is not told"),
        ({"appendonly": "no", "appendfsync": "always"}, "since its last snapshot are lost"),
        ({"appendonly": "yes", "appendfsync": "always"}, "each acknowledged event is on the disk"),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "the last second or more"),
        ({"appendonly": "yes", "appendfsync": "no"}, "not the loss of power"),
    ],
)
def test_what_redis_promises_is_said(settings: dict[str, str], words: str) -> None:
    assert words in describe(settings)


def test_a_redis_that_evicts_is_warned_of() -> None:
    assert find_danger({"maxmemory-policy": "noeviction"}) == find_danger({}) == ""
    assert "set noeviction" in find_danger({"maxmemory-policy": "allkeys-lru"})
