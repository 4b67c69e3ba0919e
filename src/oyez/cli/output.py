"""Writing lines so that neither a closed pipe nor a hostile text does harm: here alone texts of others are escaped.

It must not know what the lines say. (What goes to a terminal in colours goes through `colours`.)
"""

import codecs
import io
import json
import os
import re
import sys
import traceback
from types import TracebackType

from oyez.cli.exits import ExitCode
from oyez.terminal_text import printable

# And the name before it; but not what stands for both where the form of such a URL is told.
_PASSWORD = re.compile(r"(?<=://)(?!user:password@host:(?:5672|6379)/)[^\s/@:]*:\S*(?=@)")


def set_up() -> None:
    """Have letters that the output's encoding lacks written as JSON writes them, so that JSON stays JSON."""
    codecs.register_error("oyez-as-json", _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="oyez-as-json")
    sys.excepthook = _show_bug


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _show_bug(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Show a traceback, which may quote what the other side has said."""
    for line in "".join(traceback.format_exception(kind, error, where)).splitlines():
        remark(line)


def print_line(*columns: str) -> None:
    """Write a line to the standard output at once, with tabs between its columns.

    Ends the command quietly if nobody reads it any more (``| head``), and with a word if it cannot be written.
    """
    if sys.stdout is None:  # somebody started us with it closed
        return
    try:
        sys.stdout.write("\t".join(map(printable, columns)) + "\n")
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            complain(f"the output cannot be written: {error.strerror}")
        from typer import Exit  # noqa: PLC0415 - a daemon that writes no lines need not load the library

        raise Exit(ExitCode.OK if isinstance(error, BrokenPipeError) else ExitCode.REFUSED) from error


def complain(line: str) -> None:
    """Write a line to the standard error, marked as ours, and without the passwords of URLs in it."""
    remark(f"oyez: {_PASSWORD.sub('***', line)}")


def remark(line: str) -> None:
    """Write a line to the standard error; where nobody reads that, it is lost."""
    try:
        sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()
    except (OSError, AttributeError):  # AttributeError: it is None, having been closed at the start
        return
