"""One event in a channel, and its bytes in every encoding that listeners use.

Knows what an event consists of. Must not know how any protocol writes it.

Both structs are outside the garbage collector's reach (``gc=False``), which would walk over all of history again and
again: a tenth of the time of a post. That is safe since nothing that they refer to refers back.
"""

import logging
from typing import NewType, Protocol

import msgspec

logger = logging.getLogger(__name__)

Channel = NewType("Channel", str)
EventId = NewType("EventId", int)

MAX_EVENT_ID = EventId(2**53 - 1)
"""Ids stay exact in JavaScript numbers (ECMAScript, `Number.MAX_SAFE_INTEGER`)."""

OVERHEAD_BYTES = 500
"""What a publication costs beside its message, in bytes: objects, channel name, places in history."""


class Encoding(Protocol):
    """How one kind of listener wants its bytes.

    There is one object for each kind, shared by all listeners of it: publications cache by its identity.
    """

    @property
    def max_events(self) -> int | None:
        """How many events one write may carry; None: as many as fit."""
        ...

    def encode(self, publication: "Publication") -> bytes:
        """Return the bytes of one publication. What this raises costs the listeners of this kind that event alone."""
        ...

    def join(self, parts: list[bytes]) -> bytes:
        """Return the bytes of several publications, each made by `encode`, as one write."""
        ...


class Post(msgspec.Struct, gc=False, eq=False):
    """What a poster asks for: not an event until a broker has given it an id.

    ``message`` is JSON text, or None when the poster gave none; ``attachments`` are bytes that placeholders in it
    stand for.
    """

    channel: Channel
    message: bytes | None
    attachments: tuple[bytes, ...] = ()


class Publication(msgspec.Struct, gc=False, eq=False):
    """One event in a channel: shared by all who get it, and encoded once for each encoding."""

    id: EventId
    channel: Channel
    message: bytes | None
    attachments: tuple[bytes, ...]
    time: float
    """Seconds on the hub's clock; history drops by it."""
    size: int = 0
    """Estimate of the memory in bytes that keeping it takes: the message and one encoding of it."""
    _encoding: Encoding | None = None
    _bytes: bytes | None = None
    _others: dict[Encoding, bytes | None] | None = None  # almost always all listeners share one encoding

    def __post_init__(self) -> None:
        message = self.message
        size = len(message) if message is not None else 0
        if self.attachments:
            size += sum(map(len, self.attachments))
        self.size = OVERHEAD_BYTES + 2 * size

    def encoded(self, encoding: Encoding) -> bytes | None:
        """Return the bytes for one kind of listener, made at the first call; None: this encoding cannot write them."""
        if self._encoding is encoding:
            return self._bytes
        if self._encoding is None:
            self._encoding = encoding
            self._bytes = self._encode(encoding)
            return self._bytes
        if self._others is None:
            self._others = {}
        if encoding not in self._others:
            self._others[encoding] = self._encode(encoding)
        return self._others[encoding]

    def _encode(self, encoding: Encoding) -> bytes | None:
        try:
            return encoding.encode(self)
        except Exception:  # what it raises is told once for all listeners, and costs this event alone
            logger.exception("event %d cannot be written as %s", self.id, type(encoding).__name__)
            return None
