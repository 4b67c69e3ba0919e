"""The console's loop: what is typed goes out on every link until the input ends, and what comes on a link is shown.

Knows lines, links and a screen. Must not know how a link comes about, nor which side of it we are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Event

from oyez.cli.connect.dialect import Content, Plain
from oyez.cli.connect.options import Manner
from oyez.cli.connect.packets import BadLine
from oyez.cli.connect.screen import Screen
from oyez.cli.exits import ListenError

CLOSE_TIMEOUT_S = 2.0
MAX_FRAME_BYTES = 2**26

_CONTROL = {Opcode.PING: "ping", Opcode.PONG: "pong"}
_HELP = {
    "/ping [TEXT]": "send a ping frame, and tell how long its pong takes",
    "/close [CODE] [REASON]": "close the connection",
    "/binary HEX": "send bytes, as in: /binary 00 ff",
    "//TEXT": "a line that begins with one slash",
    "Ctrl-D": "end; Ctrl-C as well",
}


class Console:
    """Lines, and the links that they go out on. A client has one link; a server many, each with a number (`who`).

    Attributes:
        screen: where lines come from, and where all is shown.
        links: those that are open, each with its number and its own dialect.
    """

    def __init__(self, screen: Screen, manner: Manner) -> None:
        """Make it in the event loop that it runs in."""
        self.screen = screen
        self.manner = manner
        self.links: dict[Connection, tuple[str, Plain]] = {}
        # Not where a script sends what it is given are lines with a slash commands.
        self._takes_commands = manner.slash or manner.socketio or screen.interactive
        self._typed = self._make_dialect()
        self._changed = asyncio.Event()
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "ping": self._ping,
            "close": self._close,
            "raw": lambda text: self._send([text]),
            "binary": self._send_binary,
            "help": self._help,
        }

    async def talk_until(self, end: asyncio.Future[None]) -> None:
        """Take lines until `end` is done, or for a script until some seconds after the last line. Raises BadLine."""
        talking = asyncio.create_task(self._talk())
        try:
            await asyncio.wait({end, talking}, return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
                await asyncio.wait({end}, timeout=0 if self.screen.interactive else self.manner.wait_s)
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)

    async def hear(self, connection: Connection, who: str = "") -> None:
        """Show what comes on a new link, and send what it is answered with, until it is closed. Raises ListenError."""
        dialect = self._make_dialect()
        self.links[connection] = who, dialect
        try:
            with suppress(ConnectionClosed):
                for packet in dialect.opening:
                    await connection.send(packet)
                while True:
                    self._changed.set()
                    await self._take_frame(await connection.recv(), connection)
        finally:
            del self.links[connection]

    def _make_dialect(self) -> Plain:
        return self.make_socketio() if self.manner.socketio else Plain()

    async def _take_frame(self, frame: Content, connection: Connection) -> None:
        who, dialect = self.links[connection]
        taken = dialect.take(frame)
        if taken.shown is not None:
            self.screen.show(taken.shown, who)
        for answer in taken.answers:
            await connection.send(answer)
        await self.screen.keep_up()
        if taken.refused:
            raise ListenError(f"the server refuses us: {taken.refused}")

    # What the two sides do each in their own way

    def make_socketio(self) -> Plain:
        """Return our side of Socket.IO, for one link."""
        raise NotImplementedError

    async def ready(self) -> None:
        """Wait until somebody is there who would understand what is typed."""
        while not any(dialect.ready for _, dialect in self.links.values()):
            self._changed.clear()
            await self._changed.wait()

    async def send(self, frame: Content) -> None:
        """Send a frame to the other side; without a word if it has gone meanwhile."""
        for connection in list(self.links):
            with suppress(ConnectionClosed):  # `hear` learns it as well
                await connection.send(frame)

    async def close(self, code: int, reason: str) -> None:
        """Close all links, with a code and a reason for the other sides."""
        await asyncio.gather(*(hang_up(connection, code, reason) for connection in self.links))

    def kind_of(self, connection: type[Any]) -> type[Any]:
        """Return a kind of connection; one that notes pings and pongs, if these are to be shown."""

        def process_event(link: Connection, event: Event) -> None:
            if isinstance(event, Frame) and event.opcode in _CONTROL:
                text = bytes(event.data).decode(errors="replace")
                self.screen.note(f"{_CONTROL[event.opcode]} {text!r}" if text else _CONTROL[event.opcode])
            connection.process_event(link, event)

        if not self.manner.show_ping:
            return connection
        return type(connection.__name__, (connection,), {"process_event": process_event})

    # Lines

    async def _talk(self) -> None:
        """Take lines until the input ends. A person is told of a bad line; for a script it raises BadLine."""
        while (line := await self._next_line()) is not None:
            try:
                await self._take_line(line)
            except BadLine as error:
                if not self.screen.interactive:
                    raise
                self.screen.warn(str(error))

    async def _next_line(self) -> str | None:
        if not self.screen.interactive:
            await self.ready()  # a script cannot know when
        try:
            return await self.screen.read()
        except UnicodeDecodeError as error:
            raise BadLine("the input is not UTF-8") from error

    async def _take_line(self, line: str) -> None:
        if self.screen.interactive:
            if not line.strip():
                return
            self.screen.echo(line)
        is_command = self._takes_commands and line.startswith("/")
        if not is_command or line.startswith("//"):
            await self._send(self._typed.say(line[is_command:]))
            return
        name, _, rest = line[1:].partition(" ")
        if name in self._commands:
            await self._commands[name](rest)
        elif name in self._typed.commands:
            await self._send(self._typed.commands[name](rest))
        else:
            raise BadLine(f"there is no command /{name}; /help lists them, and //{name} goes out with one slash")

    async def _send(self, frames: Sequence[Content]) -> None:
        try:
            for frame in frames:
                await self.send(frame)
        except UnicodeEncodeError as error:
            raise BadLine("this cannot be sent: it is not Unicode") from error

    async def _send_binary(self, digits: str) -> None:
        try:
            data = bytes.fromhex(digits)
        except ValueError as error:
            raise BadLine("bytes are written as pairs of hexadecimal digits, as in: /binary 00 ff") from error
        await self._send([data])

    async def _ping(self, text: str) -> None:
        """Send a ping on each link, and note when its pong comes."""
        try:
            for connection, (who, _) in list(self.links.items()):
                pong = await connection.ping(text.encode() or None)
                asyncio.ensure_future(pong).add_done_callback(self._noter(f"client {who}: " if who else ""))
        except (WebSocketException, UnicodeEncodeError) as error:
            raise BadLine(f"no such ping: {error}") from error

    def _noter(self, whose: str) -> Callable[[asyncio.Future[float]], None]:
        def note(pong: asyncio.Future[float]) -> None:
            if pong.exception() is None:
                self.screen.note(f"{whose}pong after {pong.result() * 1000:.1f} ms")

        return note

    async def _close(self, rest: str) -> None:
        digits, _, reason = rest.strip().partition(" ")
        try:
            code = int(digits or 1000)
            Close(code, reason).serialize()
        except (ValueError, WebSocketException) as error:
            raise BadLine("a code is 1000 to 1014 or 3000 to 4999, as in: /close 4000 enough") from error
        if len(reason.encode()) > 123:  # RFC 6455 §5.5: a control frame has up to 125 bytes
            raise BadLine("a reason has up to 123 bytes")
        await self.close(code, reason)

    async def _help(self, _rest: str) -> None:
        for form, meaning in {**self._typed.forms, **_HELP}.items():
            self.screen.help(f"{form:<24} {meaning}")


async def hang_up(connection: Connection, code: int, reason: str = "") -> None:
    """Close a connection; one whose other side takes nothing any more is cut."""
    try:
        async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):  # the library bounds the wait for the answer only
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()


def farewell(connection: Connection) -> str:
    """Say how a connection ended, and by whom."""
    received, sent = connection.protocol.close_rcvd, connection.protocol.close_sent
    if received is not None and connection.protocol.close_rcvd_then_sent is not False:
        return f"closed by the other side: {_words(received)}"
    if sent is not None:
        return f"closed by us: {_words(sent)}"
    return "the connection broke without a closing handshake (1006)"


def _words(close: Close) -> str:
    return "without a code (1005)" if close.code == 1005 else str(close)
