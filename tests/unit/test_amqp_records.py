"""Are the bodies of AMQP messages read as their posters mean them?"""

import json

import pytest

from oyez.errors import ProtocolError
from oyez.wire.amqp_records import AmqpRecord, encode_record, parse_record

ID = 1_800_000_000_000_000
PLACEHOLDER = b'{"_placeholder":true,"num":0}'


def parse(body: bytes) -> AmqpRecord:
    return parse_record(body, max_channel_length=10, max_body_bytes=1000)


@pytest.mark.parametrize(
    ("body", "record"),
    [
        (b'{"id":1800000000000000,"channel":"a","message":{"type": "x"}}', AmqpRecord(ID, "a", b'{"type": "x"}')),
        (b'{"id": 1, "channel": "a", "message": null}', AmqpRecord(1, "a", b"null")),
        (
            b'{"message":1.0e2,"channel":"\\u00e9","id":9007199254740991,"more":[]}',
            AmqpRecord(2**53 - 1, "é", b"1.0e2"),
        ),
        (b'{"id":7,"channel":"a"}', AmqpRecord(7, "a", None)),
        (b'{"id":7,"channel":"\\ud800","message":{"x" : "\\udfff"}}', AmqpRecord(7, "\ud800", b'{"x" : "\\udfff"}')),
        (b'{"id":7,"channel":"a","message":"\\ud83d"}', AmqpRecord(7, "a", b'"\\ud83d"')),
        (b'{"id":1,"channel":"b","channel":"a","id":7}', AmqpRecord(7, "a", None)),
        (
            b'{"id":7,"channel":"a","message":%s,"attachments":["AP8=",""]}' % PLACEHOLDER,
            AmqpRecord(7, "a", PLACEHOLDER, (b"\x00\xff", b"")),
        ),
        (b'{"id":7,"channel":"a","attachments":[]}', AmqpRecord(7, "a", None)),
    ],
)
def test_an_event_is_read_and_its_message_stays_the_text_that_it_is(body: bytes, record: AmqpRecord) -> None:
    assert parse(body) == record


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"null",
        b"\xff",
        b'{"id":7,"channel":"a","message":"\xff"}',
        '{"id":7,"channel":"a"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"id":7,"channel":"a"}',
        b'{"channel":"a"}',
        b'{"id":7}',
        b'{"id":null,"channel":"a"}',
        b'{"id":true,"channel":"a"}',
        b'{"id":"7","channel":"a"}',
        b'{"id":7.0,"channel":"a"}',
        b'{"id":0,"channel":"a"}',
        b'{"id":-1,"channel":"a"}',
        b'{"id":9007199254740992,"channel":"a"}',
        b'{"id":%s,"channel":"a"}' % (b"9" * 500),
        b'{"id":7,"channel":null}',
        b'{"id":7,"channel":["a"]}',
        b'{"id":7,"channel":""}',
        b'{"id":7,"channel":"01234567890"}',
        b'{"id":7,"channel":"%s"}' % ("😀" * 6).encode(),
        b'{"id":7,"channel":"a","message":NaN}',
        b'{"id":7,"channel":"a","message":}',
        b'{"id":7,"channel":"a"} ,',
        b'{"id":"\\ud800","channel":"a"}',
        b'{"id":7,"x":"\\ud800"}',
        b'{"id":7,"channel":"a","message":%s%s}' % (b"[" * 490, b"]" * 489),
        b'{"id":7,"channel":"a","message":"%s"}' % (b"x" * 1000),
        b'{"id":7,"channel":"a","attachments":null}',
        b'{"id":7,"channel":"a","attachments":["*"]}',
        b'{"id":7,"channel":"a","attachments":["AP8"]}',
        b'{"id":7,"channel":"a","attachments":[7]}',
        b'{"id":7,"channel":"a","attachments":["\xc3\xa9"]}',
        b'{"id":7,"channel":"a","attachments":[%s""]}' % (b'"",' * 10),
        b'{"id":7,"channel":"a","message":{"_placeholder":true,"num":1},"attachments":[""]}',
        b'{"id":7,"channel":"a","message":{"_placeholder":true},"attachments":[""]}',
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(body)


@pytest.mark.parametrize(
    "record",
    [
        AmqpRecord(7, "a", None),
        AmqpRecord(ID, "é\ud800", b'{"x" : [1.0, "\xc3\xa9"]}'),
        AmqpRecord(7, "a", PLACEHOLDER, (b"\x00\xff", b"")),
    ],
)
def test_what_is_written_is_read_back(record: AmqpRecord) -> None:
    assert parse(encode_record(*record)) == record


def test_an_event_is_written_as_its_posters_write_it() -> None:
    body = encode_record(ID, "sub_1", b'{"type":"done"}')
    assert json.loads(body) == {"id": ID, "channel": "sub_1", "message": {"type": "done"}}
