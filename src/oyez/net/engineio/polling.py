"""The polling transport of one Engine.IO session: packets wait for the next GET (Engine.IO 4, "HTTP long-polling").

Knows one pending request at a time and how much may wait. Must not know sessions or HTTP.
"""

import asyncio
from collections.abc import Callable

from oyez.wire import engineio

# Above this, a listener lags and resumes from history with its next GET; about what one write to a WebSocket may carry.
_FULL_BYTES = 64 * 1024

# Answers that a client asked for but never fetches. Above this it is no client.
# Events stop long before, at _FULL_BYTES.
MAX_UNREAD_BYTES = 2 * 1024 * 1024


class PollingTransport:
    """What is due to a client that polls.

    Args:
        on_drained: called after a GET has taken everything, if a write had been told that the transport is full.
        max_unread_bytes: how much may wait for a GET.

    Attributes:
        max_packets: how many the client takes with one GET; None: any number.
        answered: the mark (``t``) of the last GET that was served.
        received: that of the last POST.
    """

    __slots__ = (
        "_bytes",
        "_full",
        "_max_unread_bytes",
        "_on_drained",
        "_packets",
        "_waiter",
        "answered",
        "max_packets",
        "received",
    )

    def __init__(self, on_drained: Callable[[], None], max_unread_bytes: int = MAX_UNREAD_BYTES) -> None:
        self._packets: list[bytes] = []
        self.max_packets: int | None = None
        self.answered = self.received = ""
        self._bytes = 0
        self._full = False
        self._waiter: asyncio.Future[None] | None = None
        self._on_drained = on_drained
        self._max_unread_bytes = max_unread_bytes

    @property
    def waiting(self) -> bool:
        """Whether a GET is pending."""
        return self._waiter is not None

    @property
    def empty(self) -> bool:
        """Whether nothing waits for a GET."""
        return not self._packets

    @property
    def overflowing(self) -> bool:
        """Whether more waits than may wait for a client: it does not fetch what it asks for."""
        return self._bytes > self._max_unread_bytes

    def write(self, data: bytes) -> bool:
        """Add packets, joined as in a payload; False when enough is waiting for the next GET."""
        self._packets.extend(data.split(engineio.SEPARATOR))
        self._bytes += len(data)
        self.wake()
        if self._bytes > _FULL_BYTES:
            self._full = True
        return not self._full

    def send(self, packet: bytes) -> None:
        """Add one packet; a pending GET leaves with all that is added in this turn of the loop."""
        self._packets.append(packet)
        self._bytes += len(packet)
        self.wake()

    def wake(self) -> None:
        """End the pending GET, with what there is."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> bytes:
        """Remove what waits and return it as the payload that answers a GET; empty when nothing does."""
        if self.max_packets is not None and len(self._packets) > self.max_packets:
            payload = engineio.encode_payload(self._packets[: self.max_packets])
            del self._packets[: self.max_packets]
            self._bytes = sum(map(len, self._packets))
            return payload
        payload = self.empty_out()
        if self._full:
            self._full = False
            self._on_drained()  # may write the next packets, for the next GET
        return payload

    def empty_out(self) -> bytes:
        """Remove all that waits and return it, as at the end of polling: nobody is told that there is room again."""
        payload = engineio.encode_payload(self._packets)
        self._packets.clear()
        self._bytes = 0
        return payload

    async def wait(self) -> None:
        """Wait until there is something to take, or the session ends. One at a time."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
