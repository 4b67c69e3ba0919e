"""Putting a console together: the screen that fits, the link, and how a command ends.

It must not know how the options are spelled.
"""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable

import typer

from oyez.cli.connect.conversation import Caller, show_control
from oyez.cli.connect.dial import dial
from oyez.cli.connect.dialect import Dialect, Plain, SocketIO, SocketIOServer
from oyez.cli.connect.loop import Talk
from oyez.cli.connect.options import Destination, Manner
from oyez.cli.connect.packets import BadLine
from oyez.cli.connect.screen import Pipe, Screen
from oyez.cli.connect.server import Stand
from oyez.cli.exits import ExitCode
from oyez.cli.output import complain


def call(destination: Destination, manner: Manner) -> None:
    """Connect to a server and converse. Raises typer.Exit, LinkError, ListenError."""
    _run(manner, lambda screen: _call(destination, manner, screen))


def listen(host: str, port: int, subprotocols: tuple[str, ...], manner: Manner) -> None:
    """Play the server. Raises typer.Exit, LinkError."""
    _run(manner, lambda screen: _listen(host, port, subprotocols, manner, screen))


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


async def _call(destination: Destination, manner: Manner, screen: Screen) -> None:
    dialect: Dialect = Plain()
    if manner.socketio:
        dialect = SocketIO(manner.namespace, manner.auth, show_ping=manner.show_ping)
    connection = await dial(destination, show_control(screen) if manner.show_ping else None)
    subprotocol = f", subprotocol {connection.subprotocol}" if connection.subprotocol else ""
    screen.hint(f"connected to {destination.name}{subprotocol}; /help lists the commands, Ctrl-D ends")
    caller = Caller(connection, dialect, screen)
    await caller.converse(Talk(screen, caller, dialect, slash=_has_commands(manner, screen)), _wait_s(manner, screen))


async def _listen(host: str, port: int, subprotocols: tuple[str, ...], manner: Manner, screen: Screen) -> None:
    def make_dialect() -> Dialect:
        if not manner.socketio:
            return Plain()
        return SocketIOServer(secrets.token_urlsafe(9), manner.namespace, show_ping=manner.show_ping)

    stand = Stand(make_dialect, screen, show_ping=manner.show_ping)
    talk = Talk(screen, stand, make_dialect(), slash=_has_commands(manner, screen))
    await stand.run(host, port, subprotocols, talk, _wait_s(manner, screen))


def _has_commands(manner: Manner, screen: Screen) -> bool:
    """Tell whether lines with a slash are commands: not where a script sends what it is given."""
    return manner.slash or manner.socketio or screen.interactive


def _wait_s(manner: Manner, screen: Screen) -> float:
    """Return how long to hear on after the end of what is typed: a person who ends it does not want to wait."""
    return 0 if screen.interactive else manner.wait_s
