"""One WebSocket after its handshake: frames in, ready-made frames out, the closing handshake.

Knows RFC 6455's framing and closing. Must not know which protocol speaks inside the messages, nor how the request that
asked for it was judged (`net.http.takeover`).

What comes in takes one of two ways. Whole text frames in the usual form, which is all that well-behaved clients send,
go the short way (`wire.websocket.take_text_frames`). Whatever else comes goes to a parser of the `websockets` library,
which a connection has only while it needs one: until it stands between two messages again, or until its end.
"""

import asyncio
import logging
from typing import Protocol

from oyez.access.work import weigh_bytes
from oyez.net.callbacks import Receiver, SocketCallbacks
from oyez.net.paced_socket import PacedSocket
from oyez.net.websocket.parser import FrameParser, WholeMessage
from oyez.wire.websocket import read_letter, size_on_wire, take_text_frames

logger = logging.getLogger(__name__)

# What the parser is fed at once, where frames are weighed: of the smallest ones it holds eighty.
_WEIGHED_BYTES = 512

# The longest text frame that goes the short way. RFC 6455 §5.2 writes longer lengths in eight bytes; such frames come
# in many segments, which the short way would have to put together anew each time.
_SHORT_CUT_BYTES = 65_535

# The beginning of a frame that is kept until the rest comes. More than that goes to the parser, which does not copy
# what it has for each segment that comes.
_TAIL_BYTES = 4096

# RFC 6455 §7.1.1 lets the peer close in its own time. One that lives does so within a round trip; others would hold
# their socket, and a daemon that stops waits for all of them.
_CLOSING_TIMEOUT_S = 2.0

# A frame parser is needed only while bytes are there to be parsed. Between frames one is like the other, so an idle
# connection has none: that is 3 of the 8 KB that it may cost, and most of what making a connection would cost in time.
_PARSERS_KEPT = 64


class FrameReceiver(Receiver, Protocol):
    """Who uses a WebSocket.

    What the methods that take something raise is an error of ours: the connection ends, and its client comes back.
    """

    @property
    def max_message_bytes(self) -> int:
        """Longest message that the peer may send now, in bytes; longer ones end the connection with 1009."""
        ...

    def opened(self, connection: "WebSocketConnection") -> None:
        """Begin; what is sent here leaves with the handshake's answer, in one write."""
        ...

    def receive_text(self, data: bytes) -> None:
        """Take a text message, known to be UTF-8."""
        ...

    def receive_binary(self, data: bytes) -> None:
        """Take a binary message, whole and not longer than `max_message_bytes`."""
        ...

    def leave(self) -> None:
        """End the connection, soon: the daemon stops, and those who were connected will come back to another."""
        ...


