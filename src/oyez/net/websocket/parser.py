"""Frames that are not of the plainest form: parsed by the `websockets` library, and put together to messages.

Knows the library's protocol object and RFC 6455's fragments. Must not know sockets, nor who gets the messages.
"""

import logging
from typing import NamedTuple

from oyez.net.websocket.websockets_parts import OPEN, SERVER, Frame, Opcode, Protocol

# The library logs each connection; ours are logged by who uses them, so its logger is kept quiet.
quiet_logger = logging.getLogger("oyez.websockets")
quiet_logger.setLevel(logging.CRITICAL)

_FRAME_HEADER_BYTES = 14  # RFC 6455 §5.2: at most, with mask


class WholeMessage(NamedTuple):
    """One whole message; text is not yet known to be UTF-8."""

    is_text: bool
    data: bytes


class FrameParser:
    """The server's end of one WebSocket, from the first byte of a frame to the closing handshake.

    Between two messages one is like the other (`is_between_messages`), so connections borrow them from each other.

    Args:
        max_message_bytes: longest message that any peer may send; the library closes with 1009 above it.

    Attributes:
        frames: how many the last `feed` has completed, control frames and fragments too.
    """

    __slots__ = (
        "_discards", "_fragments", "_is_silent", "_is_text", "_protocol", "_unfinished", "_unparsed_bytes",
        "frames", "max_message_bytes",
    )  # fmt: skip

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self._protocol = Protocol(SERVER, state=OPEN, max_size=max_message_bytes, logger=quiet_logger)
        # The message that is under way, joined as it comes: a list of fragments would cost 28 times what was sent, if
        # they have a byte each, and anything at all for empty ones.
        self._unfinished: bytearray | None = None
        self._fragments = 0
        self._is_text = False
        self._unparsed_bytes = 0  # what is here of a frame that is not whole
        self._discards = False
        self._is_silent = False
        self.frames = 0

    def feed(self, data: bytes) -> list[WholeMessage]:
        """Parse what came; return the messages that are whole now. Control frames are answered, see `take_output`."""
        messages = []
        self.frames = 0
        self._unparsed_bytes += len(data)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self.frames += 1
                self._unparsed_bytes -= _size_on_wire(event)
                message = None if self._discards else self._take_frame(event)
                if message is not None:
                    messages.append(message)
        return messages

    def discard(self) -> None:
        """Return and keep no more messages: the end has begun, and only the peer's close frame is waited for."""
        self._discards = True
        self._unfinished = None

    def _take_frame(self, frame: Frame) -> WholeMessage | None:
        """Collect fragments (RFC 6455 §5.4); the library has checked their order."""
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            if frame.fin:
                return WholeMessage(frame.opcode is Opcode.TEXT, bytes(frame.data))
            self._unfinished, self._fragments = bytearray(frame.data), 1
            self._is_text = frame.opcode is Opcode.TEXT
        elif frame.opcode is Opcode.CONT and self._unfinished is not None:
            self._unfinished += frame.data
            self._fragments += 1
            if frame.fin:
                data, self._unfinished = bytes(self._unfinished), None
                return WholeMessage(self._is_text, data)
        return None

    def is_longer_than(self, max_bytes: int) -> bool:
        """Whether the message that is under way is longer already, though it is not whole: it need not be stored.

        What is here of a frame counts as well, whatever length its header promises. So do empty fragments, as a byte
        each: they cost no memory, but a message of nothing else would never end.
        """
        size = max(len(self._protocol.reader.buffer) - _FRAME_HEADER_BYTES, 0)
        if self._unfinished is not None:
            size += max(len(self._unfinished), self._fragments)
        return size > max_bytes

    def take_output(self) -> list[bytes]:
        """Return what is to be sent: pongs (RFC 6455 §5.5.2) and close frames; empty bytes stand for the end."""
        out = self._protocol.data_to_send()
        return [] if self._is_silent else out

    def fall_silent(self) -> None:
        """Want nothing sent any more: our side of the socket is closed, and a pong into it would be an error."""
        self._is_silent = True

    def take_error(self) -> str | None:
        """Return what the peer did against the protocol, once; the close frame with its code is in `take_output`."""
        error, self._protocol.parser_exc = self._protocol.parser_exc, None
        return None if error is None or isinstance(error, EOFError) else str(error)

    def close(self, code: int | None) -> None:
        """Begin the closing handshake, if it has not begun (RFC 6455 §7.1.2)."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code)

    def fail_not_utf8(self) -> None:
        """Close because of a text that is none (RFC 6455 §7.1.7, §8.1)."""
        self._protocol.fail(1007)

    def fail_too_big(self) -> None:
        """Close because of a message that is too long for its sender (RFC 6455 §7.1.7, §7.4.1)."""
        self._protocol.fail(1009)

    @property
    def has_ended(self) -> bool:
        """Whether the end of the stream is in the output already: there is nothing to be said any more."""
        return self._protocol.eof_sent

    @property
    def is_closed(self) -> bool:
        """Whether both sides have sent their close frame (RFC 6455 §7.1.4, but for TCP)."""
        return self._protocol.close_sent is not None and self._protocol.close_rcvd is not None

    @property
    def is_between_messages(self) -> bool:
        """Whether no trace of its peer is left in it."""
        protocol = self._protocol
        return (
            self._unparsed_bytes == 0
            and not self._discards
            and protocol.current_size is None
            and protocol.state is OPEN
            and not protocol.eof_sent
        )


def _size_on_wire(frame: Frame) -> int:
    """Count the bytes that a frame of a client's took, if its length was written in the shortest form (RFC 6455 §5.2).

    The library takes longer forms too. Who writes them keeps its parser for good, which costs memory and nothing else.
    """
    size = len(frame.data)
    return size + (6 if size < 126 else 8 if size < 1 << 16 else 14)
