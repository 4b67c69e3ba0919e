"""The `oyez` command: one file per subcommand, and here how they hang together."""

import importlib
import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from oyez import __version__
from oyez.cli.exits import MEANINGS, exit_code_of, explain
from oyez.cli.output import complain, print_line
from oyez.errors import OyezError

COMMANDS = ("serve", "check-config", "post", "last", "listen", "connect", "doctor", "selftest")
"""Each is a function in the file of its name, with an underscore for the hyphen."""

_EPILOG = "Exit codes: " + "; ".join(f"{code:d} {meaning}" for code, meaning in MEANINGS.items()) + "."


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"oyez {__version__}")
        raise typer.Exit


def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def build_app(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """Make the command line. Only the files of the commands named are loaded: all of them take as long as a daemon."""
    app = typer.Typer(
        name="oyez",
        help="A real-time event daemon: back ends post events to channels, browsers get every one of them.",
        epilog=_EPILOG,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(_common)
    for name in commands:
        function = name.replace("-", "_")
        app.command(name, epilog=_EPILOG)(getattr(importlib.import_module(f"oyez.cli.{function}"), function))
    return app


def main() -> None:
    """Run the command line; ends the process with one of the documented exit codes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an event may hold what the terminal's encoding has not
    try:
        build_app(sys.argv[1:2] if set(sys.argv[1:2]) & set(COMMANDS) else COMMANDS)(prog_name="oyez")
    except OyezError as error:
        complain(explain(error))
        sys.exit(exit_code_of(error))
