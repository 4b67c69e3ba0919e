"""Commands of back ends, by Socket.IO and in the raw dialect.

Knows how a command is sent and answered. Must not know what is wrong when it is refused.
"""

import json
from collections.abc import Mapping

from oyez.probe.dialer import STEP_S
from oyez.probe.failures import Rejected
from oyez.probe.place import Place
from oyez.probe.socketio import Dial
from oyez.probe.websocket import WebSocket, opened

Members = Mapping[str, object]
"""Of a command, or of its answer, such as ``{"status": "success", "id": 5}``."""


def call_by_socketio(
    dial: Dial, place: Place, key: str | None, command: str, members: Members, *, limit_s: float = STEP_S
) -> Members:
    """Send one command as a sender; returns its answer. Raises Rejected, NotConnected, NotOpened, Trouble."""
    with dial(place, limit_s=limit_s) as session:
        session.enter({"role": "sender", "token": key})
        return _require_success(command, session.call(command, *([members] if members else [])))


def call_by_websocket(
    place: Place, path: str, key: str | None, command: str, members: Members, *, limit_s: float = STEP_S
) -> Members:
    """Send one raw command, after the key if there is one. Raises Rejected, NotOpened, Trouble."""
    with opened(place, path, limit_s=limit_s) as link:
        if key is not None:
            _ask(link, "auth", key=key)
        return _ask(link, command, **members)


def send_raw(link: WebSocket, command: str, **members: object) -> None:
    """Send ``{"command":command,…}``, without waiting for an answer."""
    link.send(json.dumps({"command": command, **members}))


def read_raw(link: WebSocket) -> Members:
    """Wait for the next frame: an event, or an answer; an empty object if it is none. Raises Trouble."""
    try:
        value = json.loads(link.receive())
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


def _ask(link: WebSocket, command: str, **members: object) -> Members:
    send_raw(link, command, **members)
    return _require_success(command, read_raw(link))


def _require_success(command: str, answer: Members) -> Members:
    if answer.get("status") != "success":
        raise Rejected(command, str(answer.get("code", "")), str(answer.get("message", "")))
    return answer
