"""An answer without an end on a socket of its own: what comes out of it is written straight to the socket.

Knows the request that it answers. Must not know what is streamed. HTTP's own side would keep a task for each answer,
wake it for each write and frame each write anew; here the same bytes go to all, as on a WebSocket. The answer has
neither length nor chunks: it ends with the connection (RFC 9112 §6.3).
"""

import logging
from collections.abc import Sequence

from oyez.net.callbacks import HttpGate
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.socket import TakenSocket

logger = logging.getLogger(__name__)


class StreamConnection(TakenSocket):
    """A socket after a request whose answer does not end."""

    __slots__ = ()

    _gate: HttpGate

    def __init__(self, gate: HttpGate) -> None:
        super().__init__()
        self._gate = gate
        self._receiver = None

    def data_received(self, data: bytes) -> None:
        """Ignore it: the client has asked, and cannot ask again here."""

    def begin(self, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Answer a request: its target and its headers, names in lower case."""
        path, _, query = target.decode("latin-1").partition("?")
        request = Handshake(path, query, headers, self)
        receiver = self._gate.admit_stream(request)
        if isinstance(receiver, Refusal):
            self._transport.write(receiver.serialize(self._gate.origins.headers(request.first(b"origin"))))
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
