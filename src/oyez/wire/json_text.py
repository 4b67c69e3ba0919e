r"""JSON at the border: checked for validity, and passed through as the text that it is.

Knows which JSON the outside may send. Must not know what it means.

msgspec is fast and strict, but refuses the escape of a lone surrogate (``"\ud800"``), which JSON allows and which back
ends really send: Python writes undecodable bytes of a compiler's output like that. Such text takes the slow road here.
"""

import json
import math
from typing import NoReturn

import msgspec

from oyez.errors import ProtocolError

Json = msgspec.Raw
"""The text of one JSON value, known to be valid."""

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = msgspec.json.Decoder(str)
_SURROGATE_MARK = b"\\ud"


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
        value = _decode_slowly(data, error)
        if not isinstance(value, list):
            raise ProtocolError("a JSON array is expected") from error
        return [_encode(element) for element in value]


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
        value = _decode_slowly(bytes(data), error)
        if not isinstance(value, dict):
            raise ProtocolError("a JSON object is expected") from error
        return {name: _encode(member) for name, member in value.items()}


def decode_string(data: Json) -> str | None:
    """Give the string that valid JSON stands for, or None if it stands for something else."""
    try:
        return _STRING.decode(data)
    except msgspec.ValidationError:
        return None
    except msgspec.DecodeError:
        value = json.loads(bytes(data))
        return value if isinstance(value, str) else None


def decode(data: bytes) -> object:
    """Give the value of any JSON; slow, for what is rare.

    Raises:
        ProtocolError: not JSON, or nested too deeply.
    """
    try:
        # As text: given bytes, the library would guess UTF-16 and others, which nothing else here would read.
        return json.loads(data.decode(), parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise ProtocolError("JSON is nested too deeply") from error
    except ValueError as error:  # JSONDecodeError, bad UTF-8, and integers of more than 4,300 digits
        raise ProtocolError(f"not JSON: {error}") from error


def encode_string(text: str) -> bytes:
    """Write a string as JSON; lone surrogates are escaped, since UTF-8 cannot carry them."""
    try:
        return msgspec.json.encode(text)
    except UnicodeEncodeError:
        return json.dumps(text).encode()


def _encode(value: object) -> Json:
    return Json(json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


def _refuse_constant(name: str) -> NoReturn:
    raise ProtocolError(f"{name} is not JSON")


def _finite(digits: str) -> float | None:
    """Read a number; one that overflows becomes null, which is what a browser's JSON.stringify makes of it."""
    number = float(digits)
    return number if math.isfinite(number) else None


def _decode_slowly(data: bytes, first_error: Exception) -> object:
    """Decode what msgspec refused, if a lone surrogate can be the reason."""
    if _SURROGATE_MARK not in data.lower():
        raise ProtocolError(f"not the JSON that is expected: {first_error}") from first_error
    return decode(data)
