"""The addresses of a host, looked up within a time, which the system's own look-up does not keep.

It must not know what the addresses are for.
"""

import ipaddress
import os
import socket
import threading
import time
from contextlib import suppress

Address = tuple[int, object]  # family, and what `socket.connect` takes

_under_way: dict[tuple[int, str, int], "_LookUp"] = {}  # the process first: a fork's child has none of these threads


def look_up(host: str, port: int, deadline: float) -> list[Address]:
    """Find the addresses of a host, until `deadline` (of `time.monotonic`); one that is an address is not asked for.

    What takes longer goes on in its thread, one for each name, and serves those who ask meanwhile.

    Raises gaierror, UnicodeError for what can be no name, and TimeoutError.
    """
    if _is_at_hand(host):
        return _ask(host, port)
    key = os.getpid(), host, port
    mine = _LookUp(key)
    asked = _under_way.setdefault(key, mine)
    if asked is mine:
        try:
            mine.start()
        except RuntimeError:  # Python is ending and starts no more threads
            _under_way.pop(key, None)
            return _ask(host, port)
    if not asked.is_over.wait(max(deadline - time.monotonic(), 0)):
        raise TimeoutError(f"{host} was not found in time")
    if asked.error is not None:
        raise asked.error
    return asked.found


class _LookUp(threading.Thread):
    """One look-up; `is_over` is set when there are addresses, or an error."""

    def __init__(self, key: tuple[int, str, int]) -> None:
        super().__init__(name="oyez-look-up", daemon=True)
        self.is_over = threading.Event()
        self.found: list[Address] = []
        self.error: OSError | UnicodeError | None = None
        self._key = key

    def run(self) -> None:
        """Ask the system, which may take longer than the caller waits."""
        _, host, port = self._key
        try:
            self.found = _ask(host, port)
        except (OSError, UnicodeError) as error:
            self.error = error
        finally:
            _under_way.pop(self._key, None)
            self.is_over.set()


def _ask(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def _is_at_hand(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host.partition("%")[0]))
    return False
