"""One event in a channel, and its bytes in every encoding that listeners use.

Knows what an event consists of. Must not know how any protocol writes it.
"""

from typing import NewType, Protocol

Channel = NewType("Channel", str)
EventId = NewType("EventId", int)

MAX_EVENT_ID = EventId(2**53 - 1)
"""Ids stay exact in JavaScript numbers."""

_OVERHEAD_BYTES = 400
"""What a publication costs beside its message: objects, channel name, places in history."""


class Encoding(Protocol):
    """How one kind of listener wants its bytes. Made once and shared: publications cache by it."""

    def encode(self, publication: "Publication") -> bytes:
        """Write one publication."""
        ...

    def join(self, parts: list[bytes]) -> bytes:
        """Put the bytes of several publications together for one write."""
        ...


class Post:
    """What a poster asks for: not an event until a broker has given it an id.

    ``message`` is JSON text, or None when the poster gave none; ``attachments`` are bytes that placeholders in it
    stand for.
    """

    __slots__ = ("attachments", "channel", "message")

    def __init__(self, channel: Channel, message: bytes | None, attachments: tuple[bytes, ...] = ()) -> None:
        self.channel = channel
        self.message = message
        self.attachments = attachments


class Publication:
    """One event in a channel: immutable, shared by all who get it, encoded once for each encoding."""

    __slots__ = ("_encoded", "attachments", "channel", "id", "message", "time")

    def __init__(
        self, event_id: EventId, channel: Channel, message: bytes | None, attachments: tuple[bytes, ...], time: float
    ) -> None:
        self.id = event_id
        self.channel = channel
        self.message = message
        self.attachments = attachments
        self.time = time
        """Seconds on the hub's clock; history drops by it."""
        self._encoded: dict[Encoding, bytes] | None = None

    def encoded(self, encoding: Encoding) -> bytes:
        """Give the bytes for one kind of listener, made at the first call."""
        cache = self._encoded
        if cache is None:
            cache = self._encoded = {}
        data = cache.get(encoding)
        if data is None:
            data = cache[encoding] = encoding.encode(self)
        return data

    def size(self) -> int:
        """Estimate the memory in bytes that keeping this publication takes: its message and one encoding of it."""
        message = len(self.message) if self.message is not None else 0
        return _OVERHEAD_BYTES + 2 * (message + sum(map(len, self.attachments)))
