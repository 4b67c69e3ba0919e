r"""JSON split one level down, into the text that it is, whatever it holds.

Knows where a value ends. Must not know what it means.

msgspec does it, except for text with the escape of a lone surrogate (``"\ud800"``). `json_text` reads such text and
writes it anew. For one message that is good enough; a batch holds other messages too, which must not change, and may
have 16 MiB. So here it is walked over, and others may go on meanwhile.
"""

import json
import re
from collections.abc import Collection, Generator
from typing import NamedTuple, NoReturn, TypeVar

import msgspec

from oyez.errors import ProtocolError
from oyez.wire.json_text import Json

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SURROGATE_MARK = b"\\ud"
_SPACE = re.compile(r"[ \t\n\r]*")

# How much is done between two times that the others may go on: a few milliseconds.
_ELEMENTS_PER_SLICE = 500

T = TypeVar("T")


class Parts(NamedTuple):
    """A JSON object, split."""

    members: dict[str, Json]
    lists: dict[str, list[Json]]
    """The elements of those members that were to be split as well and are arrays."""


def split_object(data: Json) -> dict[str, Json]:
    """Split a JSON object in UTF-8 into its members; of a repeated name the last counts, as in browsers.

    Raises:
        ProtocolError: not JSON, not an object, or nested deeper than the interpreter allows (about 1,000).
    """
    return run_through(split(bytes(data), ())).members


def run_through(steps: Generator[None, None, T]) -> T:
    """Give the result of what yields now and then, without a pause: for what is short."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def split(data: bytes, lists: Collection[str]) -> Generator[None, None, Parts]:
    """Split a JSON object, and those of its members that ``lists`` names. It yields now and then.

    Raises:
        ProtocolError: as for `split_object`.
    """
    try:
        try:
            members = _OBJECT.decode(data)
            yield
            return Parts(members, {name: _ARRAY.decode(members[name]) for name in lists if _is_array(members, name)})
        except msgspec.DecodeError as error:
            if isinstance(error, msgspec.ValidationError) or _SURROGATE_MARK not in data.lower():
                raise ProtocolError(str(error)) from error
        return (yield from _walk_object(data.decode(), lists))
    except RecursionError as error:
        raise ProtocolError("JSON is nested too deeply") from error
    except ValueError as error:  # JSONDecodeError, bad UTF-8
        raise ProtocolError(str(error)) from error


def _is_array(members: dict[str, Json], name: str) -> bool:
    return name in members and bytes(memoryview(members[name])[:1]) == b"["


def _walk_object(text: str, lists: Collection[str]) -> Generator[None, None, Parts]:
    parts = Parts({}, {})
    at, more = _enter(text, 0, "{", "}")
    while more:
        if text[at : at + 1] != '"':
            raise ProtocolError(f"a name is expected at character {at}")
        name, at = _scan(text, at)
        begin = _expect(text, _skip(text, at), ":")
        parts.lists.pop(name, None)  # of a repeated name the last counts
        if name in lists and text[begin : begin + 1] == "[":
            parts.lists[name], at = yield from _walk_array(text, begin)
        else:
            _, at = _scan(text, begin)
        parts.members[name] = Json(text[begin:at].encode())
        at, more = _go_on(text, at, "}")
    if _skip(text, at) != len(text):
        raise ProtocolError(f"nothing more is expected at character {at}")
    return parts


def _walk_array(text: str, at: int) -> Generator[None, None, tuple[list[Json], int]]:
    elements: list[Json] = []
    at, more = _enter(text, at, "[", "]")
    while more:
        begin, (_, at) = at, _scan(text, at)
        elements.append(Json(text[begin:at].encode()))
        at, more = _go_on(text, at, "]")
        if len(elements) % _ELEMENTS_PER_SLICE == 0:
            yield
    return elements, at


def _enter(text: str, at: int, opening: str, closing: str) -> tuple[int, bool]:
    """Step over the opening bracket; tells whether a value follows."""
    at = _expect(text, _skip(text, at), opening)
    return (at + 1, False) if text[at : at + 1] == closing else (at, True)


def _go_on(text: str, at: int, closing: str) -> tuple[int, bool]:
    """Step over what follows a value; tells whether that was a comma."""
    at = _skip(text, at)
    if text[at : at + 1] == closing:
        return at + 1, False
    return _expect(text, at, ","), True


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ProtocolError(f"'{mark}' is expected at character {at}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _refuse_constant(name: str) -> NoReturn:
    raise ProtocolError(f"{name} is not JSON")


# Numbers are not looked into: they may have any length.
_scan = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=str, parse_float=str).raw_decode
