"""`oyez last`: ask for the newest id."""

from oyez.cli import options
from oyez.cli.output import print_line
from oyez.client import Poster


def last(url: options.DaemonUrl = options.DEFAULT_URL, key: options.DaemonKey = "") -> None:
    """Print the newest id that the daemon has given.

    To hear what comes from now on: [bold]oyez listen news --since $(oyez last)[/bold]
    """
    with Poster(url, key) as poster:
        print_line(str(poster.last()))
