"""The raw WebSocket dialect, as the posters and the pages of DMOJ sites speak it.

Knows commands and their replies. Must not know what is wrong when a reply is another.
"""

import json
from collections.abc import Mapping

from oyez.cli.probe.failures import Rejected
from oyez.cli.probe.web_socket import Link


def call(link: Link, command: str, **members: object) -> Mapping[str, object]:
    """Send a command and give the reply to it. Raises Trouble, Rejected."""
    link.send(json.dumps({"command": command, **members}))
    reply = read(link)
    if reply.get("status") != "success":
        raise Rejected(command, str(reply.get("code", "")), str(reply.get("message", "")))
    return reply


def follow(link: Link, channel: str, start: int) -> None:
    """Follow a channel from behind an id; there is no reply to that."""
    link.send(json.dumps({"command": "start-msg", "start": start}))
    link.send(json.dumps({"command": "set-filter", "filter": [channel]}))


def read(link: Link) -> Mapping[str, object]:
    """Wait for the next frame: an event, or an answer. Raises Trouble."""
    try:
        value = json.loads(link.receive())
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}
