"""A socket that was taken over from HTTP: its way out, back-pressure, and its end.

Knows a transport, how full it is, and who uses it. Must not know what is spoken on it.
"""

import asyncio
import contextlib
import logging
import os
import select
import socket
import sys
from typing import cast

from oyez.access.peer import FarEnd, Noted, peer_at
from oyez.net.callbacks import Receiver, SocketCallbacks

logger = logging.getLogger(__name__)

# Answers that wait for a peer that reads nothing. Above that, nothing more is read from it, so it cannot ask for more.
_UNSENT_ANSWERS_BYTES = 16 * 1024

# socket(7), since Linux 5.14: a size that was set counts no more, and the buffer grows and shrinks by itself again.
_SO_BUF_LOCK = 72

# That the other end has closed its side; poll(2) of Linux alone tells it apart from bytes that came before.
_PEER_CLOSED = getattr(select, "POLLRDHUP", 0)

# What a buffer is set to where that is not known; the system may take less.
_LARGE_BUFFER_BYTES = 4 * 1024 * 1024


class SocketConnection(asyncio.Protocol):
    """What every such socket has in common.

    There are two ways to send. What a fan-out brings is written by `write`, which says when the peer does not keep up,
    since there is history to go on from. What answers the peer goes by `send`, which never refuses; a peer that asks
    without reading is not read from any more.

    Args:
        callbacks: what all sockets share.

    Attributes:
        blocked: the peer does not take what was written.
        closing: the end has begun, nothing more is sent.
    """

    __slots__ = ("_callbacks", "_fd", "_held", "_reading_paused", "_receiver", "_transport", "blocked", "closing")

    _receiver: Receiver | None

    def __init__(self, callbacks: SocketCallbacks) -> None:
        self._callbacks = callbacks
        self._receiver = None  # until the request was accepted
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made
        self._fd = -1  # where the transport can be gone past, see `_write_through`
        self._held: list[bytes] | None = None  # answers, while the socket is corked
        self._reading_paused = False
        self.blocked = False
        self.closing = False

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make whatever the system does not take count as back-pressure, and enter the set of open sockets."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # whatever the system does not take is back-pressure
        self._fd = find_plain_fd(transport)
        self._callbacks.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the set of open sockets, and call the receiver's `lost`."""
        self.closing = True
        self._fd = -1
        self._held = None
        self._callbacks.connections.discard(self)
        self._callbacks.spare.keep(self)
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost()

    def eof_received(self) -> bool | None:
        """Close when the peer does."""
        return None

    def pause_writing(self) -> None:
        """The peer does not keep up."""
        self.blocked = True

    def resume_writing(self) -> None:
        """The peer has taken all that was written."""
        self.blocked = False
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

    # What its user calls

    def find_far_end(self) -> FarEnd | None:
        """Ask who is at the socket's other end, which costs a call of the system; None: it is closed already."""
        return far_end_of(self._transport)

    def name_peer(self, known: Noted | None) -> Noted:
        """Return who it is, for a note: who is known to be, such as `SessionPlace.address`, or who the socket tells."""
        return known or peer_at(self.find_far_end())

    def write(self, data: bytes) -> bool:
        """Send what a fan-out brings, now, and behind all that was sent before.

        Returns:
            False when the socket is full: write nothing more until the receiver is told that it has `drained`.
        """
        if self.closing:
            return True
        if self._held:
            self._held.append(data)
            data = b"".join(self._held)
            self._held.clear()
        self._write_through(data)
        return not self.blocked

    def send(self, data: bytes) -> None:
        """Send an answer: now, or once the socket is uncorked."""
        if not self.closing:
            self._send(data)

    def cork(self) -> None:
        """Hold answers back until `uncork`: those to one read leave in one write, of one call of the system."""
        if self._held is None:
            self._held = []

    def answer(self, data: bytes) -> None:
        """Send an answer in one write with the others to this read; outside a read, with the others of this turn."""
        if self.closing:
            return
        if self._held is None:
            self._held = []
            self._callbacks.late_answers.add(self)
        self._held.append(data)

    def uncork(self) -> None:
        """Send what was held back; what was sent before the end began goes out even when it has begun."""
        held, self._held = self._held, None
        if held:
            self._send(b"".join(held))

    def _send(self, data: bytes) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        self._write_through(data)
        if not self.blocked or self._reading_paused:
            return
        if self._transport.get_write_buffer_size() > _UNSENT_ANSWERS_BYTES:
            self._reading_paused = True
            self._transport.pause_reading()

    def _write_through(self, data: bytes) -> None:
        """Pass bytes to the system, and what it does not take to the transport, which waits until it does.

        Going past the transport saves a quarter of what a write costs. It is safe because the socket stays open until
        `connection_lost` has returned, and because a transport that holds bytes back has told us so. Under TLS the
        bytes have to go through the transport.
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

    # Refusals

    def hold_back(self, answer: bytes) -> None:
        """Keep what the request is refused with until `refuse_now`: nothing that comes meanwhile is heard."""
        self._held = [answer]
        self.closing = True
        self.offer_room()

    def refuse_now(self) -> None:
        """Send what was held back, and end; nothing if the peer has gone meanwhile."""
        if self._held is not None and not self._transport.is_closing():
            self.uncork()
            self._end()

    def _end(self) -> None:
        """Close behind all that was sent. A peer that does not read is cut off."""
        if self.blocked:
            self._transport.abort()
        else:
            self._transport.close()

    # Ends

    def leave(self) -> None:
        """End because the daemon stops."""
        self.close()

    def close(self, code: int | None = None) -> None:
        """End behind all that was sent. A peer that does not read is cut off.

        Args:
            code: for protocols that tell the peer why; here there is none.
        """
        if self.closing:
            return
        if self._held:
            self.uncork()
        self.closing = True
        self._end()

    def abort(self) -> None:
        """End now, whatever is unsent."""
        self.closing = True
        self._transport.abort()

    def offer_room(self) -> None:
        """Let another socket have the room of this one at need."""
        self._callbacks.spare.offer(self)

    def close_idle(self) -> bool:
        """End now: another one needs the room. Whoever is refused is told so before."""
        self._callbacks.spare.keep(self)
        if self.closing and self._held:
            self.uncork()
        self.abort()
        return True


def find_plain_fd(transport: asyncio.BaseTransport) -> int:
    """Return the number by which the system knows a socket; -1: there is none, or its bytes are encrypted."""
    own = transport.get_extra_info("socket")
    return -1 if own is None or transport.get_extra_info("sslcontext") is not None else own.fileno()


def bound_receive_buffer(transport: asyncio.BaseTransport, size: int) -> None:
    """Bound what the system holds of what the other end sent.

    It is done once a connection is there: before, it would bound the scale of TCP's window for good (RFC 7323 §2.2),
    and with it how fast a poster far away can send.

    Args:
        transport: a socket's.
        size: in bytes; the system takes twice as much, for its own accounts. 0: as much as it sees fit.
    """
    own = transport.get_extra_info("socket")
    if own is not None:
        with contextlib.suppress(OSError):
            if size:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            elif sys.platform == "linux":
                own.setsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK, 0)
            else:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _LARGE_BUFFER_BYTES)


def is_peer_gone(transport: asyncio.BaseTransport) -> bool:
    """Ask the system whether the other end has closed or reset a socket, or is not reached any more.

    For sockets that are not read: of others the event loop tells. What was sent before the end does not hide it.
    """
    own = transport.get_extra_info("socket")
    if own is None:
        return False
    look = select.poll()
    look.register(own.fileno(), _PEER_CLOSED)  # errors are told unasked
    return bool(look.poll(0))


def far_end_of(transport: asyncio.BaseTransport) -> FarEnd | None:
    """Ask the system who is at the other end of a socket; None: it is closed already, so nobody can tell any more."""
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        return name[0], name[1]
    own = transport.get_extra_info("socket")
    return ("", 0) if own is not None and own.family == socket.AF_UNIX else None
