"""What has to come, and how a check says that something else did, or that a thing is not there at all.

It must not know what is checked.
"""

import json
from collections.abc import Callable

from oyez.probe.answer import Answer

MAX_SAFE_INTEGER = 2**53 - 1


class Mismatch(Exception):  # noqa: N818 - a finding about the daemon, not a failure of ours
    """Something else came than was expected."""

    def __init__(self, expected: object, came: object) -> None:
        self.expected, self.came = (each if isinstance(each, str) else _write(each) for each in (expected, came))
        super().__init__(f"expected {self.expected}, came {self.came}")


class NotOffered(Exception):  # noqa: N818 - likewise
    """The daemon does not have what would be checked, and need not have it."""


class Part(dict[str, object]):
    """An object of which these members are wanted, whatever others it has."""

    def is_in(self, came: object) -> bool:
        """Return whether JSON that came is such an object."""
        return isinstance(came, dict) and json.dumps({name: came.get(name) for name in self}) == json.dumps(self)


def _write(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def that(holds: bool, expected: object, came: object) -> None:
    """Raise Mismatch unless something holds."""
    if not holds:
        raise Mismatch(expected, came)


def equal(came: object, wanted: object) -> None:
    """Raise Mismatch unless two values are the same JSON: 1 is neither true nor 1.0."""
    that(json.dumps(came, sort_keys=True) == json.dumps(wanted, sort_keys=True), wanted, came)


def fits(came: object, wanted: object) -> None:
    """Raise Mismatch unless that came which a row wants: JSON, a `Part` of it, or what a function takes for right."""
    if callable(wanted):
        wanted(came)
    elif isinstance(wanted, Part):
        that(wanted.is_in(came), wanted, came)
    else:
        equal(came, wanted)


def status(answer: Answer, wanted: int) -> None:
    """Raise Mismatch unless an answer has this status."""
    that(answer.status == wanted, f"status {wanted}", f"status {answer.status}: {answer.body}")


def json_of(text: str, expected: str = "JSON") -> object:
    """Parse JSON, or raise Mismatch."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise Mismatch(expected, text or "nothing") from None
    return value


def an_object(value: object, expected: str = "a JSON object") -> dict[str, object]:
    """Return a JSON object, or raise Mismatch."""
    if not isinstance(value, dict):
        raise Mismatch(expected, value)
    return value


def object_of(text: str, expected: str = "a JSON object") -> dict[str, object]:
    """Parse a JSON object, or raise Mismatch."""
    return an_object(json_of(text, expected), expected)


def body(answer: Answer, wanted: int = 200) -> dict[str, object]:
    """Require a status, and a JSON object in the body; returns that."""
    status(answer, wanted)
    return object_of(answer.body)


def an_id(answer: object, *, at_least: int = 1) -> int:
    """Take the id out of ``{"id":5}``; a whole number that JavaScript can hold."""
    value = an_object(answer, "an object with an id").get("id")
    if type(value) is not int or not at_least <= value <= MAX_SAFE_INTEGER:
        raise Mismatch(f"an id from {at_least} to {MAX_SAFE_INTEGER}", answer)
    return value


def success_id(answer: object, *, at_least: int = 1) -> int:
    """Take the id out of ``{"status":"success","id":5}``, a command's answer."""
    that(an_object(answer, '{"status":"success","id":…}').get("status") == "success", "a success", answer)
    return an_id(answer, at_least=at_least)


def success(answer: object) -> dict[str, object]:
    """Require ``{"status":"success"}``, whatever else it tells; returns all of it."""
    state = an_object(answer, '{"status":"success"}')
    that(state.get("status") == "success", '{"status":"success"}', answer)
    return state


def error(frame: object, code: str) -> str:
    """Require ``{"status":"error","code":code,"message":…}``; returns the message."""
    fits(frame, Part({"status": "error", "code": code}))
    message = an_object(frame).get("message")
    if not isinstance(message, str):
        raise Mismatch("a message with the error", frame)
    return message


def code(wanted: str) -> Callable[[object], None]:
    """Return what requires an object with this ``"code"``, to stand in a row."""
    return lambda answer: equal(an_object(answer).get("code"), wanted)


def rising(ids: list[int]) -> None:
    """Raise Mismatch unless each id is greater than the one before."""
    that(ids == sorted(set(ids)), "ids that rise", ids)
