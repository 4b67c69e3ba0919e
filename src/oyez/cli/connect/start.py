"""Putting a console together: the screen that fits, the side that we play, and how a bad line ends the command.

It must not know how the options are spelled.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import typer

from oyez.cli.connect import client, server
from oyez.cli.connect.options import Destination, Manner
from oyez.cli.connect.packets import BadLine
from oyez.cli.connect.screen import Pipe, Screen
from oyez.cli.exits import ExitCode
from oyez.cli.output import complain
from oyez.probe.dialer import TimeLimit


def call(destination: Destination, manner: Manner) -> None:
    """Connect to a server and converse. Raises typer.Exit, ConfigError, LinkError, ListenError."""
    limit = TimeLimit.of(client.OPEN_TIMEOUT_S)
    reached = client.reach(destination, limit)
    _run(manner, lambda screen: client.Client(screen, manner).run(destination, reached, limit))


def listen(host: str, port: int, subprotocols: tuple[str, ...], manner: Manner) -> None:
    """Play the server. Raises typer.Exit, LinkError."""
    _run(manner, lambda screen: server.Server(screen, manner).run(host, port, subprotocols))


def _run(manner: Manner, converse: Callable[[Screen], Awaitable[None]]) -> None:
    async def run() -> None:
        screen = _open_screen(manner)
        try:
            await converse(screen)
        finally:
            await screen.leave()

    try:
        asyncio.run(run())
    except BadLine as error:
        complain(str(error))
        raise typer.Exit(ExitCode.USAGE) from error


def _open_screen(manner: Manner) -> Screen:
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Pipe(times=manner.times)
    from oyez.cli.connect.terminal import Terminal  # noqa: PLC0415 - scripts need not wait for line editing

    return Terminal(times=manner.times)
