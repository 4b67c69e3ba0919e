"""Are notices on an exchange read as they were written, and is what is none refused?"""

import json

import pytest

from oyez.errors import ProtocolError
from oyez.wire import amqp_records
from oyez.wire.amqp_notices import (
    MOST_BODY_BYTES,
    MOST_BYTES,
    NoticesRecord,
    WrittenNotice,
    encode_mark,
    encode_notices,
    parse_notices,
    read_time,
)

NOW_US = 1_800_000_000_000_000
NOTICES = (WrittenNotice(b"a name", b"\x00\xff", 1_800_000_000), WrittenNotice(b"", b"", 0))


@pytest.mark.parametrize("asks", [True, False])
def test_what_is_written_is_read_again(asks: bool) -> None:
    body = encode_notices(NOW_US, NOTICES, asks=asks)
    assert parse_notices(body) == NoticesRecord(NOTICES, asks)
    assert read_time(body) == read_time(encode_mark(NOW_US)) == NOW_US
    assert parse_notices(encode_mark(NOW_US)) == NoticesRecord((), asks=False)


def test_the_largest_fits_into_a_record() -> None:
    large = WrittenNotice(b"", b"x" * MOST_BYTES, 1)
    assert len(encode_notices(NOW_US, [large])) <= MOST_BODY_BYTES


def test_whoever_knows_no_notices_has_an_event_that_nobody_follows_or_none() -> None:
    body = encode_notices(NOW_US, NOTICES)
    read = json.loads(body)
    assert (read["id"], read["channel"]) == (NOW_US, "")
    with pytest.raises(ProtocolError, match="the channel is not a string of 1"):
        amqp_records.parse_record(body, max_channel_length=10, max_body_bytes=1000)


@pytest.mark.parametrize(
    "body",
    [b"", b"no JSON", b"[]", b'{"notices":1}', b'{"notices":[1]}', b'{"notices":[["","",1,1]]}',
     b'{"notices":[["","",-1]]}', b'{"notices":[["","",1e300]]}', b'{"notices":[["","",9007199254740993]]}',
     b'{"notices":[["!","",1]]}', b'{"asks":1}', b"[" * 100_000, b" " * (MOST_BODY_BYTES + 1)],
    ids=lambda body: ascii(body[:40]),
)  # fmt: skip
def test_what_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_notices(body)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"time":"now"}', b'{"time":true}', b'{"time":0}', b'{"time":9007199254740993}',
     b'{"time":' + b"9" * 5000 + b"}", b"[" * 100_000],
    ids=lambda body: ascii(body[:40]),
)  # fmt: skip
def test_a_mark_may_not_say_when_it_was(body: bytes) -> None:
    assert read_time(body) is None
