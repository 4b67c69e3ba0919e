"""Do all ways to cut an event stream give the same records, and those that the daemon meant?"""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from oyez.client.event_stream import EventStream, TooLong
from oyez.wire.eventsource import encode_record
from tests.fuzz import fuzz

LIMIT = 60

ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
lines = st.sampled_from(
    [b"", b":", b": beat", b"data", b"data:", b"data: a", b"data:b: c", b"event: gap", b"id: 12", b"id", b"id: \0",
     b"retry: 50", b"retry: x", b"other: y", b"\xef\xbb\xbfdata: bom", b"data: \xff\xc3", b"data: " + b"x" * 50]
) | st.binary(max_size=12)  # fmt: skip
streams = st.lists(st.tuples(lines, ends).map(b"".join), max_size=12).map(b"".join) | st.binary(max_size=100)
cuts = st.lists(st.integers(0, 300), max_size=6)

Heard = list[tuple[str, str, str, int | None]]


def read(pieces: list[bytes]) -> tuple[Heard, bool]:
    """Return each record with the id and the pause at its time, and whether the stream was given up."""
    stream = EventStream(LIMIT)
    heard: Heard = []
    try:
        for piece in pieces:
            for record in stream.feed(piece):
                heard.append((*record, stream.last_id, stream.retry_ms))
    except TooLong:
        return heard, True
    return heard, False


@given(streams, cuts)
@fuzz
def test_cutting_a_stream_changes_nothing(data: bytes, at: list[int]) -> None:
    places = sorted({0, len(data), *(place for place in at if place < len(data))})
    in_pieces = [data[begin:end] for begin, end in pairwise(places)]
    whole = read([data])
    assert read(in_pieces) == whole
    assert read([data[place : place + 1] for place in range(len(data))]) == whole


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(texts, st.sampled_from(["", "gap"]), st.none() | st.integers(1, 2**53)), max_size=5))
@fuzz
def test_what_the_daemon_writes_is_read_back(written: list[tuple[str, str, int | None]]) -> None:
    stream = EventStream(10_000)
    data = b"".join(encode_record(text.encode(), event=kind, position=place) for text, kind, place in written)
    meant = [(kind or "message", text.replace("\r\n", "\n").replace("\r", "\n")) for text, kind, _ in written]
    assert [tuple(record) for record in stream.feed(data)] == meant
    places = [place for _, _, place in written if place is not None]
    assert stream.last_id == (str(places[-1]) if places else "")
