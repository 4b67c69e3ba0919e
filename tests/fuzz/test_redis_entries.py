"""Does anything that stands in the stream end its reader, or reach listeners though it is no event?"""

import contextlib

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from oyez.brokers.redis.context import RedisContext
from oyez.brokers.redis.entries import encode_post, parse_post
from oyez.brokers.redis.intake import LogMismatchError, RedisIntake
from oyez.brokers.redis.log import LogPosition, StreamState
from oyez.brokers.redis.pending import PendingBatches
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings

BORN = StreamState(b"epoch", EventId(1), EventId(1), EventId(0), b"", 0, True)

ids = st.one_of(st.integers(0, 2**64).map(lambda number: b"%d-0" % number), st.binary(max_size=8), st.none())
names = st.one_of(st.sampled_from([b"c", b"m", b"a", b"t", b"n", b"p", b"k"]), st.binary(max_size=3))
values = st.one_of(
    st.sampled_from(
        [b"epoch", b"x", b"{}", b'"\\ud800"', b"1 2", b"1,2", b"[" * 2000, b"\xff", b"9" * 30, b"\x91\xc4\x01a"]
    ),
    st.binary(max_size=12),
)
fields = st.lists(st.tuples(names, values), max_size=6).map(lambda pairs: [part for pair in pairs for part in pair])
entries = st.lists(st.tuples(ids, st.one_of(fields, st.none(), st.lists(values, max_size=3))), max_size=5)


@given(entries, st.one_of(st.none(), st.integers(0, 2**50)))
def test_whatever_stands_in_the_stream_is_an_event_or_passed_by(
    read: list[tuple[bytes | None, list[bytes] | None]], now_ms: int | None
) -> None:
    delivered: list[Publication] = []
    noted: list[str] = []
    position, pending = LogPosition(), PendingBatches()
    context = RedisContext(LimitSettings(), HistorySettings(), lambda reason, detail: noted.append(reason))
    intake = RedisIntake(position, pending, context)
    intake.open(delivered.extend, lambda up_to: None)
    position.take_over(BORN)
    with contextlib.suppress(LogMismatchError):  # which is a gap
        intake.take(read, now_ms)
    for event in delivered:
        assert 1 <= len(event.channel) <= LimitSettings().max_channel_length
        if event.message is not None:
            event.message.decode()
    assert sorted({event.id for event in delivered}) == [event.id for event in delivered]
    assert len(delivered) + len(noted) <= len(read)


json_values = st.recursive(st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=4)), st.lists, max_leaves=4)


@given(st.text(min_size=1, max_size=9), st.one_of(st.none(), json_values), st.lists(st.binary(max_size=4), max_size=3))
def test_a_post_is_read_as_it_was_written(channel: str, value: object, attachments: list[bytes]) -> None:
    post = Post(Channel(channel), msgspec.json.encode(value), tuple(attachments))
    name, message, joined = encode_post(post)
    written = {b"c": name, b"m": message} | ({b"a": joined} if joined else {})
    back = parse_post(written, 100)
    assert (back.channel, back.message, back.attachments) == (post.channel, post.message, post.attachments)
