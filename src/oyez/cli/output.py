"""Writing lines so that neither a closed pipe nor a hostile text does harm.

It must not know what the lines say.
"""

import os
import sys

import typer

from oyez.cli.exits import ExitCode


def print_line(line: str) -> None:
    """Write a line to the standard output at once; end the command quietly if nobody reads it any more (``| head``)."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        # Python flushes once more at its end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.OK) from error


def complain(line: str) -> None:
    """Write a line to the standard error, marked as ours."""
    sys.stderr.write(f"oyez: {line}\n")
    sys.stderr.flush()
