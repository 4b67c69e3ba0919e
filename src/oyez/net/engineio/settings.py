"""What may be set of Socket.IO and of Engine.IO below it: where it is, and its times.

Knows what values are right. Must not know sockets.
"""

from dataclasses import dataclass
from typing import Annotated

from oyez.setting import Setting, is_mount, seconds


@dataclass(frozen=True, slots=True)
class SocketioSettings:
    """Where the Socket.IO door is, and its times."""

    path: Annotated[
        str,
        Setting("Where the Socket.IO door is.", valid=is_mount, form='a path between slashes, such as "/socket.io/"'),
    ] = "/socket.io/"
    ping_interval_s: Annotated[float, seconds("Time from a pong to the next ping.")] = 25.0
    ping_timeout_s: Annotated[
        float,
        seconds(
            "How long a ping may stay unanswered, or a session on polling without a poll, before it counts as dead."
        ),
    ] = 20.0
    connect_timeout_s: Annotated[float, seconds("How long a link may stay open without joining a namespace.")] = 45.0
    upgrade_timeout_s: Annotated[float, seconds("How long an upgrade from polling to WebSocket may take.")] = 10.0
