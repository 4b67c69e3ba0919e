"""The command line as the library reads it: the subcommands, their help, and its complaints in our words.

Knows which commands there are. Must not know what they do. A plain `oyez serve` gets by without it (`plain_serve`).
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperCommand

from oyez import __version__
from oyez.cli import output
from oyez.cli.exits import describe_endings

COMMANDS = (
    "serve",
    "check-config",
    "post",
    "last",
    "listen",
    "grant",
    "revoke",
    "reload",
    "connect",
    "doctor",
    "selftest",
)
"""Each is a function in the file of its name, with an underscore for the hyphen, or in `command` in its folder."""

_FOLDERS = {"connect", "doctor", "selftest"}


class _PlainCommand(TyperCommand):
    """A command whose usage names arguments as its help and the documentation do: CHANNEL, not {CHANNEL}."""

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # what it gets is one
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


def _print_version(wanted: bool) -> None:
    if wanted:
        output.print_line(f"oyez {__version__}")
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
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(_common)
    for name in commands:
        function = name.replace("-", "_")
        file = f"{function}.command" if function in _FOLDERS else function
        command = getattr(importlib.import_module(f"oyez.cli.{file}"), function)
        app.command(name, cls=_PlainCommand, epilog=describe_endings(name))(command)
    return app


def run_app(words: Sequence[str]) -> None:
    """Run the command that was typed; ends the process with its exit code.

    Raises:
        OyezError: the command failed.
    """
    named = [name for name in words[:1] if name in COMMANDS]
    try:
        sys.exit(build_app(named or COMMANDS)(words, prog_name="oyez", standalone_mode=False))
    except typer.TyperException as error:  # as a line of ours, not the library's box: it may quote what it likes
        if said := error.format_message().rstrip("."):  # without any argument, the help has been shown
            said = said.replace("a valid int range", "a whole number").replace("a valid float range", "a number")
            output.complain(f"{said}; see {' '.join(['oyez', *named])} --help")
        sys.exit(error.exit_code)
