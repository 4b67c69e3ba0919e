"""A WebSocket server of the tests' own, by the library that the world uses: it does what a function says.

Knows frames. Must not know what they mean. What it was told is in its inbox: `request`, `message` and `closed`.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve, unix_serve
from websockets.typing import Subprotocol

from tests.inbox import Inbox

Behaviour = Callable[[ServerConnection, str | bytes], None]


class WebSocketServer:
    """`behave` is called with each message."""

    def __init__(self, behave: Behaviour) -> None:
        self.inbox = Inbox()
        self.port = 0
        self.behave = behave

    def take(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.inbox.put("request", connection.request)
        try:
            while True:
                message = connection.recv()
                self.inbox.put("message", message)
                self.behave(connection, message)
        except ConnectionClosed:
            self.inbox.put("closed", connection.protocol.close_code)

    def headers(self) -> dict[str, str]:
        """The headers of the one handshake that there was, names in lower case."""
        (request,) = self.inbox.wait("request")
        return {name.lower(): value for name, value in request.headers.raw_items()}


@contextmanager
def websocket_server(
    behave: Behaviour,
    *,
    subprotocols: tuple[str, ...] = (),
    certificate: Path | None = None,
    socket_path: Path | None = None,
) -> Iterator[WebSocketServer]:
    """Serve on a port of its own or a Unix socket, with TLS when there is a certificate."""
    ours = WebSocketServer(behave)
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    names = [Subprotocol(name) for name in subprotocols] or None
    if socket_path is not None:
        server: Server = unix_serve(ours.take, str(socket_path), subprotocols=names)
    else:
        server = serve(ours.take, "127.0.0.1", 0, ssl=context, subprotocols=names)
        ours.port = server.socket.getsockname()[1]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ours
    finally:
        server.shutdown()
        thread.join()


def echo(connection: ServerConnection, message: str | bytes) -> None:
    connection.send(message)


def swallow(_connection: ServerConnection, _message: str | bytes) -> None:
    pass
