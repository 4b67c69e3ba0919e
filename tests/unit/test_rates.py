"""Is a member of a message found as RFC 6901 and JSON say, whatever the message is?"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oyez.hub.rates import find_member

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab/~0"), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("path", "message", "found"),
    [
        ("id", b'{"id":1}', b"1"),
        ("id", b' {"a":{"id":2}, "id" : "x y" }', b'"x y"'),
        ("id", b'{"id":[1, 2]}', b"[1, 2]"),
        ("id", b'{"id":null}', b"null"),
        ("id", b'{"id":1,"id":2}', b"2"),
        ("id", b'{"ID":1}', None),
        ("id", b"[1]", None),
        ("0", b"[1]", b"1"),
        ("id", b'"id"', None),
        ("id", b"nonsense", None),
        ("id", b"", None),
        ("id", None, None),
        ("id", b"\xff", None),
        ("id", b'{"id":' + b"[" * 100_000, None),
        ("/a/1/b", b'{"a":[0,{"b":"x"}]}', b'"x"'),
        ("/a/2", b'{"a":[0,1]}', None),
        ("/a/01", b'{"a":[0,1]}', None),
        ("/a/0", b'{"a":{"0":7}}', b"7"),
        ("/a~1b/~0", b'{"a/b":{"~":3}}', b"3"),
        ("/a/b", b'{"a":1}', None),
        ("/", b'{"":5}', b"5"),
        ("тема", '{"тема":1}'.encode(), b"1"),
    ],
)
def test_a_member_is_found(path: str, message: bytes | None, found: bytes | None) -> None:
    assert find_member(path)(message) == found


@given(json_values, st.lists(st.sampled_from(["a", "b", "/", "~", "0", "1"]), min_size=1, max_size=3))
def test_it_is_what_a_slow_reader_finds(value: object, names: list[str]) -> None:
    path = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    found = find_member(path)(json.dumps(value).encode())
    missing = object()
    expected: object = value
    for name in names:
        if isinstance(expected, dict):
            expected = expected.get(name, missing)
        elif isinstance(expected, list) and name.isdigit() and int(name) < len(expected):
            expected = expected[int(name)]
        else:
            expected = missing
    assert (missing if found is None else json.loads(found)) == expected
