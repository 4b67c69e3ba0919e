"""What may be set of the raw WebSocket doors: where they are, and their times.

Knows what values are right. Must not know sockets.
"""

from dataclasses import dataclass
from typing import Annotated

from oyez.setting import Setting, is_path, seconds


@dataclass(frozen=True, slots=True)
class WebsocketSettings:
    """Where the raw WebSocket doors are, and their times."""

    paths: Annotated[
        tuple[str, ...],
        Setting(
            "Where listeners connect; a slash at the end may be left out.",
            valid=is_path,
            form='paths, such as "/event/"',
        ),
    ] = ("/", "/event/")
    post_path: Annotated[
        str, Setting("Where back ends connect to post.", valid=is_path, form='a path, such as "/post"')
    ] = "/post"
    ping_interval_s: Annotated[float, seconds("Time from one ping of a listener to the next.")] = 25.0
    ping_timeout_s: Annotated[float, seconds("How long a listener may stay silent after a ping.")] = 20.0
    auth_timeout_s: Annotated[float, seconds("How long a back end may stay connected without showing the key.")] = 45.0
