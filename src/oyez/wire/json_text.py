r"""JSON at the border: checked for validity, and passed through as the text that it is.

Knows which JSON the outside may send. Must not know what it means.

msgspec is fast and strict, but refuses the escape of a lone surrogate (``"\ud800"``), which JSON allows and which back
ends really send: Python writes undecodable bytes of a compiler's output like that. Such text is walked over here, by
`json_walk`. Either way the parts are the bytes that came.
"""

import json
import re
from collections.abc import Collection, Generator
from itertools import accumulate
from typing import TypeVar

import msgspec

from oyez.errors import ProtocolError
from oyez.json_scan import refuse_constant
from oyez.wire.json_walk import Json, Parts, walk_array, walk_object

__all__ = ["Json", "Parts"]

MAX_DEPTH = 900
"""Levels of a message. The interpreter's own limit, about a thousand, depends on what surrounds a message and on who
reads it: this one is the same at every door."""

SHALLOW_BYTES = 2 * MAX_DEPTH
"""What is no longer than this cannot have more levels."""

T = TypeVar("T")

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = msgspec.json.Decoder(str)
_SURROGATE_MARK = b"\\ud"

_BRACKETS = b"[]{}"
_NEITHER_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(_BRACKETS + b'"'))
_STRING_OF_BRACKETS = re.compile(b'"[^"]*"')
_STEPS = {bracket: 1 if bracket in b"[{" else -1 for bracket in _BRACKETS}


def split_array(data: bytes) -> list[Json]:
    """Split a JSON array into its elements.

    Raises:
        ProtocolError: not JSON, not an array, or nested deeper than the interpreter allows (about 1,000).
    """
    try:
        return _ARRAY.decode(data)
    except RecursionError as error:
        raise ProtocolError("JSON is nested too deeply") from error
    except msgspec.DecodeError as error:
        return run_through(_walk(walk_array(_text_for_walk(data, error))))


def split_object(data: bytes | Json) -> dict[str, Json]:
    """Split a JSON object into its members; of a repeated name the last counts, as in browsers.

    Raises:
        ProtocolError: not JSON, not an object, or nested too deeply.
    """
    try:
        return _OBJECT.decode(data)
    except RecursionError as error:
        raise ProtocolError("JSON is nested too deeply") from error
    except msgspec.DecodeError as error:
        return run_through(_walk(walk_object(_text_for_walk(bytes(data), error), ()))).members


def split(data: bytes | bytearray, lists: Collection[str]) -> Generator[None, None, Parts]:
    """Split a long JSON object, and those of its members that ``lists`` names. It yields now and then.

    Raises:
        ProtocolError: as for `split_object`.
    """
    try:
        members = _OBJECT.decode(data)
        yield
        return Parts(members, {name: _ARRAY.decode(members[name]) for name in lists if _is_array(members, name)})
    except RecursionError as error:
        raise ProtocolError("JSON is nested too deeply") from error
    except msgspec.DecodeError as error:
        text = _text_for_walk(data, error)
    return (yield from _walk(walk_object(text, lists)))


def run_through(steps: Generator[None, None, T]) -> T:
    """Return the result of what yields now and then, without letting others go on: for what is short."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def decode_string(data: Json) -> str | None:
    """Return the string that valid JSON stands for, or None if it stands for something else."""
    try:
        return _STRING.decode(data)
    except msgspec.ValidationError:
        return None
    except msgspec.DecodeError:
        value = json.loads(bytes(data).decode())
        return value if isinstance(value, str) else None


def check_depth(message: bytes) -> None:
    """Require that valid JSON is not nested too deeply for those who are to read it.

    Raises:
        ProtocolError: it is.
    """
    if len(message) <= SHALLOW_BYTES or message.count(b"[") + message.count(b"{") <= MAX_DEPTH:
        return
    rest = message.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in message else message
    rest = rest.translate(None, _NEITHER_BRACKET_NOR_QUOTE).replace(b'""', b"")
    if b'"' in rest:
        rest = _STRING_OF_BRACKETS.sub(b"", rest)
    if max(accumulate(map(_STEPS.__getitem__, rest)), default=0) > MAX_DEPTH:
        raise ProtocolError(f"JSON is nested too deeply: a message may have {MAX_DEPTH} levels")


def decode(data: bytes) -> object:
    """Return the value of any JSON; slow, for what is rare. Numbers beyond all use are infinite.

    Raises:
        ProtocolError: not JSON, or nested too deeply.
    """
    try:
        # As text: given bytes, the library would guess UTF-16 and others, which nothing else here would read.
        return json.loads(data.decode(), parse_constant=refuse_constant, parse_int=_read_integer)
    except RecursionError as error:
        raise ProtocolError("JSON is nested too deeply") from error
    except ValueError as error:  # JSONDecodeError, bad UTF-8
        raise ProtocolError(f"not JSON: {error}") from error


def encode_string(text: str) -> bytes:
    """Write a string as JSON; lone surrogates are escaped, since UTF-8 cannot carry them."""
    try:
        return msgspec.json.encode(text)
    except UnicodeEncodeError:
        return json.dumps(text).encode()


def _read_integer(digits: str) -> int | float:
    """Read a number of any length: Python's own integers take so many digits and no more."""
    return int(digits) if len(digits) <= 400 else float(digits)


def _is_array(members: dict[str, Json], name: str) -> bool:
    return name in members and bytes(memoryview(members[name])[:1]) == b"["


def _text_for_walk(data: bytes | bytearray, first_error: msgspec.DecodeError) -> str:
    """Return the text of what msgspec refused, if a lone surrogate can be the reason.

    Raises:
        ProtocolError: it cannot.
    """
    if isinstance(first_error, msgspec.ValidationError) or _SURROGATE_MARK not in data.lower():
        raise ProtocolError(str(first_error)) from first_error
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("not UTF-8") from error


def _walk(steps: Generator[None, None, T]) -> Generator[None, None, T]:
    try:
        return (yield from steps)
    except RecursionError as error:
        raise ProtocolError("JSON is nested too deeply") from error
    except ValueError as error:
        raise ProtocolError(f"not JSON: {error}") from error
