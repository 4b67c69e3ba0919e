"""Does the reader of event streams give what a browser's EventSource would?"""

import pytest

from oyez.client.event_stream import EventStream, Record, TooLong


def read(*pieces: bytes, limit: int = 1000) -> tuple[list[Record], EventStream]:
    stream = EventStream(limit)
    return [record for piece in pieces for record in stream.feed(piece)], stream


def records(*pieces: bytes) -> list[tuple[str, str]]:
    return [tuple(record) for record in read(*pieces)[0]]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"data: a\n\n", [("message", "a")]),
        (b"data: a\r\n\r\n", [("message", "a")]),
        (b"data: a\r\r", [("message", "a")]),
        (b"data: a\r\n\ndata: b\n\r", [("message", "a"), ("message", "b")]),
        (b"event: gap\ndata: a\n\ndata: b\n\n", [("gap", "a"), ("message", "b")]),
        (b"data: a\ndata\ndata:\ndata:b\n\n", [("message", "a\n\n\nb")]),
        (b"data:  two spaces\n\n", [("message", " two spaces")]),
        (b"data: a: b\n\n", [("message", "a: b")]),
        (b"data:\n\n", [("message", "")]),
        (b"data\n\n", [("message", "")]),
        (b"event: gap\n\ndata: a\n\n", [("message", "a")]),
        (b": heartbeat\n\n:\n\n", []),
        (b"data: a\n: heartbeat\ndata: b\n\n", [("message", "a\nb")]),
        (b"strange: a\nDATA: b\n data: c\nnothing\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [("message", "a")]),
        ("data: é\u2028😀\n\n".encode(), [("message", "é\u2028😀")]),
        (b"data: \xff\n\n", [("message", "\ufffd")]),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
        (b"data: vt\x0bff\x0cnel\xc2\x85\n\n", [("message", "vt\x0bff\x0cnel\x85")]),
    ],
)
def test_records(data: bytes, wanted: list[tuple[str, str]]) -> None:
    assert records(data) == wanted
    assert records(*(data[place : place + 1] for place in range(len(data)))) == wanted


def test_id_counts_once_its_record_is_complete() -> None:
    stream = EventStream(1000)
    seen = []
    for _ in stream.feed(b"id: 7\ndata: a\n\ndata: b\n\nid: 8\n\nid: 9\ndata: c\n\nid: 10\n"):
        seen.append(stream.last_id)  # noqa: PERF401 - looked at between two records
    assert seen == ["7", "7", "9"]
    assert stream.last_id == "9"
    assert not list(stream.feed(b"\n"))
    assert stream.last_id == "10"


def test_id_with_nul_is_ignored_and_an_empty_one_is_not() -> None:
    assert read(b"id: 7\n\nid: 8\0\n\n")[1].last_id == "7"
    assert read(b"id: 7\n\nid\n\n")[1].last_id == ""


@pytest.mark.parametrize(
    ("value", "retry_ms"),
    [(b"1734", 1734), (b"0", 0), (b"-1", None), (b"1.5", None), (b"", None), (b"9" * 5000, None), (b"\xb2", None)],
)
def test_pause(value: bytes, retry_ms: int | None) -> None:
    assert read(b"retry: " + value + b"\n", limit=10_000)[1].retry_ms == retry_ms


@pytest.mark.parametrize("endless", [b"x" * 1001, b":" * 1001, b"data: y\n" * 501, b"data\n" * 1001])
def test_endless_record_is_given_up(endless: bytes) -> None:
    records = EventStream(1000).feed(b"data: before\n\n" + endless)
    assert next(records) == ("message", "before")
    with pytest.raises(TooLong):
        next(records)


def test_records_up_to_the_limit_pass() -> None:
    longest = b"data: " + b"x" * 994 + b"\n\n"
    assert len(read(longest * 3)[0]) == 3
