"""Does a strict reader of the standard get out of a stream what was put into it, however the bytes are cut?"""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from oyez.endpoints.encodings import STREAM_RECORDS
from oyez.hub.publication import Channel, EventId, Publication
from oyez.wire.eventsource import encode_heartbeat, encode_record
from tests.eventsource import Record, RecordReader
from tests.fuzz import fuzz
from tests.fuzz.test_codecs import numbers, texts

# What a line of a stream may hold, and every end that a line may have.
lines = st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from("\n\r: \ufeff\u2028\x85"), max_size=12
)
events = st.sampled_from(["", "status", "gap"])
positions = st.none() | st.integers(1, 2**53 - 1)
retries = st.none() | st.integers(0, 100_000)


def feed_cut(data: bytes, cuts: list[int]) -> tuple[list[Record], RecordReader]:
    """Feed the bytes in pieces that end at the cuts."""
    reader, records, begin = RecordReader(), [], 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        records += reader.feed(data[begin:cut])
        begin = cut
    return records, reader


def as_read(text: str) -> str:
    return re.sub(r"\r\n|\r", "\n", text)


@given(
    st.lists(st.tuples(lines.filter(bool), events, positions, retries), max_size=5),
    st.lists(st.integers(0, 500), max_size=5),
)
@fuzz
def test_records_come_out_as_they_went_in(
    written: list[tuple[str, str, int | None, int | None]], cuts: list[int]
) -> None:
    data, expected, last, retry = b"", [], "", None
    for number, (text, event, position, retry_ms) in enumerate(written):
        data += encode_record(text.encode(), event=event, position=position, retry_ms=retry_ms)
        retry = retry if retry_ms is None else retry_ms
        expected.append(Record(event or "message", as_read(text), last if position is None else str(position)))
        data += encode_heartbeat(number)
        last = str(number)
    records, reader = feed_cut(data, cuts)
    assert records == expected
    assert (reader.last_id, reader.retry_ms, reader.comments) == (last, retry, len(written))


documents = st.builds(
    lambda value, escaped, indent, ends: (
        json.dumps(value, ensure_ascii=escaped, indent=indent)
        .replace("\n", ends)
        .encode("utf-8", "strict" if escaped else "backslashreplace")
    ),
    st.lists(texts | numbers | st.dictionaries(texts, texts, max_size=2), max_size=3),
    st.booleans(),
    st.sampled_from([None, 0, 1]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)


@given(
    st.lists(st.tuples(texts.filter(bool), st.none() | documents), min_size=1, max_size=5),
    st.lists(st.integers(0, 500), max_size=5),
)
@fuzz
def test_events_come_out_as_they_were_posted(posted: list[tuple[str, bytes | None]], cuts: list[int]) -> None:
    publications = [
        Publication(EventId(n), Channel(channel), message, (), 0.0) for n, (channel, message) in enumerate(posted, 1)
    ]
    data = STREAM_RECORDS.join([STREAM_RECORDS.encode(publication) for publication in publications])
    records, reader = feed_cut(data, cuts)
    assert [record.json for record in records] == [
        {"id": n, "channel": json.loads(json.dumps(channel))}
        | ({} if message is None else {"message": json.loads(message)})
        for n, (channel, message) in enumerate(posted, 1)
    ]
    assert [record.last_id for record in records] == [str(n) for n in range(1, len(posted) + 1)]
    assert {record.event for record in records} == {"message"}
    assert (reader.retry_ms, reader.comments) == (None, 0)
