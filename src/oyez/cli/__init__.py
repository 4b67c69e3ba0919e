"""The `oyez` command: one file per subcommand, and here how they hang together."""

import io
import sys
from typing import Annotated

import typer

from oyez import __version__
from oyez.cli.check_config import check_config
from oyez.cli.connect import connect
from oyez.cli.doctor import doctor
from oyez.cli.exits import MEANINGS, exit_code_of, explain
from oyez.cli.last import last
from oyez.cli.listen import listen
from oyez.cli.output import complain, print_line
from oyez.cli.post import post
from oyez.cli.selftest import selftest
from oyez.cli.serve import serve
from oyez.errors import OyezError

_EPILOG = "Exit codes: " + "; ".join(f"{code:d} {meaning}" for code, meaning in MEANINGS.items()) + "."

app = typer.Typer(
    name="oyez",
    help="A real-time event daemon: back ends post events to channels, browsers get every one of them.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for _command in (serve, check_config, post, last, listen, connect, doctor, selftest):
    app.command(_command.__name__.replace("_", "-"), epilog=_EPILOG)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"oyez {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; ends the process with one of the documented exit codes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an event may hold what the terminal's encoding has not
    try:
        app(prog_name="oyez")
    except OyezError as error:
        complain(explain(error))
        sys.exit(exit_code_of(error))
