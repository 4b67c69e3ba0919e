"""`oyez revoke`: end grants before their time."""

from typing import Annotated

import typer

from oyez.cli import options
from oyez.cli.output import print_line
from oyez.client import Poster, PosterError


def revoke(
    channel: Annotated[
        str, typer.Argument(metavar="CHANNEL", help="The channel that they are for; any.", show_default=False)
    ] = "",
    *,
    subject: Annotated[
        str, typer.Option("--subject", metavar="NAME", help="For whom they were made; anybody.", show_default=False)
    ] = "",
    url: options.DaemonUrl = options.DEFAULT_URL,
    key: options.DaemonKey = "",
) -> None:
    """End the grants that were made until now for a channel, for a subject, or for both.

    Whoever listens by one of them loses the channel within a second; what is printed is how many have. Grants that are
    made afterwards are good.

    For example: [bold]oyez revoke tickets --subject 42[/bold]
    """
    options.require_text([channel])
    if not (channel or subject):
        raise typer.BadParameter("say whose grants end: give a CHANNEL, --subject, or both")
    with Poster(url, key) as poster:
        try:
            ended = poster.revoke(subject=subject or None, channel=channel or None)
        except PosterError as error:
            if error.uncertain:
                error.add_note("the grants may have ended even so, and to repeat it does no harm")
            raise
    print_line(str(ended))
