"""What the options of `oyez connect` ask for: where to, with which handshake, and how the console behaves.

It must not know WebSocket libraries: these are loaded once the options are known to be right.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from urllib3.util import Url, parse_url

from oyez.client import parse_target
from oyez.errors import ConfigError
from oyez.probe.place import Place, place_of

SOCKETIO_PATH = "/socket.io/"
_SOCKETIO_QUERY = {"EIO": "4", "transport": "websocket"}
_UNIX = re.compile(r"(?:https?|wss?)\+unix://(?P<socket>[^:]*)(?::(?P<path>/.*))?", re.DOTALL)
_USER = re.compile(r"(?<=//)[^/?#]*@")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_HANDSHAKE = re.compile(r"host|upgrade|connection|sec-websocket-.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Destination:
    """An address, and what is asked for there.

    Attributes:
        name: the address in words, without secrets.
        place: the address itself.
        uri: that of the handshake, whose host may be another than that of the address.
        subprotocols: to ask for, the best first.
        origin: of the page that we pass for; None for no page.
        headers: names and values that go with the request.
        certain: False when nobody is to check whose certificate the server shows.
        socketio: whether Socket.IO is to be spoken.
    """

    name: str
    place: Place
    uri: str
    subprotocols: tuple[str, ...]
    origin: str | None
    headers: tuple[tuple[str, str], ...]
    certain: bool
    socketio: bool


@dataclass(frozen=True, slots=True)
class Manner:
    """How the console behaves.

    `namespace` and `auth`, a JSON object or empty, are for Socket.IO. `slash` has a script's lines be commands, too.
    `wait_s` is how long a script hears on after the end of its input.
    """

    socketio: bool
    namespace: str
    auth: bytes
    show_ping: bool
    times: bool
    slash: bool
    wait_s: float


def aim(
    url: str,
    *,
    subprotocols: Iterable[str] = (),
    origin: str | None = None,
    host: str = "",
    headers: Iterable[str] = (),
    credentials: str = "",
    certain: bool = True,
    socketio: bool | None = None,
) -> Destination:
    """Read a URL and the options beside it; where `socketio` is None, the path decides.

    Raises ConfigError, with no secret in it.
    """
    target, socket_path = _read_url(url)
    place = place_of(target._replace(path=target.path or "/"), socket_path)
    if socketio is None:
        socketio = place.path.endswith(SOCKETIO_PATH)
    query = _query(target.query or "", complete=socketio)
    authority = _read_host(host) or f"{target.host}:{place.port}"
    return Destination(
        name=socket_path or target.netloc or "",
        place=place,
        subprotocols=tuple(map(_read_subprotocol, subprotocols)),
        origin=origin if origin is None else _read_line("origin", origin),
        uri=f"{'wss' if place.secure else 'ws'}://{authority}{place.path}{query}",
        headers=(*map(_read_header, headers), *_authorization(credentials or unquote(target.auth or ""))),
        certain=certain,
        socketio=socketio,
    )


def _read_url(url: str) -> tuple[Url, str]:
    """Split the URL; one of a Unix socket may name the resource behind a colon."""
    unix = _UNIX.fullmatch(url)
    try:
        if unix is None:
            return parse_target(url)
        target, socket_path = parse_target(f"http+unix://{unix['socket']}")
        resource = parse_url(f"http://localhost{unix['path'] or ''}")
        return target._replace(path=resource.path, query=resource.query), socket_path
    except ConfigError as error:
        raise ConfigError("url", _USER.sub("***@", url), error.expected) from error


def _query(given: str, *, complete: bool) -> str:
    """Return a query with its question mark; completed by what Socket.IO needs, if that is spoken."""
    if complete:
        names = dict(parse_qsl(given, keep_blank_values=True))
        missing = [f"{name}={value}" for name, value in _SOCKETIO_QUERY.items() if name not in names]
        given = "&".join(filter(None, (given, *missing)))
    return f"?{given}" if given else ""


def _read_subprotocol(name: str) -> str:
    if _TOKEN.fullmatch(name):
        return name
    raise ConfigError("subprotocol", name, "a name of letters, digits and some signs, without blanks")


def _read_host(host: str) -> str:
    if not host or re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", host):
        return host
    raise ConfigError("host", host, "a name such as judge.example or judge.example:8080")


def _read_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _TOKEN.fullmatch(name):
        raise ConfigError("header", "***", "'Name: value'")  # it may be a secret's half
    if _OF_THE_HANDSHAKE.fullmatch(name):
        raise ConfigError("header", name, "none that the handshake sets by itself; see --host and --subprotocol")
    return name, _as_header(_read_line("header", value.strip(), shown=name))


def _authorization(credentials: str) -> Iterable[tuple[str, str]]:
    if not credentials:
        return
    if ":" not in credentials:
        raise ConfigError("basic_auth", "***", "USER:PASSWORD")
    yield "Authorization", f"Basic {base64.b64encode(credentials.encode()).decode()}"


def _read_line(option: str, value: str, shown: str = "") -> str:
    if value.isprintable():
        return value
    raise ConfigError(option, shown or value, "printable characters in one line")


def _as_header(value: str) -> str:
    """Write a value so that the Latin-1 of HTTP libraries puts it on the wire as UTF-8."""
    return value.encode().decode("latin-1")
