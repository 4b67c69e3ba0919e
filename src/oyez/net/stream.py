"""An answer without an end on a socket of its own: what comes out of it is written straight to the socket.

Knows the request that it answers. Must not know what is streamed. HTTP's own side would keep a task for each answer,
wake it for each write and frame each write anew; here the same bytes go to all, as on a WebSocket. The answer has
neither length nor chunks: it ends with the connection (RFC 9112 §6.3).
"""

import asyncio
import logging
from collections.abc import Sequence

from oyez.net.gate import HttpGate, StreamReceiver
from oyez.net.handshake import Handshake, Refusal
from oyez.net.outgoing import OutgoingSide

logger = logging.getLogger(__name__)


class StreamConnection(OutgoingSide):
    """A socket after a request whose answer does not end."""

    __slots__ = ("_gate", "_receiver")

    def __init__(self, gate: HttpGate) -> None:
        super().__init__()
        self._gate = gate
        self._receiver: StreamReceiver | None = None

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

    def data_received(self, data: bytes) -> None:
        """Ignore it: the client has asked, and cannot ask again here."""

    def eof_received(self) -> bool | None:
        """Close when the peer does."""
        return None

    def resume_writing(self) -> None:
        """The peer has taken all that was written."""
        super().resume_writing()
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        if self._receiver is not None and not self.closing:
            self._receiver.drained()

    def begin(self, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Answer a request: its target and its headers, names in lower case."""
        path, _, query = target.decode("latin-1").partition("?")
        receiver = self._gate.admit_stream(Handshake(path, query, headers, self))
        if isinstance(receiver, Refusal):
            self._transport.write(receiver.serialize())
            self.close()
            return
        self._receiver = receiver
        self._hold_answers()
        try:
            receiver.opened(self)
        except Exception:
            logger.exception("a stream is closed after an error of ours")
            self.abort()
        finally:
            self._release_answers()

    def close(self, code: int | None = None) -> None:
        """End the answer. A peer that does not read is cut off; HTTP has no code to tell it."""
        if self.closing:
            return
        if self._outbox:
            self._release_answers()
        self.closing = True
        if self.blocked:
            self._transport.abort()
        else:
            self._transport.close()
