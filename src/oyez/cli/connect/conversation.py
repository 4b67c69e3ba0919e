"""A conversation with a server: frames in, lines out, until one of the two ends.

Knows one link. Must not know how it was opened or what a screen is made of.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode

from oyez.cli.connect.dial import CLOSE_TIMEOUT_S
from oyez.cli.connect.dialect import Content, Dialect
from oyez.cli.connect.loop import Talk
from oyez.cli.connect.screen import Screen
from oyez.cli.exits import ListenError
from oyez.cli.link import LinkError

_READY_TIMEOUT_S = 10.0
_PEACEFUL = (1000, 1001, 1005)
_CONTROL = {Opcode.PING: "ping", Opcode.PONG: "pong"}


class Caller:
    """The client's side of a link. `accepted` is set as soon as the server understands what is typed."""

    def __init__(self, connection: Connection, dialect: Dialect, screen: Screen) -> None:
        self._connection = connection
        self._dialect = dialect
        self._screen = screen
        self._accepted = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    async def converse(self, talk: Talk, wait_s: float) -> None:
        """Go on until the server closes, or `wait_s` seconds after the end of what is typed.

        Raises LinkError when the server's end was none in peace, ListenError when it refuses us, BadLine.
        """
        hearing = asyncio.create_task(self._hear())
        talking = asyncio.create_task(talk.run())
        try:
            await asyncio.wait({hearing, talking}, return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
                await asyncio.wait({hearing}, timeout=wait_s)
        finally:
            talking.cancel()
            was_open = not hearing.done()
            await asyncio.gather(talking, return_exceptions=True)
            await hang_up(self._connection, 1000)
            await asyncio.gather(hearing, return_exceptions=True)
        hearing.result()
        self._conclude(by_us=was_open or self._closing is not None)

    async def ready(self) -> None:
        """Wait for the server's answer to our CONNECT, if one is due."""
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                await self._accepted.wait()
        except TimeoutError as error:
            raise LinkError(f"the server did not let us in within {_READY_TIMEOUT_S:g} s") from error

    async def send(self, frame: Content) -> None:
        """Send a frame."""
        with contextlib.suppress(ConnectionClosed):  # `_hear` learns it as well
            await self._connection.send(frame)

    async def ping(self, data: bytes | None) -> None:
        """Send a ping, and note when its pong comes."""
        await ping(self._connection, data, self._screen)

    async def close(self, code: int, reason: str) -> None:
        """Begin to close; what the server still sends is shown."""
        self._closing = asyncio.create_task(hang_up(self._connection, code, reason))

    async def _hear(self) -> None:
        for packet in self._dialect.opening:
            await self.send(packet)
        if self._dialect.ready:
            self._accepted.set()
        with contextlib.suppress(ConnectionClosed):
            while True:
                refused = await take(self._connection, self._dialect, self._screen)
                if refused:
                    raise ListenError(f"the server refuses us: {_reason_of(refused)}")
                if self._dialect.ready:
                    self._accepted.set()

    def _conclude(self, *, by_us: bool) -> None:
        """Tell how it ended, if not by us."""
        if by_us:
            return
        words = farewell(self._connection)
        received = self._connection.protocol.close_rcvd
        if received is None or received.code not in _PEACEFUL:
            raise LinkError(words)
        self._screen.note(words)


async def take(connection: Connection, dialect: Dialect, screen: Screen, who: str = "") -> str:
    """Take one frame: show it, and send what it is answered with. Returns a refusal, if it is one."""
    taken = dialect.take(await connection.recv())
    if taken.shown is not None:
        screen.show(taken.shown, who)
    for answer in taken.answers:
        await connection.send(answer)
    await screen.keep_up()
    return taken.refused


async def hang_up(connection: Connection, code: int, reason: str = "") -> None:
    """Close a connection; one whose other side takes nothing any more is cut."""
    try:
        async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):  # the library bounds the wait for the answer only
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()


async def ping(connection: Connection, data: bytes | None, screen: Screen, who: str = "") -> None:
    """Send a ping, and note when its pong comes."""
    pong = asyncio.ensure_future(await connection.ping(data))

    def note(done: asyncio.Future[float]) -> None:
        if done.exception() is None:
            screen.note(f"{f'client {who}: ' if who else ''}pong after {done.result() * 1000:.1f} ms")

    pong.add_done_callback(note)


def show_control(screen: Screen) -> Callable[[Frame], None]:
    """Return what shows the pings and pongs that come."""

    def show(frame: Frame) -> None:
        if frame.opcode in _CONTROL:
            text = bytes(frame.data).decode(errors="replace")
            screen.note(f"{_CONTROL[frame.opcode]} {text!r}" if text else _CONTROL[frame.opcode])

    return show


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


def _reason_of(payload: str) -> str:
    """Return the message of a CONNECT_ERROR, or all of it."""
    with contextlib.suppress(ValueError, RecursionError):
        parsed = json.loads(payload)
        if isinstance(parsed, dict) and isinstance(parsed.get("message"), str):
            return str(parsed["message"])
    return payload