class WebSocketConnection(PacedSocket):
    """A socket after its upgrade.

    Attributes:
        awaited: a text of one byte that the receiver has asked for, such as a pong. When it comes alone it has no turn
            and no weight, since it comes once for each time that it is asked for: 4 microseconds instead of 14.
    """

    __slots__ = ("_parser", "_tail", "awaited")

    _receiver: FrameReceiver | None

    def __init__(self, callbacks: SocketCallbacks) -> None:
        super().__init__(callbacks)
        self._parser: FrameParser | None = None  # while a message is unfinished, and once the end has begun
        self._tail = b""  # the beginning of a frame, kept on the short way
        self.awaited = b""

    # The socket's side

    def _take_awaited(self, data: bytes) -> bool:
        awaited, receiver = self.awaited, self._receiver
        if not awaited or read_letter(data) != awaited[0] or receiver is None or self.closing:
            return False
        if self._unread or self.held or self._tail or self._parser is not None:
            return False  # it comes behind something else, or is the rest of that
        self.awaited = b""
        try:
            receiver.receive_text(awaited)
        except Exception:
            logger.exception("a connection is closed after an error of ours")
            self.abort()
        return True

    def _feed(self, data: bytes) -> None:
        receiver = self._receiver
        if self._parser is None and receiver is not None:
            if self._tail:
                data, self._tail = self._tail + data, b""
            data = self._take_short_cut(receiver, data)
        if data and (self._parser is not None or not self.closing):
            if self._is_weighed and not self.closing:
                self._feed_parser_in_pieces(data)
            else:
                self._feed_parser(data)

    def _feed_parser_in_pieces(self, data: bytes) -> None:
        """Feed the parser, until its frames weigh too much or take too long."""
        for begin in range(0, len(data), _WEIGHED_BYTES):
            if self._stops:
                self._put_back(data[begin:])
                return
            self._feed_parser(data[begin : begin + _WEIGHED_BYTES])

    def _take_short_cut(self, receiver: FrameReceiver, data: bytes) -> bytes:
        """Pass on the plain text frames that the data begins with; return what the parser has to see."""
        messages, taken, more_to_come = take_text_frames(data, min(receiver.max_message_bytes, _SHORT_CUT_BYTES))
        is_weighed, position = self._is_weighed, 0
        if is_weighed and more_to_come and not messages:
            self._charge(weigh_bytes(len(data)))  # for the look at it
        for message in messages:
            if not (message.isascii() or _is_utf8(message)):
                self._fail_not_utf8(self._borrow_parser())
            if self.closing or self._receiver is None:
                return b""
            self._receiver.receive_text(message)
            if is_weighed:
                position += size_on_wire(message)
                self._charge(weigh_bytes(len(message)))
                if self._stops:
                    self._put_back(data[position:])
                    return b""
        rest = data[taken:]
        if more_to_come and len(rest) <= _TAIL_BYTES:
            self._tail = rest
            return b""
        return rest

    def _feed_parser(self, data: bytes) -> None:
        """Let the library parse; hand its parser back once it stands between two messages."""
        parser = self._borrow_parser()
        for message in parser.feed(data):
            self._take_message(parser, message)
        if self._is_weighed:
            self._charge(weigh_bytes(len(data), max(parser.frames, 1)))
        receiver = self._receiver
        if receiver is not None and not self.closing and parser.is_longer_than(receiver.max_message_bytes):
            self._fail_too_big(parser)
        self._flush_parser(parser)
        if parser.is_closed:
            # RFC 6455 §7.1.1: the server closes first, and there are clients that wait for it. In the next turn: the
            # close frame, which may be corked still, has to go first.
            asyncio.get_running_loop().call_soon(self._transport.close)
        if parser.is_between_messages:
            self._parser = None
            if len(self._callbacks.parsers) < _PARSERS_KEPT:
                self._callbacks.parsers.append(parser)

    def _take_message(self, parser: FrameParser, message: WholeMessage) -> None:
        receiver = self._receiver
        if receiver is None or self.closing:
            return
        if len(message.data) > receiver.max_message_bytes:
            self._fail_too_big(parser)
        elif not message.is_text:
            receiver.receive_binary(message.data)
        elif message.data.isascii() or _is_utf8(message.data):
            receiver.receive_text(message.data)
        else:
            self._fail_not_utf8(parser)

    def _borrow_parser(self) -> FrameParser:
        if self._parser is None:
            free, most_bytes = self._callbacks.parsers, self._callbacks.limits.max_sender_message_bytes
            while free and self._parser is None:
                parser = free.pop()
                if parser.max_message_bytes == most_bytes:  # else it is from before the settings were read again
                    self._parser = parser
            self._parser = self._parser or FrameParser(most_bytes)
            if self._tail:
                self._parser.feed(self._tail)  # no message: it is the beginning of a frame
                self._tail = b""
        return self._parser

    def _flush_parser(self, parser: FrameParser) -> None:
        """Send what the library wants sent. Pongs go out until our side is closed, unlike what is sent by `send`."""
        for out in parser.take_output():
            if out:
                self._send(out)
            elif not self.closing:
                self._linger()
        error = parser.take_error()
        if error is not None:
            self._callbacks.note("bad-frame", error, self._name())

    def _fail_not_utf8(self, parser: FrameParser) -> None:
        self._callbacks.note("bad-frame", "text is not UTF-8", self._name())
        parser.fail_not_utf8()
        self._flush_parser(parser)

    def _fail_too_big(self, parser: FrameParser) -> None:
        if not parser.has_ended:
            self._callbacks.note("too-big", "a message over the limit of its sender", self._name())
            parser.fail_too_big()
            self._flush_parser(parser)

    # The beginning

    def open(self, answer: bytes, receiver: FrameReceiver) -> None:
        """Accept the handshake; the answer and what the receiver sends at once leave in one write.

        Args:
            answer: the response with status 101, as bytes.
            receiver: who uses the connection from now on.
        """
        self._receiver = receiver
        self.cork()
        self.send(answer)
        try:
            receiver.opened(self)
        except Exception:
            logger.exception("a connection is closed after an error of ours")
            self.abort()
        finally:
            self.uncork()

    def hand_over(self, receiver: FrameReceiver) -> None:
        """Replace the receiver; the one before is told nothing more, not even the end."""
        self._receiver = receiver
        self._callbacks.spare.keep(self)

    # Ends

    def leave(self) -> None:
        """End because the daemon stops, in the receiver's way."""
        if self._receiver is not None:
            self._receiver.leave()
        else:
            self.close()

    def close(self, code: int | None = None) -> None:
        """End with a close frame; without a code the peer sees 1005. A peer that does not read is cut off."""
        if self.closing:
            return
        parser = self._borrow_parser()
        parser.close(code)
        self._flush_parser(parser)
        self._linger()

    def hang_up(self) -> None:
        """End without a close frame, as if the process had gone: the peer sees 1006."""
        if not self.closing:
            self._linger()

    def _end(self) -> None:
        self._linger()

    def _linger(self) -> None:
        """Close our side, and give the peer a moment to take what was sent and to close its own.

        Closing at once would let the system answer what the peer still sends with a reset, and a reset throws away what
        the peer has not read yet: the close frame and its code.
        """
        self.closing = True
        if self._parser is not None:
            self._parser.discard()
        if self.blocked:
            self._transport.abort()
            return
        asyncio.get_running_loop().call_soon(self._half_close)
        self._callbacks.ticker.set(self, self._callbacks.ticker.clock() + _CLOSING_TIMEOUT_S)
        self.offer_room()  # else those who are refused would keep all others out
        self._let_go()  # else nobody would see the peer close

    def _half_close(self) -> None:
        if not self._transport.is_closing() and self._transport.can_write_eof():
            self._transport.write_eof()
            if self._parser is not None:
                self._parser.fall_silent()

    def tick(self, now: float) -> None:
        """The peer may go on, or did not close its side in time."""
        if self.closing:
            self._transport.abort()
        else:
            super().tick(now)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
