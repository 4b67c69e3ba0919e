"""Opening a WebSocket, and why it could not be opened, in words.

Knows the handshake. Must not know what is said over the link.
"""

import errno
import json
import os
import re
import socket
import ssl
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import Event
from websockets.typing import Origin, Subprotocol

from oyez import __version__
from oyez.cli.connect.options import Destination
from oyez.cli.link import LinkError
from oyez.errors import ConfigError

OnFrame = Callable[[Frame], None]

MAX_FRAME_BYTES = 2**26
CLOSE_TIMEOUT_S = 2.0
_OPEN_TIMEOUT_S = 10.0
_LONGEST_BODY = 200


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Follow none: a redirect is something to be told of."""
        return exc


async def dial(destination: Destination, on_frame: OnFrame | None) -> ClientConnection:
    """Open a WebSocket; `on_frame` is called with every frame, pings and pongs among them.

    Raises LinkError, ConfigError.
    """
    handshake = destination.handshake
    try:
        return await _Connect(
            destination.uri,
            origin=None if handshake.origin is None else Origin(handshake.origin),
            subprotocols=[Subprotocol(name) for name in handshake.subprotocols] or None,
            additional_headers=handshake.headers,
            user_agent_header=f"oyez/{__version__}",
            proxy=None,  # the other commands use none either
            open_timeout=_OPEN_TIMEOUT_S,
            ping_interval=None,  # a console does not speak by itself
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
            create_connection=_observed(on_frame) if on_frame else None,
            **_where(destination),
        )
    except InvalidURI as error:
        raise ConfigError("url", destination.name, "a URL that a WebSocket can have") from error
    except (OSError, EOFError, InvalidHandshake) as error:
        raise LinkError(_explain(error, destination)) from error


def _observed(on_frame: OnFrame) -> type[ClientConnection]:
    class Observed(ClientConnection):
        def process_event(self, event: Event) -> None:
            if isinstance(event, Frame):
                on_frame(event)
            super().process_event(event)

    return Observed


def _where(destination: Destination) -> dict[str, Any]:
    """Give the address in the library's words; the URI may name another host, for the handshake."""
    if destination.socket_path:
        return {"unix": True, "path": destination.socket_path}
    where: dict[str, Any] = {"host": destination.host, "port": destination.port}
    if destination.secure:
        context = ssl.create_default_context()
        if not destination.certain:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        where |= {"ssl": context, "server_hostname": destination.host}
    return where


def _explain(error: Exception, destination: Destination) -> str:
    name = destination.name
    if isinstance(error, InvalidStatus):
        return _explain_status(error.response, name)
    if isinstance(error, InvalidMessage):
        broke_off = isinstance(error.__cause__, EOFError)
        reason = "closed the connection without an answer" if broke_off else "does not answer in HTTP"
        return f"{name} {reason}" + ("" if destination.secure else "; does it want wss://?")
    if isinstance(error, InvalidHandshake):
        return f"{name} does not make a WebSocket of it: {error}"
    if isinstance(error, TimeoutError):
        return f"{name} did not answer within {_OPEN_TIMEOUT_S:g} s"
    reason = _explain_socket(error)
    if not reason and destination.secure:
        reason = "it broke off while TLS was made; does it want ws://?"
    return f"cannot connect to {name}: {reason or 'it broke off'}"


def _explain_socket(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({error.verify_message}); --no-check takes it all the same"
    if isinstance(error, ssl.SSLError):
        return f"no TLS comes about ({error.reason or error}); does it want ws://?"
    if isinstance(error, socket.gaierror):
        return f"the name is not known ({error.strerror})"
    if isinstance(error, OSError):
        # asyncio puts several addresses' errors into one text.
        number = error.errno or next(map(int, re.findall(r"\[Errno (\d+)\]", str(error))), 0)
        return os.strerror(number) if number in errno.errorcode else str(error)
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
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict) and isinstance(parsed.get("message"), str):
        text = parsed["message"]
    return " ".join(text.split())[:_LONGEST_BODY]
