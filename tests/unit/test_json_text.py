"""Is JSON passed on as it came, or refused, and nothing between?"""

import json

import pytest

from oyez.errors import ProtocolError
from oyez.wire.json_text import (
    MAX_DEPTH,
    Json,
    check_depth,
    decode,
    decode_string,
    encode_string,
    split_array,
    split_object,
)

DEEP = b"[" * 100_000 + b"]" * 100_000
LONE = b'"\\ud800"'


@pytest.mark.parametrize(
    ("data", "elements"),
    [
        (b"[]", []),
        (b' [ 1 , "a" ] ', [b"1", b'"a"']),
        (
            b'[1.0,1e400,{"a" : 1},"\\u00e9",true,null]',
            [b"1.0", b"1e400", b'{"a" : 1}', b'"\\u00e9"', b"true", b"null"],
        ),
        (b"[%s]" % (b"7" * 5000), [b"7" * 5000]),
        (b'["\\ud83d\\ude00"]', [b'"\\ud83d\\ude00"']),
        (b"[%s, 1e400, -1e400, 1.10, -0]" % LONE, [LONE, b"1e400", b"-1e400", b"1.10", b"-0"]),
        (b'[{"a":%s , "b":[1, 2]}]' % LONE, [b'{"a":"\\ud800" , "b":[1, 2]}']),
        (b'[%s,"\\uD800", {"b":1,"a":2,"b":3} ]' % LONE, [LONE, b'"\\uD800"', b'{"b":1,"a":2,"b":3}']),
        (b"[%s,%s]" % (LONE, b"7" * 5000), [LONE, b"7" * 5000]),
    ],
)
def test_arrays_are_split(data: bytes, elements: list[bytes]) -> None:
    assert [bytes(element) for element in split_array(data)] == elements


def test_objects_are_split() -> None:
    members = split_object(b'{"a": [1, 2] , "b":"x","a":3}')
    assert {name: bytes(member) for name, member in members.items()} == {"a": b"3", "b": b'"x"'}
    assert {name: bytes(member) for name, member in split_object(b'{"\\ud800":1}').items()} == {"\ud800": b"1"}


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"[", b"[1", b"[1]x", b"[1,]", b"[01]", b"[1.]", b"[.5]", b"[NaN]", b"[Infinity]", b"[tru]",
        b"['a']",
        b'["\n"]', b'["\\x"]', b"[1]\x00", b'["\x00"]', b"\xff", b"5", b"null", b'"a"', DEEP, b'{"a":' + DEEP + b"}",
        b"[" + LONE + b",NaN]", b"[" + LONE + b",-Infinity]", b"[" + LONE + b",\xff]", b"[" + LONE + b",",
        b"[%s,%s]" % (LONE, DEEP), LONE,
    ],
    ids=lambda data: repr(data[:20]),
)  # fmt: skip
@pytest.mark.parametrize("split", [split_array, split_object])
def test_what_is_not_expected_is_refused(split: object, data: bytes) -> None:
    assert callable(split)
    with pytest.raises(ProtocolError):
        split(data)


def test_the_other_kind_is_refused() -> None:
    for data in (b"{}", b'{"a":%s}' % LONE):
        with pytest.raises(ProtocolError):
            split_array(data)
    for data in (b"[]", b"[%s]" % LONE):
        with pytest.raises(ProtocolError):
            split_object(data)


@pytest.mark.parametrize("begin", [b"[%s," % LONE, b"["])
def test_every_depth_is_taken_or_refused(begin: bytes) -> None:
    """Reading and writing again may come to the interpreter's limit at different depths."""
    for depth in range(900, 1010):
        try:
            (*_, inner) = split_array(begin + b"[" * depth + b"]" * depth + b"]")
        except ProtocolError:
            continue
        assert bytes(inner) == b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'"a"', "a"),
        (b'"\\ud83d\\ude00"', "😀"),
        (LONE, "\ud800"),
        (b"5", None),
        (b"7" * 5000, None),
        (b"null", None),
        (b"[%s]" % LONE, None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_strings_are_read(data: bytes, text: str | None) -> None:
    assert decode_string(Json(data)) == text


@pytest.mark.parametrize("text", ["", "a", 'q"\\\n\x00\x7f', "é😀", "\ud800", "a\udfff\ud800b", "\u2028"])
def test_strings_are_written(text: str) -> None:
    written = encode_string(text)
    assert json.loads(written.decode()) == text


def nested(levels: int, inner: str = "") -> bytes:
    return f"{'[' * levels}{inner}{']' * levels}".encode()


@pytest.mark.parametrize(
    "message",
    [
        nested(MAX_DEPTH),
        b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH,
        b"[%s]" % b",".join([b"[[]]"] * 5000),
        b'"%s"' % (b"[" * 2000),
        b'["\\"%s","\\\\",{"%s":1}]' % (b"{" * 2000, b"[" * 2000),
        nested(MAX_DEPTH, '"[","\\\\","\\"["'),
    ],
    ids=lambda message: repr(message[:16]),
)
def test_a_message_may_have_so_many_levels(message: bytes) -> None:
    json.loads(message)
    check_depth(message)


@pytest.mark.parametrize(
    "message",
    [
        nested(MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b"[[1,2]," + nested(MAX_DEPTH, '"]]]]","\\\\","\\"]"') + b"]",
    ],
    ids=lambda message: repr(message[:16]),
)
def test_and_not_one_more(message: bytes) -> None:
    json.loads(message)
    with pytest.raises(ProtocolError, match="900 levels"):
        check_depth(message)


def test_values_are_read_whatever_their_numbers() -> None:
    assert decode(b'{"a":%s,"b":1e999,"num":7}' % (b"7" * 5000)) == {"a": float("inf"), "b": float("inf"), "num": 7}
