"""What is typed, until its end: lines that go out, and commands to the console itself.

Knows lines and a peer to send to. Must not know whether that is a server or clients.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from websockets.exceptions import WebSocketException
from websockets.frames import Close

from oyez.cli.connect.dialect import Content, Dialect
from oyez.cli.connect.packets import BadLine
from oyez.cli.connect.screen import Screen

_HELP = {
    "/ping [TEXT]": "send a ping frame, and tell how long its pong takes",
    "/close [CODE] [REASON]": "close the connection",
    "/binary HEX": "send bytes, as in: /binary 00 ff",
    "//TEXT": "a line that begins with one slash",
    "Ctrl-D": "end; Ctrl-C as well",
}


class Peer(Protocol):
    """Whoever is at the other end: a server, or all clients of ours."""

    async def ready(self) -> None:
        """Wait until somebody is there who would understand."""

    async def send(self, frame: Content) -> None:
        """Send a frame; without a word if the connection has gone meanwhile. Raises BadLine if nobody is there."""

    async def ping(self, data: bytes | None) -> None:
        """Send a ping, and see to it that its pong is noticed."""

    async def close(self, code: int, reason: str) -> None:
        """Begin to close."""


class Talk:
    """Takes the lines. `slash` tells whether those that begin with a slash are commands."""

    def __init__(self, screen: Screen, peer: Peer, dialect: Dialect, *, slash: bool) -> None:
        self._screen = screen
        self._peer = peer
        self._dialect = dialect
        self._slash = slash
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "ping": self._ping,
            "close": self._close,
            "raw": self._send_raw,
            "binary": self._send_binary,
            "help": self._help,
        }

    async def run(self) -> None:
        """Take lines until the input ends. A person is told of a bad line; for a script it raises BadLine."""
        while (line := await self._next()) is not None:
            try:
                await self._take(line)
            except BadLine as error:
                if not self._screen.interactive:
                    raise
                self._screen.warn(str(error))

    async def _next(self) -> str | None:
        if self._screen.interactive:
            return await self._screen.read()
        await self._peer.ready()  # a script cannot know when
        try:
            return await self._screen.read()
        except UnicodeDecodeError as error:
            raise BadLine("the input is not UTF-8") from error

    async def _take(self, line: str) -> None:
        if self._screen.interactive:
            if not line.strip():
                return
            self._screen.echo(line)
        if not self._slash or not line.startswith("/"):
            await self._send(self._dialect.say(line))
        elif line.startswith("//"):
            await self._send(self._dialect.say(line[1:]))
        else:
            await self._obey(line[1:])

    async def _obey(self, command: str) -> None:
        name, _, rest = command.partition(" ")
        if name in self._commands:
            await self._commands[name](rest)
        elif name in self._dialect.commands:
            await self._send(self._dialect.commands[name](rest))
        else:
            raise BadLine(f"there is no command /{name}; /help lists them, and //{name} goes out with one slash")

    async def _send(self, frames: list[Content]) -> None:
        for frame in frames:
            try:
                await self._peer.send(frame)
            except UnicodeEncodeError as error:
                raise BadLine("this cannot be sent: it is not Unicode") from error

    async def _send_raw(self, text: str) -> None:
        await self._send([text])

    async def _send_binary(self, digits: str) -> None:
        try:
            data = bytes.fromhex(digits)
        except ValueError as error:
            raise BadLine("bytes are written as pairs of hexadecimal digits, as in: /binary 00 ff") from error
        await self._send([data])

    async def _ping(self, text: str) -> None:
        try:
            await self._peer.ping(text.encode() or None)
        except (WebSocketException, UnicodeEncodeError) as error:
            raise BadLine(f"no such ping: {error}") from error

    async def _close(self, rest: str) -> None:
        digits, _, reason = rest.strip().partition(" ")
        try:
            code = int(digits or 1000)
            Close(code, reason).serialize()
        except (ValueError, WebSocketException) as error:
            raise BadLine("a code is 1000 to 1014 or 3000 to 4999, as in: /close 4000 enough") from error
        if len(reason.encode()) > 123:  # RFC 6455 §5.5: a control frame has up to 125 bytes
            raise BadLine("a reason has up to 123 bytes")
        await self._peer.close(code, reason)

    async def _help(self, _rest: str) -> None:
        for form, meaning in {**self._dialect.forms, **_HELP}.items():
            self._screen.help(f"{form:<24} {meaning}")
