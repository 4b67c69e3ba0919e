"""The side of a back end: post events to a daemon, and follow channels. Loads urllib3 and the standard library only.

It must not know the server's side.
"""

from oyez.client.async_listener import AsyncListener, alisten
from oyez.client.async_poster import AsyncPoster
from oyez.client.errors import BadAnswer, BadEvent, PosterError, Refused, TimedOut, Unauthorized, Unreachable
from oyez.client.events import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    NO_MESSAGE,
    Event,
    Gap,
    JsonText,
    NoMessage,
    Post,
    Postable,
    PostedId,
    Unreadable,
)
from oyez.client.listener import Listener, listen
from oyez.client.poster import BATCH_TIMEOUT_S, CALL_TIMEOUT_S, Poster
from oyez.client.private_names import grant
from oyez.client.sockets import CONNECT_TIMEOUT_S
from oyez.client.target import parse_target

__all__ = [
    "BATCH_TIMEOUT_S",
    "CALL_TIMEOUT_S",
    "CONNECT_TIMEOUT_S",
    "MAX_BATCH_BYTES",
    "MAX_BATCH_EVENTS",
    "NO_MESSAGE",
    "AsyncListener",
    "AsyncPoster",
    "BadAnswer",
    "BadEvent",
    "Event",
    "Gap",
    "JsonText",
    "Listener",
    "NoMessage",
    "Post",
    "Postable",
    "PostedId",
    "Poster",
    "PosterError",
    "Refused",
    "TimedOut",
    "Unauthorized",
    "Unreachable",
    "Unreadable",
    "alisten",
    "grant",
    "listen",
    "parse_target",
]
