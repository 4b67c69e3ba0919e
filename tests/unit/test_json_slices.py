"""Is a long list cut as the whole of it would be, and never where it may not be?"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oyez.errors import ProtocolError
from oyez.wire import json_text
from oyez.wire.json_slices import split_list
from oyez.wire.json_text import run_through

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["},{", '"},{"', "]}", '{"a":[{},{}]}', "\\"]),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)


def cut(data: bytes, piece_bytes: int) -> list[bytes] | None:
    parts = run_through(split_list(data, ("events",), piece_bytes))
    return None if parts is None else [bytes(element) for element in parts.lists["events"]]


def whole(data: bytes) -> list[bytes] | None:
    """Take it apart by the other road; None: it is no JSON object with such a list alone."""
    try:
        parts = run_through(json_text.split(data, ("events",)))
    except ProtocolError:
        return None
    return [bytes(element) for element in parts.lists["events"]] if list(parts.members) == ["events"] else None


def steps(data: bytes, piece_bytes: int) -> int:
    return sum(1 for _ in split_list(data, ("events",), piece_bytes))


@given(
    st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3) | JSON, max_size=8),
    st.integers(1, 60),
    st.sampled_from([None, 1]),
)
def test_elements_are_those_of_the_whole(events: list[object], piece_bytes: int, indent: int | None) -> None:
    data = json.dumps({"events": events}, separators=(",", ":"), indent=indent).encode()
    assert cut(data, piece_bytes) in (None, whole(data))


@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.integers()), min_size=2), st.integers(1, 60))
def test_flat_objects_are_always_cut(events: list[object], piece_bytes: int) -> None:
    data = json.dumps({"events": events}, separators=(",", ":")).encode()
    assert cut(data, piece_bytes) == whole(data)


@given(
    st.text('{}[],:" \\ae1', max_size=40) | st.text('{}[],"', max_size=40),
    st.integers(1, 20),
)
def test_what_is_no_json_is_never_taken(inside: str, piece_bytes: int) -> None:
    data = b'{"events":[%b]}' % inside.encode()
    found = cut(data, piece_bytes)
    assert found is None or found == whole(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"events":[{}],"key":"a"}',
        b'{"key":"a","events":[{}]}',
        b'{"events":[{},{},]}',
        b'{"events":[{},{}}',
        b'{"events":[{}]}]}',
        b'{"other":[{},{}]}',
        b'{"events":[{},{}]} x',
        b'{"events":[{"m":[{},{}]}]}',  # cut inside an element
    ],
)
def test_anything_else_is_left_to_the_other_road(data: bytes) -> None:
    assert cut(data, 8) is None


def test_it_yields_after_each_piece() -> None:
    events = b",".join([b'{"channel":"a","message":%d}' % number for number in range(1000)])
    data = b'{"events":[%b]}' % events
    assert cut(data, 1000) == events.replace(b"},{", b"}\0{").split(b"\0")
    assert steps(data, 1000) == pytest.approx(len(data) / 1000, rel=0.1)


def test_an_element_may_be_longer_than_a_piece() -> None:
    long = b'{"message":"%b"}' % (b"x" * 5000)
    data = b' {"events" : [%b,{},%b] } ' % (long, long)
    assert cut(data, 1000) == [long, b"{}", long]


def test_an_empty_list_has_no_elements() -> None:
    assert cut(b'{"events":[ ]}', 8) == []
