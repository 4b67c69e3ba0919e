"""The way out of one socket: joined writes, and what happens when the peer does not keep up.

Knows a transport and how full it is. Must not know what the bytes mean.
"""

import asyncio
import os
from typing import cast

from oyez.access.peer import FarEnd
from oyez.net.peer import far_end_of

# Answers that wait for a peer that reads nothing. Above that, nothing more is read from it.
_UNSENT_ANSWERS_BYTES = 64 * 1024


class OutgoingSide(asyncio.Protocol):
    """Half of a connection: what it sends.

    ``closing``: the end has begun, nothing more is sent. While the peer does not take what was written, the side is
    ``blocked``.
    """

    __slots__ = ("_fd", "_outbox", "_reading_paused", "_transport", "blocked", "closing")

    def __init__(self) -> None:
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._fd = -1
        self._outbox: list[bytes] | None = None
        self._reading_paused = False
        self.blocked = False
        self.closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the socket."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        if self._transport.get_extra_info("sslcontext") is None:
            self._fd = self._transport.get_extra_info("socket").fileno()

    def find_far_end(self) -> FarEnd | None:
        """Ask who is at the socket's other end, which costs a call of the system; None: it is closed already."""
        return far_end_of(self._transport)

    def pause_writing(self) -> None:
        """The peer does not keep up."""
        self.blocked = True

    def resume_writing(self) -> None:
        """The peer has taken all that was written."""
        self.blocked = False

    def write(self, data: bytes) -> bool:
        """Send ready-made frames now; False when the socket is full."""
        if self.closing:
            return True
        if self._outbox:
            self._outbox.append(data)
            data = b"".join(self._outbox)
            self._outbox.clear()
        self._put(data)
        return not self.blocked

    def send(self, data: bytes) -> None:
        """Send an answer; those of one read leave in one write."""
        if not self.closing:
            self._put_after_answers(data)

    def abort(self) -> None:
        """End now, whatever is unsent."""
        self.closing = True
        self._transport.abort()

    def _hold_answers(self) -> None:
        """Begin to collect answers."""
        self._outbox = []

    def _release_answers(self) -> None:
        """Send what was collected."""
        outbox, self._outbox = self._outbox, None
        if outbox:
            self._put_after_answers(b"".join(outbox))

    def _put_after_answers(self, data: bytes) -> None:
        if self._outbox is not None:
            self._outbox.append(data)
            return
        self._put(data)
        if not self.blocked or self._reading_paused:
            return
        if self._transport.get_write_buffer_size() > _UNSENT_ANSWERS_BYTES:
            self._reading_paused = True
            self._transport.pause_reading()

    def _put(self, data: bytes) -> None:
        """Give bytes to the system, and what it does not take to the transport, which waits until it does.

        Going past the transport saves a quarter of what a write costs. It is safe because the socket stays open until
        `connection_lost` has returned, and because a transport that holds bytes back has told us so.
        """
        rest: bytes | memoryview = data
        if self._fd >= 0 and not self.blocked:
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:  # the peer is gone
                self.abort()
                return
            if sent == len(data):
                return
            rest = memoryview(data)[sent:]
        self._transport.write(rest)
