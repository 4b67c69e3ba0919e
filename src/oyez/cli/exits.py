"""The exit codes, and which error ends a command with which.

It must not know the commands.
"""

from enum import IntEnum

from oyez.errors import ConfigError, OyezError, UnknownSettingError, UnusableError


class ExitCode(IntEnum):
    """What a script can tell from the end of a command."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.REFUSED: "the daemon refused: wrong key, bad channel …; or the doctor or a check found something wrong",
    ExitCode.USAGE: "wrong usage, or a wrong setting",
    ExitCode.UNREACHABLE: "the daemon could not be reached, or did not answer in time",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
}


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
    """Put an error into words for the one who typed the command."""
    from oyez.client import PosterError, Unauthorized  # noqa: PLC0415 - as above

    if isinstance(error, UnknownSettingError):
        return f"there is no setting {error.key}; {error.expected}"
    if isinstance(error, UnusableError):
        return f"{error.key} = {error.value!r} cannot be had: {error.expected}"
    if isinstance(error, ConfigError):
        return f"{error.key} = {error.value!r} is wrong: expected {error.expected}"
    if isinstance(error, Unauthorized):
        return f"{error}; the key is given by --key or OYEZ_KEY"
    if isinstance(error, PosterError) and error.uncertain:
        return f"{error}; the event may have been taken even so"
    return str(error)
