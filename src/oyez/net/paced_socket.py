"""A socket whose peer may ask for things, again and again: how much of what came is handled now, and what waits.

Knows turns of the loop, and what a session is charged for. Must not know what is spoken.

Two things make what came wait, and while it waits nothing more is read, so that the rest of a flood stays on its own
side of the network. The loop's turn is over for this address (`Turns`): then it goes on with one of the next turns. Or
the session has asked for more than it may (`access.work`): then it is held until that is paid for, in the midst of what
has come.
"""

import asyncio
import logging
from abc import abstractmethod

from oyez.access.peer import Noted
from oyez.access.places import SessionPlace
from oyez.net.callbacks import SocketCallbacks
from oyez.net.socket import SocketConnection, bound_receive_buffer, is_peer_gone
from oyez.net.turns import SLICE_S
from oyez.wire.websocket import SHORTEST_FRAME

logger = logging.getLogger(__name__)

# Of what a peer sends, so much is handled before somebody else may have a turn. How long that takes depends on what is
# in it: a thousand tiny frames, or a part of one long post. So it is measured, and the next one is shorter or longer.
_FIRST_SLICE_BYTES = 8 * 1024
_LEAST_SLICE_BYTES = 512
_MOST_SLICE_BYTES = 64 * 1024

# What the system may hold of what a peer sends that is not read for a while, unless it is a poster. Left to itself,
# Linux lets it grow to megabytes, and one read brings all of it. To set it costs a connect a twentieth of its time.
_RECEIVE_BUFFER_BYTES = 16 * 1024

# A socket that is not read does not show its end: it is looked for once in this time, which takes two microseconds.
_LOOK_EVERY_S = 1.0


