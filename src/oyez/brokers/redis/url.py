"""What the URL of a Redis broker says.

Knows how such a URL is written. Must not know who connects.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from oyez.brokers.server_url import show_server, split_server_url

FORM = "redis://user:password@host:6379/0?name=NAME"
SCHEMES = ("redis", "rediss", "redis+unix")

_UNIX = "redis+unix"
_DEFAULT_PORT = 6379
_DEFAULT_NAME = "oyez"
_LONGEST_NAME = 200
_MOST_DATABASES = 1_000_000
_MOST_REPLICAS = 100
_FILES = ("cafile", "certfile", "keyfile")


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A broker's URL, taken apart.

    Attributes:
        server: host and port, or the path of a Unix socket, for messages.
        host: name or address; empty for a Unix socket.
        port: of TCP.
        path: of a Unix socket; empty for TCP.
        user: empty for Redis's default one.
        password: empty for none.
        database: its number.
        name: what the names of all keys begin with.
        replicas: how many replicas have to have a post before it is settled.
        tls: whether the link is encrypted.
        files: for TLS: ``cafile`` who issued the server's certificate; ``certfile`` and ``keyfile`` the daemon's own.
    """

    server: str
    host: str = ""
    port: int = _DEFAULT_PORT
    path: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    name: str = _DEFAULT_NAME
    replicas: int = 0
    tls: bool = False
    files: tuple[tuple[str, str], ...] = ()


def parse_redis_url(text: str) -> RedisUrl:
    """Read a URL.

    Raises:
        ValueError: it is wrong; what would be right, in words, without the password.
    """
    scheme, parts, port = split_server_url(text, dict.fromkeys(SCHEMES, _DEFAULT_PORT), FORM)
    query = _read_query(parts.query)
    files = tuple((key, query.pop(key)) for key in _FILES if key in query)
    if files and scheme != "rediss":
        raise ValueError(f"rediss:// with {files[0][0]}")
    if "keyfile" in dict(files) and "certfile" not in dict(files):
        raise ValueError("a certfile with the keyfile")
    replicas = _read_number("replicas", query.pop("replicas", "0"), _MOST_REPLICAS)
    name = query.pop("name", _DEFAULT_NAME)
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or set("{}") & set(name):
        raise ValueError(f"name=NAME, 1 to {_LONGEST_NAME} characters without braces")
    host, path = parts.hostname or "", ""
    if scheme == _UNIX:
        path = unquote(parts.path)
        if host or len(path) < 2 or "\0" in path:
            raise ValueError(f"the path of a socket after three slashes: {_UNIX}:///run/redis/redis.sock?db=0")
        database = _read_number("db", query.pop("db", "0"), _MOST_DATABASES)
        server = path
    else:
        if not host:
            raise ValueError(f"a host: {FORM}")
        database = _read_number("the database after the host", parts.path[1:] or "0", _MOST_DATABASES)
        server = show_server(host, port)
    if query:
        key = next(iter(query))
        shown = f"not {key}" if key.isidentifier() and "@" not in parts.query else "and a ? in a password as %3F"
        raise ValueError(f"name or replicas after the ?, {shown}")
    return RedisUrl(
        server=server,
        host=host,
        port=port,
        path=path,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=database,
        name=name,
        replicas=replicas,
        tls=scheme == "rediss",
        files=files,
    )


def _read_query(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    query = dict(pairs)
    if len(query) < len(pairs):
        raise ValueError("each key once")
    return query


def _read_number(what: str, text: str, highest: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > highest:
        raise ValueError(f"{what} as a number from 0 to {highest}")
    return int(text)
