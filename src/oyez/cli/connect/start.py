"""Putting a console together: the screen that fits, the links, and how a bad line ends the command.

It must not know how the options are spelled.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable

import typer
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from oyez.cli.connect import client, server
from oyez.cli.connect.dialect import Dialect, Plain, SocketIO, SocketIOServer
from oyez.cli.connect.loop import showing_control
from oyez.cli.connect.options import Destination, Manner
from oyez.cli.connect.packets import BadLine
from oyez.cli.connect.screen import Pipe, Screen
from oyez.cli.exits import ExitCode
from oyez.cli.output import complain


def call(destination: Destination, manner: Manner) -> None:
    """Connect to a server and converse. Raises typer.Exit, ConfigError, LinkError, ListenError."""

    def make_dialect() -> Dialect:
        if not manner.socketio:
            return Plain()
        return SocketIO(manner.namespace, manner.auth, show_ping=manner.show_ping)

    async def converse(screen: Screen) -> None:
        kind = showing_control(ClientConnection, screen) if manner.show_ping else ClientConnection
        connection = await client.shake_hands(reached, destination, until, kind)
        subprotocol = f", subprotocol {connection.subprotocol}" if connection.subprotocol else ""
        screen.hint(f"connected to {destination.name}{subprotocol}; /help lists the commands, Ctrl-D ends")
        console = client.Client(screen, make_dialect, slash=_has_commands(manner, screen))
        await console.converse(connection, _wait_s(manner, screen))

    until = time.monotonic() + client.OPEN_TIMEOUT_S
    reached = client.reach(destination, until)
    _run(manner, converse)


def listen(host: str, port: int, subprotocols: tuple[str, ...], manner: Manner) -> None:
    """Play the server. Raises typer.Exit, LinkError."""

    def make_dialect() -> Dialect:
        if not manner.socketio:
            return Plain()
        return SocketIOServer(secrets.token_urlsafe(9), manner.namespace, show_ping=manner.show_ping)

    async def converse(screen: Screen) -> None:
        kind = showing_control(ServerConnection, screen) if manner.show_ping else ServerConnection
        console = server.Server(screen, make_dialect, slash=_has_commands(manner, screen))
        await console.run(host, port, subprotocols, _wait_s(manner, screen), kind)

    _run(manner, converse)


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


def _has_commands(manner: Manner, screen: Screen) -> bool:
    """Tell whether lines with a slash are commands: not where a script sends what it is given."""
    return manner.slash or manner.socketio or screen.interactive


def _wait_s(manner: Manner, screen: Screen) -> float:
    """Return how long to hear on after the end of what is typed: a person who ends it does not want to wait."""
    return 0 if screen.interactive else manner.wait_s
