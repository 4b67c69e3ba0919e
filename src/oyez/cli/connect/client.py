"""The console as a client: a link to one server, how it came about or why it did not, and how it ended.

Knows the handshake. Must not know what is said over the link.
"""

import asyncio
import errno
import os
import socket
import ssl
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI
from websockets.http11 import Response
from websockets.typing import Origin, Subprotocol

from oyez.cli.connect.dialect import SocketIO
from oyez.cli.connect.loop import CLOSE_TIMEOUT_S, MAX_FRAME_BYTES, Console, farewell, hang_up
from oyez.cli.connect.options import Destination
from oyez.cli.exits import LinkError
from oyez.client.failures import read_object
from oyez.errors import ConfigError
from oyez.probe.dialer import TimeLimit, dial
from oyez.probe.exchange import USER_AGENT
from oyez.probe.failures import Trouble

OPEN_TIMEOUT_S = 10.0
_READY_TIMEOUT_S = 10.0
_LONGEST_BODY = 200
_PEACEFUL = (1000, 1001, 1005)


class Client(Console):
    """The console with one link, to a server; `run` it once."""

    _closing: asyncio.Task[None] | None = None

    def make_socketio(self) -> SocketIO:
        """Return what speaks Socket.IO with the server."""
        return SocketIO(self.manner.namespace, self.manner.auth, show_ping=self.manner.show_ping)

    async def run(self, destination: Destination, reached: socket.socket, limit: TimeLimit) -> None:
        """Make a WebSocket of a connection in time, and go on until the server closes or all is said.

        Raises ConfigError, BadLine, ListenError when the server refuses us, LinkError when there is no WebSocket or the
        server's end was none in peace.
        """
        connection = await _shake_hands(destination, reached, limit, self.kind_of(ClientConnection))
        subprotocol = f", subprotocol {connection.subprotocol}" if connection.subprotocol else ""
        self.screen.hint(f"connected to {destination.name}{subprotocol}; /help lists the commands, Ctrl-D ends")
        hearing = asyncio.create_task(self.hear(connection))
        try:
            await self.talk_until(hearing)
        finally:
            is_our_end = self._closing is not None or not hearing.done()
            await hang_up(connection, 1000)
            await asyncio.gather(hearing, return_exceptions=True)
        hearing.result()
        if not is_our_end:
            received = connection.protocol.close_rcvd
            if received is None or received.code not in _PEACEFUL:
                raise LinkError(farewell(connection))
            self.screen.note(farewell(connection))

    async def ready(self) -> None:
        """Wait for the server's answer to our CONNECT, if one is due. Raises LinkError."""
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                await super().ready()
        except TimeoutError as error:
            raise LinkError(f"the server did not let us in within {_READY_TIMEOUT_S:g} s") from error

    async def close(self, code: int, reason: str) -> None:
        """Begin to close; what the server still sends is shown."""
        self._closing = asyncio.create_task(super().close(code, reason))


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Follow none: a redirect is something to be told of."""
        return exc


def reach(destination: Destination, limit: TimeLimit) -> socket.socket:
    """Connect, without asyncio: it could neither bound the look-up of a name nor leave it behind at a Ctrl-C.

    Raises LinkError.
    """
    try:
        return dial(destination.place, limit)
    except Trouble as trouble:
        raise LinkError(_explain(trouble.__cause__ or TimeoutError(), destination)) from trouble


async def _shake_hands(
    destination: Destination, reached: socket.socket, limit: TimeLimit, kind: type[ClientConnection]
) -> ClientConnection:
    try:
        return await _Connect(
            destination.uri,
            sock=reached,
            origin=None if destination.origin is None else Origin(destination.origin),
            subprotocols=[Subprotocol(name) for name in destination.subprotocols] or None,
            additional_headers=destination.headers,
            user_agent_header=USER_AGENT,
            proxy=None,  # the other commands use none either
            open_timeout=max(limit.left_s, 0.001),
            ping_interval=None,  # a console does not speak by itself
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
            create_connection=kind,
            **_tls(destination),
        )
    except InvalidURI as error:
        raise ConfigError("url", destination.name, "a URL that a WebSocket can have") from error
    except (OSError, EOFError, InvalidHandshake) as error:
        raise LinkError(_explain(error, destination)) from error


def _tls(destination: Destination) -> dict[str, Any]:
    """Return how TLS is made, in the library's words; the URI may name another host, for the handshake."""
    if not destination.place.secure:
        return {}
    context = ssl.create_default_context()
    if not destination.certain:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context, "server_hostname": destination.place.host}


def _explain(error: BaseException, destination: Destination) -> str:
    name, secure = destination.name, destination.place.secure
    if isinstance(error, InvalidStatus):
        return _explain_status(error.response, name)
    if isinstance(error, InvalidMessage):
        broke_off = isinstance(error.__cause__, EOFError)
        reason = "closed the connection without an answer" if broke_off else "does not answer in HTTP"
        return f"{name} {reason}" + ("" if secure else "; does it want wss://?")
    if isinstance(error, InvalidHandshake):
        return f"{name} does not make a WebSocket of it: {error}"
    if isinstance(error, TimeoutError):
        return f"{name} did not answer within {OPEN_TIMEOUT_S:g} s"
    reason = _explain_socket(error)
    if not reason and secure:
        reason = "it broke off while TLS was made; does it want ws://?"
    return f"cannot connect to {name}: {reason or 'it broke off'}"


def _explain_socket(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({error.verify_message}); --no-check takes it all the same"
    if isinstance(error, ssl.SSLError):
        return f"no TLS comes about ({error.reason or error}); does it want ws://?"
    if isinstance(error, socket.gaierror):
        return f"the name is not known ({error.strerror})"
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return str(error)


def _explain_status(answer: Response, name: str) -> str:
    status = f"HTTP status {answer.status_code} {answer.reason_phrase}".rstrip()
    if 300 <= answer.status_code < 400 and "Location" in answer.headers:
        return f"{name} sends us elsewhere ({status}): {answer.headers.get_all('Location')[0]}"
    message = _message_of(bytes(answer.body))
    return f"{name} answers without a WebSocket ({status})" + (f": {message}" if message else "")


def _message_of(body: bytes) -> str:
    """Return what a body says for people: the message of JSON, else the beginning of a text; nothing of a page."""
    text = body.decode(errors="replace").strip()
    if text.startswith("<"):
        return ""
    message = read_object(text).get("message")
    return " ".join((message if isinstance(message, str) else text).split())[:_LONGEST_BODY]
