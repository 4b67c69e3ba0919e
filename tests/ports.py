"""Ports for what has to be told one: a process that is named in settings, or is started again at the same place.

It must not know what listens there. Whoever can bind port 0 does that instead, as another may take this one first.
"""

import socket


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody has now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Give different ports of 127.0.0.1 that nobody has now."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()
