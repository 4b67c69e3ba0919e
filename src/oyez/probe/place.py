"""Where a URL in a site's settings leads.

Knows URLs. Must not know sockets, nor which setting a URL is from.
"""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from urllib3.util import Url

from oyez.access.ip_addresses import is_loopback
from oyez.client import parse_target
from oyez.config.tree import AddressSettings, Settings
from oyez.errors import ConfigError

_DEFAULT_PORTS = {False: 80, True: 443}
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - of addresses that stand for all of a machine


@dataclass(frozen=True, slots=True)
class Place:
    """An address and a path on it; with a `socket_path`, the Unix socket of that path."""

    secure: bool
    host: str
    port: int
    path: str = ""
    socket_path: str = ""

    @property
    def authority(self) -> str:
        """Host and port, as in a URL; without the port if that is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.secure] else f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether the name stands for the machine that uses it."""
        return bool(self.socket_path) or is_loopback(self.host)

    def url(self, path: str | None = None, *, scheme: str = "http") -> str:
        """Write the URL, of another path if one is given; never with a password."""
        path = self.path if path is None else path
        if self.socket_path:
            return f"http+unix://{self.socket_path}{f' {path}' if path else ''}"
        return f"{scheme}{'s' if self.secure else ''}://{self.authority}{path}"

    def without_path(self) -> "Place":
        """Return the same address with an empty path."""
        return replace(self, path="")


def parse_place(url: str) -> Place:
    """Parse a URL: of HTTP, a WebSocket or a Unix socket. Raises ConfigError."""
    target, socket_path = parse_target(url)
    if target.port == 0:
        raise ConfigError("url", url, "a port from 1 to 65535")
    return place_of(target, socket_path)


def url_of(settings: Settings | AddressSettings) -> str:
    """Write the address at which a daemon with these settings is to be met from this machine."""
    if settings.uds:
        return f"http+unix://{settings.uds}"
    host = _LOOPBACK.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def place_of(target: Url, socket_path: str = "") -> Place:
    """Return the place of a URL that is taken apart already, as `parse_target` does it."""
    secure = target.scheme == "https"
    host = (target.host or "").removeprefix("[").removesuffix("]")
    return Place(secure, host, target.port or _DEFAULT_PORTS[secure], target.path or "", socket_path)


def resolve(url: str, base: Place) -> Place:
    """Find what a URL stands for on a page of `base`'s host: browsers know relative ones too. Raises ConfigError."""
    if url.startswith("//"):
        return parse_place(f"{'https' if base.secure else 'http'}:{url}")
    if url.startswith("/"):
        return replace(base, path=urlsplit(url).path)
    return parse_place(url)
