"""Does what leaves a message leave it, and nothing else, as when it is read, cut and written again?"""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from oyez.wire.json_strip import Strip
from tests.fuzz import fuzz
from tests.fuzz.test_codecs import values

NAMES = ("a", "b", "points", "é", "a/b", "~", "", "0", "1", "00", "-", 'q"', "x\\y", "\u2028", "😀")
STYLES: tuple[dict[str, Any], ...] = ({}, {"separators": (",", ":")}, {"separators": (" ,\t", "\n:  ")})

names = st.sampled_from(NAMES)
trees = st.recursive(
    values | st.sampled_from(['"}],', '"points":1', "\\", "\ud800", 10**40]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)
paths = st.lists(st.lists(names, min_size=1, max_size=3), min_size=1, max_size=4)


def as_pointer(path: Sequence[str]) -> str:
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def without(value: object, paths: Sequence[Sequence[str]]) -> object:
    """Take the members out of a value that was read, by the letter of RFC 6901."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = [(str(place), element) for place, element in enumerate(value)]
    else:
        return value
    below = {name: [path[1:] for path in paths if path[0] == name] for name, _ in items}
    kept = [
        (name, without(each, below[name]) if below[name] else each) for name, each in items if [] not in below[name]
    ]
    return dict(kept) if isinstance(value, dict) else [each for _, each in kept]


@given(st.lists(trees, max_size=4) | st.dictionaries(names, trees, max_size=5) | trees, paths, st.sampled_from(STYLES))
@fuzz
def test_what_is_left_is_what_would_have_been_written_without_it(value: object, ways: Any, style: Any) -> None:
    message = json.dumps(value, **style).encode()
    kept, _ = Strip([as_pointer(path) for path in ways])(message)
    expected = without(value, ways)
    assert kept == json.dumps(expected, **style).encode()
    if expected == value:
        assert kept is message


@given(trees, paths)
@fuzz
def test_letters_in_utf_8_and_lines_change_nothing(value: object, ways: Any) -> None:
    message = json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace")
    kept, _ = Strip([as_pointer(path) for path in ways])(message)
    assert json.loads(kept) == without(json.loads(message), ways)


@given(st.lists(st.tuples(names, trees), max_size=8), st.sets(names, min_size=1, max_size=3))
@fuzz
def test_of_repeated_names_all_leave(members: Any, gone: set[str]) -> None:
    def write(some: Any) -> bytes:
        return ("{" + ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in some) + "}").encode()

    kept, _ = Strip([as_pointer([name]) for name in gone])(write(members))
    assert kept == write([(name, value) for name, value in members if name not in gone])
