r"""JSON walked over, one level down or two: where each value begins and ends, whatever it holds.

Knows the marks between values. Must not know what a value means, nor change it.

`json_text` splits with msgspec, and comes here with the one kind of text that msgspec refuses and JSON allows. A batch
may have 16 MiB: others may go on meanwhile.
"""

import re
from collections.abc import Collection, Generator
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.json_scan import SCANNER

Json = msgspec.Raw
"""The text of one JSON value, known to be valid."""

_SPACE = re.compile(r"[ \t\n\r]*")

# How much is done between two times that the others may go on: a few milliseconds.
_ELEMENTS_PER_SLICE = 500


class Parts(NamedTuple):
    """The members of a JSON object, each as the text that it is."""

    members: dict[str, Json]
    lists: dict[str, list[Json]]
    """The elements of those members that were to be split as well and are arrays."""


def walk_object(text: str, lists: Collection[str]) -> Generator[None, None, Parts]:
    """Split an object, and those of its members that ``lists`` names. It yields now and then.

    Raises:
        ValueError: not JSON; a ProtocolError: not an object.
        RecursionError: nested deeper than the interpreter allows.
    """
    parts = Parts({}, {})
    at, more = _enter(text, 0, "{", "}")
    while more:
        if text[at : at + 1] != '"':
            raise ProtocolError(f"a name is expected at character {at}")
        name, at = SCANNER.raw_decode(text, at)
        begin = _expect(text, _skip(text, at), ":")
        parts.lists.pop(name, None)  # of a repeated name the last counts
        if name in lists and text[begin : begin + 1] == "[":
            parts.lists[name], at = yield from _walk_elements(text, begin)
        else:
            _, at = SCANNER.raw_decode(text, begin)
        parts.members[name] = Json(text[begin:at].encode())
        at, more = _go_on(text, at, "}")
    _expect_end(text, at)
    return parts


def walk_array(text: str) -> Generator[None, None, list[Json]]:
    """Split an array. It yields, and raises, as `walk_object`."""
    elements, at = yield from _walk_elements(text, 0)
    _expect_end(text, at)
    return elements


def _walk_elements(text: str, at: int) -> Generator[None, None, tuple[list[Json], int]]:
    elements: list[Json] = []
    at, more = _enter(text, at, "[", "]")
    while more:
        begin, (_, at) = at, SCANNER.raw_decode(text, at)
        elements.append(Json(text[begin:at].encode()))
        at, more = _go_on(text, at, "]")
        if len(elements) % _ELEMENTS_PER_SLICE == 0:
            yield
    return elements, at


def _enter(text: str, at: int, opening: str, closing: str) -> tuple[int, bool]:
    """Step over the opening bracket; return where, and whether a value follows."""
    at = _expect(text, _skip(text, at), opening)
    return (at + 1, False) if text[at : at + 1] == closing else (at, True)


def _go_on(text: str, at: int, closing: str) -> tuple[int, bool]:
    """Step over what follows a value; return where, and whether that was a comma."""
    at = _skip(text, at)
    if text[at : at + 1] == closing:
        return at + 1, False
    return _expect(text, at, ","), True


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ProtocolError(f"'{mark}' is expected at character {at}")
    return _skip(text, at + 1)


def _expect_end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise ProtocolError(f"nothing more is expected at character {at}")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()
