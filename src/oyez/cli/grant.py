"""`oyez grant`: make the name by which somebody may follow a channel that needs a grant."""

from typing import Annotated

import typer

from oyez.cli import options
from oyez.cli.output import print_line
from oyez.client import grant as make_grant


def grant(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel to be followed.", show_default=False)],
    *,
    subject: Annotated[
        str, typer.Option("--subject", metavar="NAME", help="For whom it is, such as the number of a user.")
    ] = "",
    key: options.DaemonKey = "",
) -> None:
    """Print a name by which a channel that needs a grant may be followed for a while.

    It is made here, with the key; nobody is asked, so a key that the daemon does not know is not found out.

    To try a rule: [bold]oyez listen "$(oyez grant tickets --subject 42)"[/bold]
    """
    options.require_text([channel])
    if not key:
        raise typer.BadParameter("a grant is signed with the daemon's key: give --key, or set OYEZ_KEY")
    try:
        name = make_grant(channel, subject, key=key)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    print_line(name)
