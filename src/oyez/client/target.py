"""Where a daemon is: its URL, taken apart.

It must not know sockets.
"""

from urllib.parse import unquote

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from oyez.errors import ConfigError

_SCHEMES = ("http", "https", "ws", "wss")
_UNIX_SCHEME = "http+unix://"
_URL_FORM = "a URL such as http://host:port, https://…, ws://…, wss://… or http+unix:///path/of/the/socket"


class Target:
    """A daemon's address.

    Attributes:
        url: its host, port and path, the scheme made http or https.
        socket_path: of a Unix socket; empty when the URL names none.
    """

    def __init__(self, url: str) -> None:
        self.url, self.socket_path = parse_target(url)

    def __str__(self) -> str:
        return self.socket_path or f"{self.url.host}:{self.url.port or self.url.scheme}"

    @property
    def is_secure(self) -> bool:
        """Whether the daemon is reached over TLS."""
        return self.url.scheme == "https"

    def path_of(self, path: str) -> str:
        """Return one of the daemon's paths with that of the URL before it, for a daemon behind a proxy."""
        return (self.url.path or "").rstrip("/") + path


def parse_target(url: str) -> tuple[Url, str]:
    """Split a daemon's URL into an http or https target and the path of a Unix socket, empty when it names none.

    Raises ConfigError.
    """
    if url.startswith(_UNIX_SCHEME):
        path = unquote(url.removeprefix(_UNIX_SCHEME))
        if path.startswith("/"):
            return Url(scheme="http", host="localhost"), path
        raise ConfigError("url", url, _URL_FORM)
    try:
        target = parse_url(url)
    except LocationParseError as error:
        raise ConfigError("url", url, _URL_FORM) from error
    if target.scheme not in _SCHEMES or not target.host:
        raise ConfigError("url", url, _URL_FORM)
    return target._replace(scheme="https" if target.scheme in {"https", "wss"} else "http"), ""
