"""`oyez post`: post one event."""

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from oyez.cli import options
from oyez.cli.output import print_line
from oyez.client import Poster


def post(
    channel: Annotated[str, typer.Argument(help="The channel to post to.", show_default=False)],
    message: Annotated[
        str,
        typer.Argument(help="JSON; @FILE reads it from a file, - from the standard input.", show_default=False),
    ],
    *,
    text: Annotated[
        bool, typer.Option("--text", help="Post the message as a text; one line break at its end is dropped.")
    ] = False,
    url: options.DaemonUrl = options.DEFAULT_URL,
    key: options.DaemonKey = "",
) -> None:
    """Post an event and print its id.

    JSON: [bold]oyez post news '{"type": "update"}'[/bold]

    Text: [bold]echo "Servus" | oyez post news --text -[/bold]

    A negative number needs two dashes before it: [bold]oyez post news -- -5[/bold]
    """
    content = _read(message)
    value = content.removesuffix("\n") if text else _parse(content)
    with Poster(url, key) as poster:
        try:
            event_id = poster.post(channel, value)
        except ValueError as error:
            raise typer.BadParameter(f"this cannot be posted as JSON: {error}", param_hint="MESSAGE") from error
    print_line(str(event_id))


def _read(message: str) -> str:
    try:
        if message == "-":
            return sys.stdin.buffer.read().decode()
        return Path(message[1:]).read_text("utf-8") if message.startswith("@") else message
    except UnicodeDecodeError as error:
        raise typer.BadParameter("the content is not UTF-8", param_hint="MESSAGE") from error
    except OSError as error:
        raise typer.BadParameter(f"{message[1:]} cannot be read: {error.strerror}", param_hint="MESSAGE") from error


def _parse(content: str) -> object:
    try:
        value: object = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise typer.BadParameter("the JSON is nested too deeply", param_hint="MESSAGE") from error
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}. --text posts it as a text.", param_hint="MESSAGE") from error
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
