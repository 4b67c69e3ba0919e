"""The console as a server: whoever connects is numbered and shown, and gets what is typed.

Knows many links. Must not know what a screen is made of.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Sequence

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.protocol import Event
from websockets.typing import Subprotocol

from oyez.cli.connect.conversation import farewell, hang_up, ping, show_control, take
from oyez.cli.connect.dial import CLOSE_TIMEOUT_S, MAX_FRAME_BYTES
from oyez.cli.connect.dialect import Content, Dialect
from oyez.cli.connect.loop import Talk
from oyez.cli.connect.packets import BadLine
from oyez.cli.connect.screen import Screen
from oyez.cli.link import LinkError


class Stand:
    """Takes clients, each with a dialect of its own; `run` it once, in the loop that it was made in."""

    def __init__(self, make_dialect: Callable[[], Dialect], screen: Screen, *, show_ping: bool) -> None:
        self._make_dialect = make_dialect
        self._screen = screen
        self._show_ping = show_ping
        self._clients: dict[ServerConnection, tuple[str, Dialect]] = {}
        self._seen = 0
        self._changed = asyncio.Event()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, host: str, port: int, subprotocols: Sequence[str], talk: Talk, wait_s: float) -> None:
        """Take clients until `wait_s` seconds after the end of what is typed. Raises LinkError, BadLine."""
        try:
            server = await self._open(host, port, subprotocols)
        except OSError as error:
            number = error.errno or 0  # asyncio's own words tell the address once more
            reason = os.strerror(number) if number in errno.errorcode else error.strerror
            raise LinkError(f"cannot listen on {host}:{port}: {reason}") from error
        async with server:
            self._screen.note(f"listening on {_address_of(server)}")
            talking = asyncio.create_task(talk.run())
            try:
                await asyncio.wait({talking, self._failed}, return_when=asyncio.FIRST_COMPLETED)
                if talking.done():
                    talking.result()
                    await asyncio.wait({self._failed}, timeout=wait_s)
                if self._failed.done():
                    self._failed.result()
            finally:
                talking.cancel()
                await asyncio.gather(talking, return_exceptions=True)
                await self.close(1001, "")

    async def _open(self, host: str, port: int, subprotocols: Sequence[str]) -> Server:
        return await serve(
            self._serve_client,
            host,
            port,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            process_response=self._note_refusal,
            ping_interval=None,  # a console does not speak by itself
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
            create_connection=_observed(show_control(self._screen)) if self._show_ping else None,
        )

    async def ready(self) -> None:
        """Wait for a client that understands."""
        while not any(dialect.ready for _, dialect in self._clients.values()):
            self._changed.clear()
            await self._changed.wait()

    async def send(self, frame: Content) -> None:
        """Send a frame to all, without waiting for slow ones. Raises BadLine when nobody is there."""
        if not self._clients:
            raise BadLine("nobody is connected")
        broadcast(self._clients, frame)

    async def ping(self, data: bytes | None) -> None:
        """Ping all."""
        for client, (who, _) in list(self._clients.items()):
            await ping(client, data, self._screen, who)

    async def close(self, code: int, reason: str) -> None:
        """Close all links; new clients may come."""
        await asyncio.gather(*(hang_up(client, code, reason) for client in self._clients))

    async def _serve_client(self, client: ServerConnection) -> None:
        self._seen += 1
        who, dialect = str(self._seen), self._make_dialect()
        self._clients[client] = who, dialect
        self._screen.note(f"client {who} connected: {_describe(client)}")
        try:
            await self._hear(client, who, dialect)
        except Exception as error:  # noqa: BLE001 - the library would log it and go on; it has to end the command
            if not self._failed.done():
                self._failed.set_exception(error)
        finally:
            del self._clients[client]
            self._screen.note(f"client {who} left: {farewell(client)}")

    async def _hear(self, client: ServerConnection, who: str, dialect: Dialect) -> None:
        with contextlib.suppress(ConnectionClosed):
            for packet in dialect.opening:
                await client.send(packet)
            while True:
                self._changed.set()
                await take(client, dialect, self._screen, who)

    def _note_refusal(self, client: ServerConnection, request: Request, response: Response) -> None:
        if response.status_code != 101:
            reason = client.protocol.handshake_exc or response.reason_phrase
            words = f"a request for {request.path} refused with HTTP status {response.status_code}: {reason}"
            self._screen.note(words)


def _observed(on_frame: Callable[[Frame], None]) -> type[ServerConnection]:
    class Observed(ServerConnection):
        def process_event(self, event: Event) -> None:
            if isinstance(event, Frame):
                on_frame(event)
            super().process_event(event)

    return Observed


def _address_of(server: Server) -> str:
    host, port, *_ = next(iter(server.sockets)).getsockname()
    return f"ws://{f'[{host}]' if ':' in host else host}:{port}"


def _describe(client: ServerConnection) -> str:
    assert client.request is not None
    host, port, *_ = client.remote_address
    words = [f"{client.request.path} from {host}:{port}"]
    if client.subprotocol:
        words.append(f"subprotocol {client.subprotocol}")
    if origin := client.request.headers.get("Origin"):
        words.append(f"origin {origin}")
    return ", ".join(words)
