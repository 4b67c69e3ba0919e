"""The raw dialect on a WebSocket: commands go out as objects, and objects come back.

Must not know what a server should answer.
"""

import json
from collections.abc import Mapping, Sequence

from oyez.client.failures import read_object
from oyez.probe.failures import require_success
from oyez.probe.websocket import WebSocket


class RawSession:
    """One WebSocket on which each message is a JSON object. Each method raises as the WebSocket does."""

    def __init__(self, link: WebSocket) -> None:
        self.transport = link

    def say(self, command: str, **members: object) -> None:
        """Send ``{"command":command,…}``, without waiting for a reply."""
        self.transport.send(json.dumps({"command": command, **members}))

    def subscribe(self, channels: Sequence[str], start: object = None) -> None:
        """Set a filter, behind the id `start` if there is one. A daemon does not answer when it has done that."""
        if start is not None:
            self.say("start-msg", start=start)
        self.say("set-filter", filter=channels)

    def receive(self) -> Mapping[str, object]:
        """Wait for the next frame: an event, or an answer; an empty object if it is no object."""
        return read_object(self.transport.receive())

    def call(self, command: str, **members: object) -> Mapping[str, object]:
        """Send a command and return the next frame, ``{"status": "success", "id": 5}``. Raises Rejected."""
        self.say(command, **members)
        return require_success(command, self.receive())
