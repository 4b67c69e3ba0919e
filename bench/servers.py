"""The servers that are compared: how each is started, and in which words the load generator speaks to it.

Knows names and options. Must not know what is measured.
"""

import base64
import hmac
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent
KEY = "bench"

Options = tuple[str, ...]
StartCommand = Callable[[Path, int, int], Sequence[str]]  # folder of what was built for it, port, port of posters


@dataclass(frozen=True)
class Server:
    """One way to use one server.

    `row` is the server in whose row of the overview its figures stand; empty: its own.
    `lighter` divides the number of posts, for those that would take minutes: what is measured are rates.
    """

    name: str
    peer: str  # its folder below bench/peers; empty: it is not from there
    command: StartCommand
    options: Options  # of `load`
    posts_by_http: bool = False  # then each post under way has a connection of its own
    posters_apart: bool = False  # they have a port of their own
    row: str = ""
    lighter: int = 1


SOCKETIO: Options = ("--listen", "socketio", "--post", "socketio")
RAW: Options = ("--listen", "raw", "--post", "raw")
NATS: Options = ("--listen", "nats", "--post", "nats")
CENTRIFUGO: Options = ("--listen", "centrifugo", "--post", "centrifugo")


def _http(path: str, event: str, header: str = "", frame: str = "%e", batch: int = 1) -> Options:
    return (
        *("--post", "http", "--post-path", path, "--event", event, "--frame", frame, "--batch", str(batch)),
        *("--header", header or "Accept: */*"),
    )


OYEZ_EVENT = '{"channel":"ch%c","message":%m}'
OYEZ_HTTP = _http("/api/publish", OYEZ_EVENT, f"Authorization: Bearer {KEY}")
OYEZ_BATCH = _http("/api/publish", OYEZ_EVENT, f"Authorization: Bearer {KEY}", '{"events":[%e]}', 100)
CENTRIFUGO_HTTP = _http("/api/publish", '{"channel":"ch%c","data":%m}', f"X-API-Key: {KEY}")
CENTRIFUGO_BATCH = _http(
    "/api/batch", '{"publish":{"channel":"ch%c","data":%m}}', f"X-API-Key: {KEY}", '{"commands":[%e]}', 100
)
NCHAN_HTTP = _http("/pub/ch%c", "%m", "Content-Type: application/json")


def _token(claims: str) -> str:
    """Return a JSON Web Token with these claims, signed with the key (RFC 7515 §3.1)."""
    signed = b".".join(_base64url(part) for part in (b'{"alg":"HS256","typ":"JWT"}', claims.encode()))
    return b".".join((signed, _base64url(hmac.digest(KEY.encode(), signed, "sha256")))).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


MERCURE_PATH = "/.well-known/mercure"
MERCURE_TOKEN = _token('{"mercure":{"publish":["*"]}}')
MERCURE_HEADERS = f"Authorization: Bearer {MERCURE_TOKEN}\r\nContent-Type: application/x-www-form-urlencoded"
MERCURE_HTTP = _http(MERCURE_PATH, "topic=ch%c&data=%m", MERCURE_HEADERS)


def _oyez(broker: str) -> StartCommand:
    def command(folder: Path, port: int, post_port: int) -> Sequence[str]:
        oyez = shutil.which("oyez", path=str(Path(sys.executable).parent)) or "oyez"
        stored = broker.format(folder=folder, port=port)
        settings = ("OYEZ_POST_LISTENER_HOST=127.0.0.1", f"OYEZ_POST_LISTENER_PORT={post_port}")
        return ("env", *settings, oyez, "serve", "--port", str(port), "--key", KEY, "--broker", stored)

    return command


def _floor(folder: Path, port: int, post_port: int) -> Sequence[str]:
    return (str(folder / "floor"), str(port))


def _script(peer: str, name: str = "start") -> StartCommand:
    def command(folder: Path, port: int, post_port: int) -> Sequence[str]:
        return (str(ROOT / "peers" / peer / name), str(folder), str(port), str(post_port), KEY)

    return command


MEMORY, SQLITE = _oyez("memory://"), _oyez("sqlite://{folder}/events-{port}.sqlite3")

_ALL = (
    Server("floor", "", _floor, SOCKETIO),
    Server("Oyez", "", MEMORY, SOCKETIO),
    Server("Oyez, sqlite://", "", SQLITE, SOCKETIO),
    Server("Oyez, raw", "", MEMORY, RAW, posters_apart=True),
    Server("Oyez, stream", "", MEMORY, ("--listen", "stream", "--path", "/sse?channel=ch%c", "--post", "socketio")),
    Server("Oyez, HTTP", "", MEMORY, ("--listen", "socketio", *OYEZ_HTTP), posts_by_http=True, row="Oyez"),
    Server(
        "Oyez, HTTP, sqlite://",
        "",
        SQLITE,
        ("--listen", "socketio", *OYEZ_HTTP),
        posts_by_http=True,
        row="Oyez, sqlite://",
    ),
    Server("Oyez, batches", "", MEMORY, ("--listen", "socketio", *OYEZ_BATCH), posts_by_http=True, row="Oyez"),
    Server(
        "Oyez, batches, sqlite://",
        "",
        SQLITE,
        ("--listen", "socketio", *OYEZ_BATCH),
        posts_by_http=True,
        row="Oyez, sqlite://",
    ),
    Server("Node socket.io", "node", _script("node"), SOCKETIO),
    Server("Node ws", "node", _script("node", "start-raw"), RAW, posters_apart=True),
    Server("Centrifugo", "centrifugo", _script("centrifugo"), CENTRIFUGO),
    Server(
        "Centrifugo, HTTP",
        "centrifugo",
        _script("centrifugo"),
        ("--listen", "centrifugo", *CENTRIFUGO_HTTP),
        posts_by_http=True,
        row="Centrifugo",
    ),
    Server(
        "Centrifugo, batches",
        "centrifugo",
        _script("centrifugo"),
        ("--listen", "centrifugo", *CENTRIFUGO_BATCH),
        posts_by_http=True,
        row="Centrifugo",
    ),
    Server("NATS", "nats", _script("nats"), NATS),
    Server(
        "Nchan",
        "nchan",
        _script("nchan"),
        ("--listen", "bare", "--path", "/sub/ch%c", *NCHAN_HTTP),
        posts_by_http=True,
    ),
    Server(
        "Nchan, stream",
        "nchan",
        _script("nchan"),
        ("--listen", "stream", "--path", "/sub/ch%c", *NCHAN_HTTP),
        posts_by_http=True,
    ),
    Server(
        "Mercure",
        "mercure",
        _script("mercure"),
        ("--listen", "stream", "--path", f"{MERCURE_PATH}?topic=ch%c", *MERCURE_HTTP),
        posts_by_http=True,
        lighter=4,
    ),
    Server("socketioxide", "socketioxide", _script("socketioxide"), SOCKETIO),
    Server("python-socketio", "python-socketio", _script("python-socketio"), SOCKETIO, lighter=10),
    Server("websockets", "websockets", _script("websockets"), RAW, posters_apart=True, lighter=2),
    Server("picows", "picows", _script("picows"), RAW, posters_apart=True),
    Server("Channels, Daphne", "daphne", _script("daphne"), RAW, lighter=20),
)
SERVERS = {server.name: server for server in _ALL}
