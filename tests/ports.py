"""Ports for what has to be told one: a process that is named in settings, or is started again at the same place.

It must not know what listens there. Whoever can bind port 0 does that instead, as another may take this one first.
"""

import errno
import random
import socket

# Below what systems give to those who connect: one of the tests' thousands of clients must not sit on the port of a
# server that is down for a moment.
_FIRST, _LAST = 10_000, 32_000
_RANDOM = random.SystemRandom()  # not the one that tests seed


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody has now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Give different ports of 127.0.0.1 that nobody has now."""
    listeners: list[socket.socket] = []
    try:
        while len(listeners) < count:
            try:
                listeners.append(socket.create_server(("127.0.0.1", _RANDOM.randint(_FIRST, _LAST))))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()
