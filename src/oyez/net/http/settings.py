"""What may be set of HTTP: whose pages may listen, which proxies are believed, how long connections and answers wait.

Knows what values are right. Must not know sockets.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from oyez.access.ip_addresses import networks
from oyez.access.origins import problem_of_pattern
from oyez.setting import Setting, seconds


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What all HTTP doors share."""

    is_live: ClassVar = True

    allowed_origins: Annotated[
        tuple[str, ...],
        Setting(
            "Sites whose pages may listen; * is any.",
            problem=problem_of_pattern,
            form="* or origins, such as https://judge.example or https://*.judge.example",
        ),
    ] = ("*",)
    trusted_proxies: Annotated[
        tuple[str, ...],
        networks("Proxies whose word on a peer's address is taken."),
    ] = ("127.0.0.1", "::1")
    keep_alive_s: Annotated[float, seconds("How long a connection without a request is kept.", low=1)] = 75.0
    long_poll_timeout_s: Annotated[float, seconds("How long a long poll waits before it is told to ask again.")] = 29.0
    stream_heartbeat_s: Annotated[float, seconds("Time between two signs of life on an event stream.")] = 15.0
