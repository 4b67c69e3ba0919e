"""How a question to a daemon fails, named after what happened.

Must not know what follows from it.
"""
# ruff: noqa: N818 - as in `except NotOpened`

from collections.abc import Mapping
from enum import StrEnum

from oyez.errors import OyezError
from oyez.probe.answer import Answer


class Kind(StrEnum):
    """What kind of trouble it is; the value ends the code of a finding."""

    NAME = "name-unknown"
    REFUSED = "refused"
    SILENT = "silent"
    TLS = "tls"
    BROKEN = "broken"


class Trouble(OyezError):
    """No connection, or no answer over one; the text says it to people. What the system said is its cause, if any."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Closed(Trouble):
    """A WebSocket was closed by the other side, or broke; then `code` is 1006 (RFC 6455 §7.1.5)."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(Kind.BROKEN, text)
        self.code = code


class NotOpened(OyezError):
    """Who answers is not the door that was asked for: no WebSocket, no session, or nobody who takes the key."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class WrongPacket(OyezError):
    """A packet is not the one that has to come there; both are told as they are written."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"{came!r} came where {expected!r} is due")
        self.expected = expected
        self.came = came


class NotConnected(OyezError):
    """A Socket.IO session was refused, or ended; the text is the daemon's reason.

    Attributes:
        answer: to the poll that found the session ended; None otherwise.
        payload: of a refusal, as it came; None if the session has ended.
    """

    def __init__(self, reason: str, answer: Answer | None = None, payload: str | None = None) -> None:
        super().__init__(reason)
        self.answer = answer
        self.payload = payload


class Rejected(OyezError):
    """A command was answered by an error."""

    def __init__(self, command: str, code: str, message: str) -> None:
        super().__init__(f"{command!r} is answered {code or 'error'!r}" + (f": {message}" if message else ""))
        self.command = command
        self.code = code


def require_success(command: str, answer: Mapping[str, object]) -> Mapping[str, object]:
    """Return the answer to a command, such as ``{"status": "success", "id": 5}``. Raises Rejected for any other."""
    if answer.get("status") != "success":
        raise Rejected(command, str(answer.get("code", "")), str(answer.get("message", "")))
    return answer
