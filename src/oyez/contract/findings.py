"""The doors of a daemon, and what was found out about a promise that one of them makes.

Knows words. Must not know how anything is found out, nor how it is shown.
"""

from dataclasses import dataclass
from enum import StrEnum

from oyez.probe.status import Status


class Door(StrEnum):
    """A way into the daemon, by the name that `--only` takes; codes of checks begin with it."""

    SOCKETIO = "socketio"
    POLLING = "polling"
    UPGRADE = "upgrade"
    WEBSOCKET = "websocket"
    POST = "post"
    LONG_POLL = "long-poll"
    SSE = "sse"
    API = "api"
    STATUS = "status"
    ACROSS = "across"


TITLES = {
    Door.SOCKETIO: "Socket.IO over WebSocket",
    Door.POLLING: "Socket.IO over polling",
    Door.UPGRADE: "from polling to WebSocket",
    Door.WEBSOCKET: "raw WebSocket, listeners",
    Door.POST: "raw WebSocket, posters",
    Door.LONG_POLL: "long poll",
    Door.SSE: "event stream",
    Door.API: "HTTP API",
    Door.STATUS: "health and metrics",
    Door.ACROSS: "from every door to every other",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one check came to.

    Attributes:
        code: stable, for scripts.
        sentence: what should hold.
        took_ms: None if the check was not made.
        expected: of one that failed, as `came`.
        reason: why it was skipped, or what is not offered.
    """

    door: Door
    code: str
    sentence: str
    status: Status
    took_ms: float | None = None
    expected: str = ""
    came: str = ""
    reason: str = ""
