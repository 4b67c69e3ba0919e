"""The console as a server: whoever connects is numbered and shown, and gets what is typed.

Knows who is connected. Must not know what a screen is made of.
"""

import asyncio
import errno
import os
import secrets
from collections.abc import Sequence

from websockets.asyncio.server import Server as Listener
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from oyez.cli.connect.dialect import Content, SocketIOServer
from oyez.cli.connect.loop import CLOSE_TIMEOUT_S, MAX_FRAME_BYTES, Console, farewell
from oyez.cli.connect.packets import BadLine
from oyez.cli.exits import LinkError


class Server(Console):
    """The console with a link to each client that connects; `run` it once."""

    _seen = 0

    def make_socketio(self) -> SocketIOServer:
        """Return what speaks Socket.IO with one client."""
        return SocketIOServer(secrets.token_urlsafe(9), self.manner.namespace, show_ping=self.manner.show_ping)

    async def run(self, host: str, port: int, subprotocols: Sequence[str]) -> None:
        """Take clients until all is said. Raises LinkError, BadLine."""
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            listener = await serve(
                self._serve_client,
                host,
                port,
                subprotocols=[Subprotocol(name) for name in subprotocols] or None,
                process_response=self._note_refusal,
                ping_interval=None,  # a console does not speak by itself
                close_timeout=CLOSE_TIMEOUT_S,
                max_size=MAX_FRAME_BYTES,
                create_connection=self.kind_of(ServerConnection),
            )
        except OSError as error:
            number = error.errno or 0  # asyncio's own words tell the address once more
            reason = os.strerror(number) if number in errno.errorcode else error.strerror
            raise LinkError(f"cannot listen on {host}:{port}: {reason}") from error
        async with listener:
            self.screen.note(f"listening on {_address_of(listener)}")
            try:
                await self.talk_until(self._failed)
                if self._failed.done():
                    self._failed.result()
            finally:
                await self.close(1001, "")

    async def send(self, frame: Content) -> None:
        """Send a frame to all, without waiting for slow ones. Raises BadLine when nobody is there."""
        if not self.links:
            raise BadLine("nobody is connected")
        broadcast(self.links, frame)

    async def _serve_client(self, client: ServerConnection) -> None:
        self._seen += 1
        who = str(self._seen)
        self.screen.note(f"client {who} connected: {_describe(client)}")
        try:
            await self.hear(client, who)
        except Exception as error:  # noqa: BLE001 - the library would log it and go on; it has to end the command
            if not self._failed.done():
                self._failed.set_exception(error)
        finally:
            self.screen.note(f"client {who} left: {farewell(client)}")

    def _note_refusal(self, client: ServerConnection, request: Request, response: Response) -> None:
        if response.status_code != 101:
            reason = client.protocol.handshake_exc or response.reason_phrase
            words = f"a request for {request.path} refused with HTTP status {response.status_code}: {reason}"
            self.screen.note(words)


def _address_of(listener: Listener) -> str:
    host, port, *_ = next(iter(listener.sockets)).getsockname()
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
