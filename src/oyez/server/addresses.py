"""Addresses to listen on: bound, named in words, or explained when they cannot be had.

Knows what the system says of an address. Must not know who is served there.
"""

import errno
import socket

from oyez.access.ip_addresses import is_loopback
from oyez.config.tree import AddressSettings, Settings
from oyez.errors import UnusableError
from oyez.net.http.server import bind_tcp, bind_unix

# What the system says -> which setting is to be changed, and how.
_TCP_CURES = {
    errno.EADDRINUSE: ("port", "WHERE is taken, perhaps by another daemon: end that, or name another port"),
    errno.EACCES: ("port", "this user may not listen on WHERE: name a port from 1024 up"),
    errno.EADDRNOTAVAIL: ("host", "this machine has no such address: name one of its own, or 0.0.0.0 for all"),
}
_UNIX_CURES = {
    errno.EADDRINUSE: "a daemon that lives has it, or it is no socket: end that daemon, or name another path",
    errno.ENOENT: "its folder is not there: make it, or name another path",
    errno.EACCES: "this user may not write its folder: let it, or name another path",
}


class Address:
    """One address.

    Args:
        settings: where to listen.
        prefix: what the settings' names begin with, such as ``post_listener.``.
    """

    def __init__(self, settings: Settings | AddressSettings, prefix: str = "") -> None:
        self._settings = settings
        self._prefix = prefix

    @property
    def wanted(self) -> bool:
        """Whether the settings name an address at all."""
        return bool(self._settings.host or self._settings.uds)

    def bind(self) -> socket.socket:
        """Bind a socket to it, which does not listen yet.

        Raises:
            UnusableError: the system refuses; the words name the setting and the cure.
        """
        settings = self._settings
        try:
            return bind_unix(settings.uds) if settings.uds else bind_tcp(settings.host, settings.port)
        except (OSError, ValueError) as error:  # the latter: a host name of a form that no name server takes
            raise self.explain(error) from error

    def explain(self, error: OSError | ValueError) -> UnusableError:
        """Return the error that says which setting is to be changed, since binding or listening failed."""
        settings = self._settings
        words = getattr(error, "strerror", None) or str(error)
        number = getattr(error, "errno", None) or 0
        if settings.uds:
            return UnusableError(f"{self._prefix}uds", settings.uds, _UNIX_CURES.get(number, words))
        if isinstance(error, socket.gaierror | ValueError):
            cure = f"that name cannot be looked up ({words}): name an address, such as 127.0.0.1"
            return UnusableError(f"{self._prefix}host", settings.host, cure)
        setting, cure = _TCP_CURES.get(number, ("host", words))
        value = settings.port if setting == "port" else settings.host
        return UnusableError(self._prefix + setting, value, cure.replace("WHERE", f"{settings.host}:{settings.port}"))


def name_of(listener: socket.socket) -> str:
    """Return where a socket listens: ``http://host:port``, or ``unix:path``."""
    name = listener.getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name}"
    host, port = name[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_this_machines(listener: socket.socket) -> bool:
    """Return whether only this machine can connect."""
    name = listener.getsockname()
    return not isinstance(name, tuple) or is_loopback(name[0])