class PacedSocket(SocketConnection):
    """A socket that is read in slices, and not at all while its session has to wait.

    Attributes:
        heard: the peer has sent bytes, or taken those that it was late with. Whoever waits for a sign of life sets it
            to False first.
        place: of the session that speaks here, which is charged for all that comes; None: nobody's.
        held: the session has asked for too much, and is not read until that is paid for; what the peer said meanwhile,
            a pong too, is unread.
    """

    __slots__ = (
        "_is_narrow",
        "_looked_at",
        "_paid_at",
        "_slice_bytes",
        "_slice_end",
        "_stops",
        "_unread",
        "_waits",
        "heard",
        "held",
        "place",
        "tick_slot",
    )

    def __init__(self, callbacks: SocketCallbacks) -> None:
        super().__init__(callbacks)
        self._unread = b""  # what is left for later
        self._waits = False  # for its turn
        self._stops = False  # the slice is over, or the session is held: what is left is put back
        self._slice_end = 0.0
        self._slice_bytes = _FIRST_SLICE_BYTES
        self._is_narrow = False  # the system holds little of what comes
        self._paid_at = 0.0  # until then it is held
        self._looked_at = 0.0  # for its end
        self.heard = False
        self.held = False
        self.place: SessionPlace | None = None
        self.tick_slot = 0

    @abstractmethod
    def _take_awaited(self, data: bytes) -> bool:
        """Handle `SHORTEST_FRAME` bytes if they are what is waited for; False: they are as any others."""

    @abstractmethod
    def _feed(self, data: bytes) -> None:
        """Handle what came, and charge the session for it; what comes behind what it is held for is put back."""

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with a small receive buffer: what comes in one read, and cannot be handled, is kept."""
        super().connection_made(transport)
        self._is_narrow = True
        bound_receive_buffer(self._transport, _RECEIVE_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline and what is unread, then as every socket does."""
        self._callbacks.ticker.clear(self)
        self._unread = b""
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """The peer has taken all that was written."""
        self.heard = True
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take what came: feed it, collect the answers to it, and send them in one write."""
        self.heard = True
        if len(data) == SHORTEST_FRAME and self._take_awaited(data):
            return
        if len(data) <= self._slice_bytes and not (self._is_narrow or self._unread or self.held):
            self._handle(data)  # of a poster, whose slice is its own: counting it would cost a fortieth of a post
        else:
            self._take_in_turn(data)
        if self._unread:
            self._pause()
            self._resume_reading()

    def _take_in_turn(self, data: bytes) -> None:
        """Handle a slice of what came, if it is the turn of this socket's address."""
        if self.closing and self._held:
            return  # it is refused, and is told so later
        if self._is_narrow and self._is_poster:
            self._fit_buffer()  # with the small one a post costs a tenth more
        turns, payer = self._callbacks.turns, self._payer
        began = None if self._unread or self.held else turns.begin(payer)
        if began is None:
            self._unread += data
        else:
            self._handle(data)
            turns.end(payer, began)

    def read_on(self) -> None:
        """Go on with what is unread: it is this socket's turn."""
        self._waits = False
        if self.held or self._reading_paused or self._transport.is_closing():
            return
        data, self._unread = self._unread, b""
        clock = self._callbacks.turns.clock
        began = clock()
        self._handle(data)
        spent_s = clock() - began
        if spent_s > SLICE_S:
            self._slice_bytes = max(self._slice_bytes // 2, _LEAST_SLICE_BYTES)
        elif spent_s < SLICE_S / 4:
            self._slice_bytes = min(self._slice_bytes * 2, _MOST_SLICE_BYTES)
        self._resume_reading()

    def tick(self, now: float) -> None:
        """Go on if the session has paid. End it if its peer is gone, so that nobody waits for its place."""
        if now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            if is_peer_gone(self._transport):
                self.abort()
                return
        if now < self._paid_at:
            self._plan_tick(now)
        else:
            self.held = False
            self._resume_reading()

    def _plan_tick(self, now: float) -> None:
        self._callbacks.ticker.set(self, min(self._paid_at, now + _LOOK_EVERY_S))

    # What may come now

    def _name(self) -> Noted:
        """Return who it is, for a note."""
        return self.name_peer(None if self.place is None else self.place.address)

    @property
    def _payer(self) -> object:
        """Whose slice of a turn is used up here."""
        return self if self.place is None or self.place.share is None else self.place.share

    @property
    def _is_poster(self) -> bool:
        """Whether the session has shown the key."""
        return self.place is not None and self.place.is_poster

    @property
    def _is_weighed(self) -> bool:
        """Whether the session is charged at all: posters are not."""
        return self.place is not None and not self.place.is_poster

    def _handle(self, data: bytes) -> None:
        """Handle a slice of what came; what is left is unread."""
        if len(data) > self._slice_bytes:
            self._unread = data[self._slice_bytes :]
            data = data[: self._slice_bytes]
        self._stops = False
        self._slice_end = self._callbacks.turns.clock() + SLICE_S
        self.cork()
        try:
            self._feed(data)
        except Exception:
            logger.exception("a connection is closed after an error of ours")
            self.abort()
        finally:
            self.uncork()

    def _charge(self, cost: float) -> None:
        """Count what was done for the peer, and hold it if that is too much; ``cost`` is as `access.work` weighs it.

        A slice of bytes may have commands in it that take ten times a slice of time, so that is looked at as well.
        """
        if self.place is None or self.closing:
            return
        wait_s = self.place.charge(cost, self._name)
        if self._callbacks.turns.clock() >= self._slice_end:
            self._stops = True
        if wait_s > 0 and not self.held:
            self.held = self._stops = True
            self._slice_bytes = _LEAST_SLICE_BYTES  # not more than may be asked for is looked at then
            self._pause()
            now = self._callbacks.ticker.clock()
            self._paid_at = now + wait_s
            self._plan_tick(now)

    def _put_back(self, data: bytes) -> None:
        """Leave for later what came behind that at which the session has to stop."""
        self._unread = data + self._unread

    def _let_go(self) -> None:
        """Hold the session no longer: its end has begun, and the peer's is waited for."""
        if self.held:
            self.held = False
            self._resume_reading()

    def _pause(self) -> None:
        """Read nothing for now, and bound what the system reads; a poster's messages may be long."""
        self._transport.pause_reading()
        if self._is_narrow == self._is_poster:
            self._fit_buffer()

    def _fit_buffer(self) -> None:
        self._is_narrow = not self._is_poster
        bound_receive_buffer(self._transport, _RECEIVE_BUFFER_BYTES if self._is_narrow else 0)

    def _resume_reading(self) -> None:
        """Read on, unless something else speaks against it; what was read already comes first."""
        if self.held or self._waits or self._reading_paused or self._transport.is_closing():
            return
        if self._unread:
            self._waits = True
            self._callbacks.turns.add(self, self._payer)
        else:
            self._transport.resume_reading()
