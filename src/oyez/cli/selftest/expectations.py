"""How a check says that something is not as it should be, or not there at all.

It must not know what is checked.
"""

import json

MAX_SAFE_INTEGER = 2**53 - 1


class Mismatch(Exception):  # noqa: N818 - a finding about the daemon, not a failure of ours
    """Something else came than was expected."""

    def __init__(self, expected: object, came: object) -> None:
        super().__init__(f"expected {as_text(expected)}, came {as_text(came)}")
        self.expected = as_text(expected)
        self.came = as_text(came)


class NotOffered(Exception):  # noqa: N818
    """The daemon does not have what would be checked, and need not have it."""


def as_text(value: object) -> str:
    """Give words as they are, and values as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def require(holds: bool, expected: object, came: object) -> None:
    """Raise Mismatch unless something holds."""
    if not holds:
        raise Mismatch(expected, came)


def require_equal(came: object, expected: object) -> None:
    """Raise Mismatch unless two values are the same JSON: 1 is neither true nor 1.0."""
    require(json.dumps(came, sort_keys=True) == json.dumps(expected, sort_keys=True), expected, came)


def as_object(value: object, expected: str = "a JSON object") -> dict[str, object]:
    """Give a JSON object, or raise Mismatch."""
    if not isinstance(value, dict):
        raise Mismatch(expected, value)
    return value


def parse_json(text: str, expected: str = "JSON") -> object:
    """Read JSON, or raise Mismatch."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise Mismatch(expected, text or "nothing") from None
    return value


def parse_object(text: str, expected: str = "a JSON object") -> dict[str, object]:
    """Read a JSON object, or raise Mismatch."""
    return as_object(parse_json(text, expected), expected)


def read_id(answer: object, *, at_least: int = 1) -> int:
    """Take the id out of an answer; a whole number that JavaScript can hold."""
    value = as_object(answer, "an object with an id").get("id")
    if type(value) is not int or not at_least <= value <= MAX_SAFE_INTEGER:
        raise Mismatch(f"an id from {at_least} to {MAX_SAFE_INTEGER}", answer)
    return value


def read_success(answer: object, *, at_least: int = 1) -> int:
    """Take the id out of a command's answer, which has to tell of success."""
    require(as_object(answer, '{"status":"success","id":…}').get("status") == "success", "a success", answer)
    return read_id(answer, at_least=at_least)
