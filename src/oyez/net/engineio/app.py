"""What an Engine.IO session asks of the application behind it, as Socket.IO is one.

Knows an interface. Must not know transports or packets: messages come without their type byte.
"""

from typing import Protocol


class EngineApp(Protocol):
    """The application's side of one session."""

    @property
    def max_message_bytes(self) -> int:
        """Longest message that the peer may send now, in bytes."""
        ...

    def receive_text(self, data: bytes) -> None:
        """Take a text message, without its type byte.

        Raises:
            ProtocolError: the session has to be closed.
        """
        ...

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message; raises as `receive_text`."""
        ...

    def transport_changed(self) -> None:
        """From now on `EngineSession.write` leads to a WebSocket, and takes frames in place of packets."""
        ...

    def drained(self) -> None:
        """The transport takes bytes again after a write that returned False."""
        ...

    def alarm(self) -> None:
        """The delay is over that was asked for with `EngineSession.set_alarm`."""
        ...

    def closed(self) -> None:
        """The session has ended. Called once, and last."""
        ...
