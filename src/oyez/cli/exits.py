"""The exit codes, and which error ends a command with which.

It must not know the commands.
"""

import re
from enum import IntEnum

from oyez.errors import ConfigError, OyezError

_ERROR_NUMBER = re.compile(r"\[Errno \d+\] ")  # what Python puts before the system's words

_NO_TLS = re.compile(r"\[SSL: WRONG_VERSION_NUMBER\].*")  # OpenSSL's word for an answer that is no TLS
_NOBODY = re.compile("connection refused|no such file", re.IGNORECASE)


class ExitCode(IntEnum):
    """What a script can tell from the end of a command."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    STALLED = 70
    INTERRUPTED = 130


_USAGE = {ExitCode.USAGE: "wrong usage, or a wrong setting"}
_REACHED = {ExitCode.UNREACHABLE: "the daemon could not be reached, or did not answer in time"}
_INTERRUPTED = {ExitCode.INTERRUPTED: "interrupted (Ctrl-C)"}
_AS_CLIENT = {**_USAGE, **_REACHED, **_INTERRUPTED}

ENDINGS: dict[str, dict[ExitCode, str]] = {
    "serve": {
        ExitCode.OK: "stopped by SIGTERM or Ctrl-C",
        ExitCode.REFUSED: "its stop was cut short, by a second signal or because it hung",
        **_USAGE,
        ExitCode.STALLED: "ended itself, since it stood still (stall_deadline_s)",
    },
    "check-config": {ExitCode.OK: "oyez serve would take these settings", **_USAGE},
    "post": {
        ExitCode.OK: "posted",
        ExitCode.REFUSED: "the daemon refused: wrong key, bad channel, too large",
        **_AS_CLIENT,
    },
    "last": {
        ExitCode.OK: "done",
        ExitCode.REFUSED: "the daemon refused: wrong key",
        **_AS_CLIENT,
    },
    "listen": {
        ExitCode.OK: "so many events came as --count says, or nobody reads the output any more",
        ExitCode.REFUSED: "the daemon refused: bad channel, too many channels",
        **_USAGE,
        ExitCode.UNREACHABLE: "the first connection could not be made",
        **_INTERRUPTED,
    },
    "grant": {ExitCode.OK: "made", **_USAGE, ExitCode.INTERRUPTED: "interrupted (Ctrl-C)"},
    "revoke": {
        ExitCode.OK: "revoked",
        ExitCode.REFUSED: "the daemon refused: wrong key, no rule that asks for grants",
        **_AS_CLIENT,
    },
    "reload": {
        ExitCode.OK: "read again",
        ExitCode.REFUSED: "a setting is wrong, and nothing is changed; or the daemon refused: wrong key",
        **_AS_CLIENT,
    },
    "connect": {
        ExitCode.OK: "ended by us, or closed by the other side with 1000, 1001 or no code",
        ExitCode.REFUSED: "Socket.IO's CONNECT was refused",
        ExitCode.USAGE: "wrong usage, or a line that cannot be sent",
        ExitCode.UNREACHABLE: "no connection, or closed with another code",
        **_INTERRUPTED,
    },
    "doctor": {
        ExitCode.OK: "no error found, warnings perhaps",
        ExitCode.REFUSED: "an error found",
        ExitCode.USAGE: "wrong usage, or settings that cannot be read",
        **_INTERRUPTED,
    },
    "selftest": {
        ExitCode.OK: "nothing failed",
        ExitCode.REFUSED: "a check failed, or there was nothing to check",
        **_USAGE,
        ExitCode.UNREACHABLE: "nobody answers",
        **_INTERRUPTED,
    },
}
"""How each command can end, for its help."""


def describe_endings(command: str) -> str:
    """Write the exit codes of a command in one paragraph."""
    return "Exit codes: " + "; ".join(f"{code:d} {meaning}" for code, meaning in ENDINGS[command].items()) + "."


class LinkError(OyezError):
    """A link could not be made, or broke."""


class ListenError(OyezError):
    """The daemon told a listener that it may not have what it asked for."""


def exit_code_of(error: OyezError) -> ExitCode:
    """Return the code that a command ends with when this error ends it."""
    from oyez.client import Refused  # noqa: PLC0415 - its libraries must not slow the start of a daemon down

    if isinstance(error, ConfigError):
        return ExitCode.USAGE
    if isinstance(error, Refused | ListenError):
        return ExitCode.REFUSED
    return ExitCode.UNREACHABLE


def explain(error: OyezError) -> str:
    """Describe an error to the one who typed the command, with what may help.

    What an uncertain call may have done all the same is an event that was taken, unless the error has a note of it.
    """
    from oyez.client import PosterError, Unauthorized  # noqa: PLC0415 - as above

    if isinstance(error, Unauthorized):
        return f"{error}; the key is given by --key or OYEZ_KEY"
    if isinstance(error, PosterError) and error.uncertain:
        return "; ".join((str(error), *getattr(error, "__notes__", ["the event may have been taken even so"])))
    words = _ERROR_NUMBER.sub("", str(error))
    if exit_code_of(error) is ExitCode.UNREACHABLE and _NOBODY.search(words):
        return f"{words}; is a daemon running there? oyez serve --dev starts one"
    return _NO_TLS.sub("no TLS is spoken there, as the daemon itself speaks none: write http:// or ws://", words)
