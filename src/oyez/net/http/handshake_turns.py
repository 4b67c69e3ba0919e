"""Requests that take their socket, judged in the turn of whoever sent them.

Knows who pays for it, turns of the loop, and sockets that wait for theirs. Must not know how a request is read, nor
what comes of it.

A thousand handshakes in one moment are half a second of work. Here those of one address have a slice of each turn, and
what others ask for waits for no more than that. Whoever waits has said what he wants, so he is not sent away without a
word: where others need his socket he is judged at once, and told what he would have been told in his turn.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from oyez.access.peer import FarEnd
from oyez.access.shares import Share, SpareSocket
from oyez.net.http.callbacks import HttpCallbacks
from oyez.net.socket import is_peer_gone

logger = logging.getLogger(__name__)

# A socket that is not read does not show its end: it is looked for once in this time.
_LOOK_EVERY_S = 1.0


class Judged(SpareSocket, Protocol):
    """What a socket becomes when its request is judged."""

    def data_received(self, data: bytes) -> None:
        """Take what came behind the request."""
        ...


Judge = Callable[[], Judged]
"""Decides on a request, and sets who is to have its socket."""


def find_payer(
    callbacks: HttpCallbacks, share: Share | None, entries: str, find_far_end: Callable[[], FarEnd | None]
) -> Share | None:
    """Find whose turn it takes to judge a request: the address that will be charged; None: it does not wait.

    Args:
        callbacks: whom to ask.
        share: of the socket's other end; None: it may be a proxy, or has no share, as a poster of this machine.
        entries: of the request's headers X-Forwarded-For, comma-separated; empty: no proxy says for whom it asks.
        find_far_end: asks for the socket's other end.
    """
    if share is not None or not entries:
        return share
    return callbacks.places.shares.of_peer(callbacks.peers.find_behind_proxy(find_far_end(), entries))


def judge_in_turn(
    callbacks: HttpCallbacks, transport: asyncio.Transport, share: Share | None, payer: Share | None, judge: Judge
) -> Judged:
    """Judge a request if it is the payer's turn, or else once it is.

    Args:
        callbacks: whom to ask.
        transport: the socket.
        share: where the socket is counted until it is judged; None: nowhere.
        payer: whose turn it takes; None: it does not wait.
        judge: does it.
    """
    if payer is None:
        return judge()
    turns = callbacks.turns
    began = turns.begin(payer)
    if began is None:
        waiting = WaitingHandshake(callbacks, transport, share, judge)
        turns.add(waiting, payer)
        return waiting
    judged = judge()
    turns.end(payer, began)
    return judged


class WaitingHandshake(asyncio.Protocol):
    """A socket that waits for its turn; the arguments are those of `judge_in_turn`.

    It is read on, which shows its end. A client that does not wait for the answer has what one read brings kept, and
    is not read any more.
    """

    __slots__ = ("_callbacks", "_judge", "_rest", "_share", "_transport", "tick_slot")

    def __init__(
        self, callbacks: HttpCallbacks, transport: asyncio.Transport, share: Share | None, judge: Judge
    ) -> None:
        self._callbacks = callbacks
        self._transport = transport
        self._share = share
        self._judge: Judge | None = judge  # until that is done, or the socket is gone
        self._rest = b""  # what came behind the request
        self.tick_slot = 0
        transport.set_protocol(self)
        callbacks.connections.add(self)
        callbacks.spare.offer(self, share)

    # What the event loop calls

    def data_received(self, data: bytes) -> None:
        """Keep it, and read nothing more for now."""
        self._rest += data
        self._transport.pause_reading()
        self._plan_look(self._callbacks.ticker.clock())

    def eof_received(self) -> bool | None:
        """Close when the peer does."""
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the request: nobody is there to be answered."""
        self._leave()
        if self._share is not None:
            self._share.sockets -= 1
            self._share = None

    def tick(self, now: float) -> None:
        """Look whether the peer of a socket that is not read is still there."""
        if is_peer_gone(self._transport):
            self._transport.abort()
        else:
            self._plan_look(now)

    def _plan_look(self, now: float) -> None:
        self._callbacks.ticker.set(self, now + _LOOK_EVERY_S)

    # Its turn

    def read_on(self) -> None:
        """Judge the request: it is its turn."""
        self._judge_now()

    def _judge_now(self) -> Judged | None:
        """Judge the request, if that is not done yet and its client is there; return what the socket has become."""
        judge = self._leave()
        if judge is None or self._transport.is_closing():
            return None
        rest, self._rest = self._rest, b""
        self._share = None  # it goes with the socket
        try:
            if rest:
                self._transport.resume_reading()
            judged = judge()
            if rest:
                judged.data_received(rest)
        except Exception:
            logger.exception("a connection is closed after an error of ours")
            self._transport.abort()
            return None
        return judged

    def _leave(self) -> Judge | None:
        """Wait no longer; return who was to judge, the first time."""
        judge, self._judge = self._judge, None
        self._callbacks.connections.discard(self)
        self._callbacks.spare.keep(self)
        self._callbacks.ticker.clear(self)
        return judge

    # Before its turn

    def close_idle(self) -> bool:
        """Judge the request at once: another one needs the room. Whoever is let in keeps it."""
        judged = self._judge_now()
        if judged is None or self._transport.is_closing():
            return True
        return judged in self._callbacks.spare and judged.close_idle()

    def close(self, code: int | None = None) -> None:
        """Judge the request at once: it has to end, and who asked is told."""
        self._judge_now()

    def leave(self) -> None:
        """Judge the request at once: the daemon stops, and nobody is let in any more."""
        self._judge_now()

    def abort(self) -> None:
        """Close the socket at once."""
        self._transport.abort()
