"""Can a message on an exchange be found that is neither an event nor a bad record?"""

import json

from hypothesis import given
from hypothesis import strategies as st

from oyez.errors import ProtocolError
from oyez.wire.amqp_records import AmqpRecord, encode_record, parse_record
from tests.fuzz import fuzz
from tests.fuzz.test_codecs import almost_json, numbers, texts

anything = st.none() | st.booleans() | numbers | texts | st.sampled_from([[], {}, [[1, "x"]], {"_placeholder": True}])
members = st.fixed_dictionaries(
    {"id": st.integers(-1, 2**54) | anything, "channel": texts | anything},
    optional={"message": anything, "attachments": st.lists(texts, max_size=3) | anything, "more": anything},
)


def write(value: object, escaped: bool) -> bytes:
    return json.dumps(value, ensure_ascii=escaped).encode("utf-8", "strict" if escaped else "backslashreplace")


written = st.builds(write, members, st.booleans())
spoilt = st.builds(
    lambda data, piece, at: data[: at % (len(data) + 1)] + piece + data[at % (len(data) + 1) :],
    written,
    st.sampled_from(
        [b"", b"\xff", b'"', b"\x00", b"\xef\xbb\xbf", b"9" * 5000, b"[" * 2000, b"\\ud800", b"1e999", b"}"]
    ),
    st.integers(0, 200),
)


def parse(body: bytes) -> AmqpRecord | None:
    try:
        return parse_record(body, max_channel_length=20, max_body_bytes=4000)
    except ProtocolError:
        return None


@given(written | spoilt | almost_json | st.binary(max_size=100))
@fuzz
def test_every_body_is_an_event_or_a_bad_record(body: bytes) -> None:
    record = parse(body)
    if record is None:
        return
    value = json.loads(body.decode())
    assert record.id == value["id"]
    assert 1 <= record.id < 2**53
    assert record.channel == value["channel"]
    assert 1 <= len(record.channel.encode("utf-16-le", "surrogatepass")) // 2 <= 20
    assert ("message" in value) is (record.message is not None)
    if record.message is not None:
        assert json.loads(record.message.decode()) == value["message"]
    assert parse(encode_record(*record)) == record


channels = st.text(st.characters(), min_size=1, max_size=10)


@given(st.integers(1, 2**53 - 1), channels, st.none() | anything.map(lambda value: json.dumps(value).encode()))
@fuzz
def test_every_event_is_read_back(event_id: int, channel: str, message: bytes | None) -> None:
    assert parse(encode_record(event_id, channel, message)) == AmqpRecord(event_id, channel, message)
