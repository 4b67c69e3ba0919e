"""Is JSON split into the very text that it is, with and without lone surrogates in it?"""

import pytest

from oyez.errors import ProtocolError
from oyez.wire.json_text import Json, Parts, run_through, split, split_object

LONE = b'"\\ud800"'
DEEP = b"[" * 100_000 + b"]" * 100_000


def run(data: bytes, *lists: str) -> Parts:
    return run_through(split(data, lists))


def members(data: bytes) -> dict[str, bytes]:
    return {name: bytes(text) for name, text in split_object(Json(data)).items()}


@pytest.mark.parametrize("other", [b'"x"', LONE], ids=["plain", "with a lone surrogate"])
def test_members_stay_the_text_that_they_are(other: bytes) -> None:
    data = b' { "a" : [1.0, 1E400,\t{"b":"\\u00e9"}] ,"c":%s,"n":%s, "d":{} } ' % (other, b"7" * 5000)
    assert members(data) == {"a": b'[1.0, 1E400,\t{"b":"\\u00e9"}]', "c": other, "n": b"7" * 5000, "d": b"{}"}


@pytest.mark.parametrize("other", [b'"x"', LONE])
def test_of_a_repeated_name_the_last_counts(other: bytes) -> None:
    assert members(b'{"a":1,"b":%s,"a":2}' % other) == {"a": b"2", "b": other}
    assert run(b'{"a":[1],"b":%s,"a":2}' % other, "a").lists == {}
    assert run(b'{"a":2,"b":%s,"a":[1]}' % other, "a").lists == {"a": [Json(b"1")]}


@pytest.mark.parametrize("other", [b'"x"', LONE])
def test_named_lists_are_split_as_well(other: bytes) -> None:
    parts = run(b'{"a": [ 1 , {"x":[]},%s ],"b":[1],"c":[],"d":5}' % other, "a", "c", "d", "e")
    assert {name: [bytes(text) for text in texts] for name, texts in parts.lists.items()} == {
        "a": [b"1", b'{"x":[]}', other],
        "c": [],
    }
    assert parts.members.keys() == {"a", "b", "c", "d"}


def test_surrogates_in_names_are_read() -> None:
    assert members(b'{"\\ud800":1,"\\ud83d\\ude00":2}') == {"\ud800": b"1", "😀": b"2"}
    assert members(b"{}") == {}
    assert members(b'{"a":{"\\ud800":{}}}') == {"a": b'{"\\ud800":{}}'}


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"{", b"[]", b"5", b"null", LONE, b'{"a":1}x', b'{"a":1,}', b"{a:1}", b'{"a" 1}', b'{"a":}',
        b"{5:1}", b'{"a":01}', b'{"a":NaN}', b'{"a":%s,"b":NaN}' % LONE, b'{"a":%s,"b":-Infinity}' % LONE,
        b'{"a":%s,}' % LONE, b'{"a":%s' % LONE, b'{"a":%s,"b"}' % LONE, b'{"a":%s}}' % LONE, b'{"a":%s,5:1}' % LONE,
        b'{"a":[%s}' % LONE, b'{"a":[%s,]}' % LONE, b'{"a":[%s 1]}' % LONE, b'{"a":%s,"b":"\n"}' % LONE,
        b'{"a":%s,"b":01}' % LONE,
        b'{"a":%s,"b":\xff}' % LONE, b'{"a":%s}' % DEEP, b'{"b":%s,"a":%s}' % (LONE, DEEP), b"\xef\xbb\xbf{}",
    ],
    ids=lambda data: repr(data[:24]),
)  # fmt: skip
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        run(data, "a")


def test_others_may_go_on_while_a_long_list_is_walked() -> None:
    body = b'{"a":[%s%s]}' % (b"1," * 2000, LONE)
    steps = split(body, ("a",))
    assert sum(1 for _ in steps) >= 4
