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

# Measured on CPython 3.11 (`tests/unit/test_history_memory.py`), in bytes.
OVERHEAD_BYTES = 280
"""What a publication costs beside its texts, in history: its object, its numbers, its places there."""
_BYTES_OBJECT = 40
_OTHERS_BYTES = 280  # a dict, and a place in it


def bytes_of_name(channel: Channel) -> int:
    """Estimate the memory of a name, the same whenever it is asked: an object may keep its bytes in UTF-8 as well."""
    return 50 + len(channel) if channel.isascii() else 80 + 4 * len(channel)


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


class HistoryBytes:
    """The memory that all of history takes, counted as it is, in bytes."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


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
    """Estimate of the memory in bytes that it takes, with every encoding that was made of it so far."""
    counted_in: HistoryBytes | None = None
    """What its size is part of, for as long as history keeps it."""
    superseded: bool = False
    """Whether a newer event has taken its place for whoever is late, by the rule of their channel."""
    _encoding: Encoding | None = None
    _bytes: bytes | None = None
    _others: dict[Encoding, bytes | None] | None = None  # almost always all listeners share one encoding

    def __post_init__(self) -> None:
        message = self.message
        size = OVERHEAD_BYTES if message is None else OVERHEAD_BYTES + _BYTES_OBJECT + len(message)
        if self.attachments:
            size += sum(_BYTES_OBJECT + len(attachment) for attachment in self.attachments)
        self.size = size

    def encoded(self, encoding: Encoding) -> bytes | None:
        """Return the bytes for one kind of listener, made at the first call; None: this encoding cannot write them."""
        if self._encoding is encoding:
            return self._bytes
        if self._encoding is None:
            self._encoding = encoding
            self._bytes = data = self._encode(encoding)
            return data
        if self._others is None:
            self._others = {}
            self._count(_OTHERS_BYTES)
        if encoding not in self._others:
            self._others[encoding] = self._encode(encoding)
        return self._others[encoding]

    def _encode(self, encoding: Encoding) -> bytes | None:
        try:
            data = encoding.encode(self)
        except Exception:  # what it raises is told once for all listeners, and costs this event alone
            logger.exception("event %d cannot be written as %s", self.id, type(encoding).__name__)
            return None
        self._count(_BYTES_OBJECT + len(data))
        return data

    def _count(self, more: int) -> None:
        self.size += more
        if self.counted_in is not None:
            self.counted_in.bytes += more
