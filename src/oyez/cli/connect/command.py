"""`oyez connect`: a console on a WebSocket, as a client or as a server, plain or with Socket.IO."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from oyez import saved_text
from oyez.cli.connect.options import Manner, aim
from oyez.cli.output import complain
from oyez.errors import ProtocolError
from oyez.wire import json_text

_LOOPBACK = "127.0.0.1"

_Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="ws://, wss://, http://, https:// or http+unix:///path/of/the/socket:/path.",
        show_default=False,
    ),
]
_Listen = Annotated[
    int | None,
    typer.Option(metavar="PORT", min=0, max=65_535, help="Play the server; 0 takes a free port, which is named."),
]
_Subprotocol = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Subprotocol to ask for, or to grant; may be repeated.")
]
_Origin = Annotated[str | None, typer.Option(metavar="ORIGIN", help="Origin header, as a browser's page has one.")]
_Host = Annotated[
    str,
    typer.Option(metavar="NAME", help="Host header; with --listen, the address to listen on, else 127.0.0.1."),
]
_Header = Annotated[
    list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Header for the handshake; may be repeated.")
]
_BasicAuth = Annotated[
    str,
    typer.Option(metavar="USER:PASSWORD", help="For basic authentication by HTTP; the URL may hold them as well."),
]
_NoCheck = Annotated[bool, typer.Option("--no-check", help="Do not check whose certificate the server shows.")]
_SocketIO = Annotated[
    bool | None,
    typer.Option("--socketio/--raw", help="Speak Socket.IO, or plain frames; without either, as the path says."),
]
_Auth = Annotated[
    str,
    typer.Option(metavar="JSON", help="Socket.IO: the object to connect with; @FILE reads it from a file."),
]
_Namespace = Annotated[str, typer.Option(metavar="NAME", help="Socket.IO: the namespace to connect to.")]
_ShowPing = Annotated[bool, typer.Option("--show-ping", help="Show pings and pongs, too.")]
_Times = Annotated[bool, typer.Option("--times", help="Show when each line came.")]
_Slash = Annotated[bool, typer.Option("--slash", help="In a pipe: take /commands as on a terminal.")]
_Wait = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0, help="In a pipe: hear so long after the input's end; inf is for ever."),
]


def connect(
    url: _Url = "",
    *,
    listen: _Listen = None,
    subprotocol: _Subprotocol = None,
    origin: _Origin = None,
    host: _Host = "",
    header: _Header = None,
    basic_auth: _BasicAuth = "",
    no_check: _NoCheck = False,
    socketio: _SocketIO = None,
    auth: _Auth = "",
    namespace: _Namespace = "/",
    show_ping: _ShowPing = False,
    times: _Times = False,
    slash: _Slash = False,
    wait: _Wait = 1.0,
) -> None:
    """Talk to a server by hand: what is typed goes out, and what comes is shown. /help lists the commands.

    Socket.IO, where an event is typed as [bold]post {"channel": "news", "message": 1}[/bold]:
    [bold]oyez connect ws://127.0.0.1:15100/socket.io/ --auth @auth.json[/bold]

    In a pipe: [bold]echo '{"command": "last-msg"}' | oyez connect ws://127.0.0.1:15101 | jq .id[/bold]

    As the server, for a client that puzzles: [bold]oyez connect --listen 9000[/bold]
    """
    from oyez.cli.connect import start  # noqa: PLC0415 - asyncio and WebSockets must not slow `oyez post` down

    client_only = {
        "URL": url, "--origin": origin, "--header": header, "--basic-auth": basic_auth, "--no-check": no_check,
        "--auth": auth,
    }  # fmt: skip
    _check_together(listen, client_only)
    manner = Manner(
        socketio=bool(socketio),
        namespace=namespace if namespace.startswith("/") else f"/{namespace}",
        auth=_read_auth(auth),
        show_ping=show_ping,
        times=times,
        slash=slash,
        wait_s=_read_wait(wait),
    )
    if listen is not None:
        start.listen(host or _LOOPBACK, listen, tuple(subprotocol or ()), manner)
        return
    destination = aim(
        url,
        subprotocols=subprotocol or (),
        origin=origin,
        host=host,
        headers=header or (),
        credentials=basic_auth,
        certain=not no_check,
        socketio=socketio,
    )
    if no_check and destination.place.secure:
        complain("the certificate is not checked: whoever is on the way could read and change all of this")
    start.call(destination, dataclasses.replace(manner, socketio=destination.socketio))


def _check_together(listen: int | None, client_only: Mapping[str, object]) -> None:
    """Require a URL, or ``--listen`` without the options that only a client has. Raises BadParameter."""
    if listen is None:
        if not client_only["URL"]:
            raise typer.BadParameter("a URL is needed, or --listen PORT", param_hint="'URL'")
        return
    strange = [name for name, value in client_only.items() if value]
    if strange:
        raise typer.BadParameter(
            f"{strange[0]} is for clients; with --listen we are the server", param_hint="'--listen'"
        )


def _read_wait(wait: float) -> float:
    if math.isnan(wait):
        raise typer.BadParameter("a number of seconds is expected", param_hint="'--wait'")
    return wait


def _read_auth(text: str) -> bytes:
    """Read the object to connect with; a wrong one is not shown, since it holds the token."""
    if not text:
        return b""
    try:
        auth = saved_text.decode(Path(text[1:]).read_bytes()) if text.startswith("@") else text
        json_text.split_object(auth.strip().encode())
    except ProtocolError as error:
        raise typer.BadParameter(
            'a JSON object is expected, such as {"role": "client"}', param_hint="'--auth'"
        ) from error
    except OSError as error:
        raise typer.BadParameter(f"{text[1:]} cannot be read: {error.strerror}", param_hint="'--auth'") from error
    except ValueError as error:
        raise typer.BadParameter(f"{text[1:]}: expected {error}", param_hint="'--auth'") from error
    return auth.strip().encode()
