"""A socket that was taken over from HTTP: who uses it, from its beginning to its end.

Knows the gate that counts it and the receiver that is told of it. Must not know what is spoken on it.
"""

import asyncio
import logging
from typing import Protocol

from oyez.net.callbacks import Gate
from oyez.net.outgoing import OutgoingSide

logger = logging.getLogger(__name__)


class Receiver(Protocol):
    """What every such socket asks of who uses it."""

    def drained(self) -> None:
        """The socket takes bytes again, after a write that returned False."""
        ...

    def lost(self) -> None:
        """The connection has ended. Called once, and last."""
        ...


class TakenSocket(OutgoingSide):
    """What is common to all of them; the receiver is there once the request was accepted."""

    __slots__ = ("_gate", "_receiver")

    _gate: Gate
    _receiver: Receiver | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the socket."""
        super().connection_made(transport)
        self._gate.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self.closing = True
        self._fd = -1
        self._gate.connections.discard(self)
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost()

    def eof_received(self) -> bool | None:
        """Close when the peer does."""
        return None

    def resume_writing(self) -> None:
        """The peer has taken all that was written."""
        super().resume_writing()
        if self._reading_paused:
            self._reading_paused = False
            self._resume_reading()
        if self._receiver is not None and not self.closing:
            try:
                self._receiver.drained()
            except Exception:  # it would wait for ever for what it missed
                logger.exception("a connection is closed after an error of ours")
                self.abort()

    def _resume_reading(self) -> None:
        self._transport.resume_reading()

    def leave(self) -> None:
        """End because the daemon stops."""
        self.close()

    def close(self, code: int | None = None) -> None:
        """End in an orderly way; ``code`` is for protocols that know one."""
        raise NotImplementedError
