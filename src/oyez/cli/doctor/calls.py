"""Commands of back ends, by Socket.IO and in the raw dialect.

Knows how a command is sent and answered. Must not know what is wrong when it is refused.
"""

from collections.abc import Mapping

from oyez.probe.dialer import STEP_S
from oyez.probe.place import Place
from oyez.probe.raw import RawSession
from oyez.probe.socketio import Dial
from oyez.probe.websocket import opened

Members = Mapping[str, object]
"""Of a command, or of its answer, such as ``{"status": "success", "id": 5}``."""


def call_by_socketio(
    dial: Dial, place: Place, key: str | None, command: str, members: Members, *, limit_s: float = STEP_S
) -> Members:
    """Send one command as a sender; returns its answer. Raises Rejected, NotConnected, NotOpened, Trouble."""
    with dial(place, limit_s=limit_s) as session:
        session.enter({"role": "sender", "token": key})
        return session.call(command, *([members] if members else []))


def call_by_websocket(
    place: Place, path: str, key: str | None, command: str, members: Members, *, limit_s: float = STEP_S
) -> Members:
    """Send one raw command, after the key if there is one. Raises Rejected, NotOpened, Trouble."""
    with opened(place, path, limit_s=limit_s) as link:
        session = RawSession(link)
        if key is not None:
            session.call("auth", key=key)
        return session.call(command, **members)
