"""An answer without an end on a socket of its own: what comes out of it is written straight to the socket.

Knows the request that it answers. Must not know what is streamed.

HTTP's own side would keep a task for each answer, wake it for each write and frame each write anew; here the same bytes
go to all, as on a WebSocket. The answer has neither length nor chunks: it ends with the connection (RFC 9112 §6.3).
"""

import logging
from typing import Protocol

from oyez.net.callbacks import Receiver
from oyez.net.socket import SocketConnection

logger = logging.getLogger(__name__)


class StreamReceiver(Receiver, Protocol):
    """Who writes an answer without an end."""

    def opened(self, connection: "StreamConnection") -> None:
        """Begin: the head of the answer is to be written too."""
        ...


class StreamConnection(SocketConnection):
    """A socket after a request whose answer does not end."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Ignore it: the client has asked, and cannot ask again here."""

    def open(self, receiver: StreamReceiver) -> None:
        """Let the answer begin: its head and the replay leave in one write."""
        self._receiver = receiver
        self.cork()
        try:
            receiver.opened(self)
        except Exception:
            logger.exception("a stream is closed after an error of ours")
            self.abort()
        finally:
            self.uncork()
