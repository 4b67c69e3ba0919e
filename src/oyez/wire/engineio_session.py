"""An Engine.IO session as a table: where it is, what happened, where it goes and what is to be done.

Knows the rules of open, probe, upgrade, heartbeat, polling and close. Must not know sockets or the clock: time is an
argument, in seconds on any steady scale, and the caller carries out the actions.
"""

import math
from enum import Enum, auto
from typing import Protocol

from oyez.wire import engineio


class SessionState(Enum):
    """Which transport carries the session."""

    __hash__ = object.__hash__  # a member is the same object everywhere; Enum's own hash is a call of Python

    POLLING = auto()
    PROBING = auto()  # still polling; a WebSocket has answered the probe
    WEBSOCKET = auto()
    CLOSED = auto()


class SessionEvent(Enum):
    """What can happen to a session."""

    __hash__ = object.__hash__

    PROBE = auto()  # "2probe" on a candidate WebSocket
    SWITCH = auto()  # "5" on it
    OTHER_ON_CANDIDATE = auto()  # anything else on it
    CANDIDATE_LOST = auto()
    MESSAGE = auto()
    BAD_PACKET = auto()
    PEER_CLOSE = auto()  # "1"
    IGNORED_PACKET = auto()
    PONG_OVERDUE = auto()
    POLL_OVERDUE = auto()  # a session that has to poll did not


class Action(Enum):
    """What the caller has to do."""

    NOTHING = auto()
    ANSWER_PROBE = auto()
    SWITCH = auto()  # move what is unsent to the WebSocket and end polling
    DROP_CANDIDATE = auto()
    DELIVER = auto()  # hand the message to the application
    PING = auto()
    END = auto()


_S, _E, _A = SessionState, SessionEvent, Action
_POLLING, _CLOSED, _NOTHING, _PING = (
    _S.POLLING,
    _S.CLOSED,
    _A.NOTHING,
    _A.PING,
)  # what each heartbeat asks for: Python 3.11 looks a member up by a function

# Engine.IO 4, "Upgrade", "Heartbeat" and "Packet types"; a pair that is not here does nothing and changes nothing.
_TABLE: dict[tuple[SessionState, SessionEvent], tuple[SessionState, Action]] = {
    (_S.POLLING, _E.PROBE): (_S.PROBING, _A.ANSWER_PROBE),
    (_S.POLLING, _E.SWITCH): (_S.POLLING, _A.DROP_CANDIDATE),
    (_S.POLLING, _E.OTHER_ON_CANDIDATE): (_S.POLLING, _A.DROP_CANDIDATE),
    (_S.PROBING, _E.PROBE): (_S.PROBING, _A.ANSWER_PROBE),
    (_S.PROBING, _E.SWITCH): (_S.WEBSOCKET, _A.SWITCH),
    (_S.PROBING, _E.OTHER_ON_CANDIDATE): (_S.POLLING, _A.DROP_CANDIDATE),
    (_S.PROBING, _E.CANDIDATE_LOST): (_S.POLLING, _A.NOTHING),
    # A WebSocket's "1" does nothing by itself: the closing of the socket is waited for (the Node server does so too,
    # and clients close it right after). On polling it ends the session and the pending poll.
    (_S.POLLING, _E.PEER_CLOSE): (_S.CLOSED, _A.END),
    (_S.PROBING, _E.PEER_CLOSE): (_S.CLOSED, _A.END),
    # Not while PROBING: clients pause their polls for an upgrade, which has a deadline of its own.
    (_S.POLLING, _E.POLL_OVERDUE): (_S.CLOSED, _A.END),
    **{(state, _E.MESSAGE): (state, _A.DELIVER) for state in _S if state is not _S.CLOSED},
    **{(state, _E.BAD_PACKET): (_S.CLOSED, _A.END) for state in _S if state is not _S.CLOSED},
    **{(state, _E.PONG_OVERDUE): (_S.CLOSED, _A.END) for state in _S if state is not _S.CLOSED},
}

_PACKET_EVENTS = {
    engineio.MESSAGE: SessionEvent.MESSAGE,
    engineio.CLOSE: SessionEvent.PEER_CLOSE,
    # Engine.IO 4, "Heartbeat": the server pings. A client's ping is the heartbeat of protocol 3.
    engineio.PING: SessionEvent.BAD_PACKET,
    engineio.OPEN: SessionEvent.IGNORED_PACKET,
    engineio.UPGRADE: SessionEvent.IGNORED_PACKET,
    engineio.NOOP: SessionEvent.IGNORED_PACKET,
}


# An answer to a poll may take as long as the slowest links need for it, before the time for the next poll begins; no
# longer than that, however long it is.
_SLOWEST_BYTES_PER_S = 4096
_LONGEST_ANSWER_S = 60.0


class Timers(Protocol):
    """Heartbeat of a server, in seconds."""

    @property
    def ping_interval_s(self) -> float:
        """Time from a pong to the next ping."""
        ...

    @property
    def ping_timeout_s(self) -> float:
        """How long a ping may stay unanswered."""
        ...


class SessionMachine:
    """One session's place in the table, its heartbeat, and the time by which it has to poll.

    Heartbeats count from the handshake. While it ``awaits_pong``, a message has an effect on the clock; at other times
    it may go straight to the application.

    On polling a client has a GET pending at all times but for a round trip: it asks again in the call in which it gets
    an answer, without a timer that browsers would slow down. So one that asks for nothing within the time of a ping is
    gone, whatever it posts.
    """

    __slots__ = ("_extended", "_heartbeat_at", "_poll_by", "_timers", "awaits_pong", "state")

    def __init__(self, state: SessionState, timers: Timers, now: float) -> None:
        self.state = state
        self._timers = timers
        self.awaits_pong = False
        self._extended = False
        self._heartbeat_at = now + timers.ping_interval_s
        # math.inf while a poll is pending, and where none is due.
        self._poll_by = now + timers.ping_timeout_s if state is SessionState.POLLING else math.inf

    @property
    def deadline(self) -> float:
        """When `tick` wants to be called next."""
        return min(self._heartbeat_at, self._poll_by) if self.state is _POLLING else self._heartbeat_at

    def step(self, event: SessionEvent) -> Action:
        """Take one event: move, and say what is to be done."""
        self.state, action = _TABLE.get((self.state, event), (self.state, _NOTHING))
        return action

    def receive(self, kind: bytes, now: float) -> Action:
        """Take one packet from the transport that carries the session; ``kind`` is its type byte."""
        if kind == engineio.PONG:  # it moves the clock, and nothing in the table
            self.restart_heartbeat(now)
            return _NOTHING
        self._show_life(now)
        return self.step(_PACKET_EVENTS.get(kind, SessionEvent.BAD_PACKET))

    def _show_life(self, now: float) -> None:
        """Whoever talks is alive: any packet, or poll, moves the deadline of a pong, once for each ping."""
        if self.awaits_pong and not self._extended:
            self._extended = True
            self._heartbeat_at = now + self._timers.ping_timeout_s

    def begin_poll(self, now: float) -> None:
        """A GET has come. Until it is answered, only the heartbeat counts."""
        self._poll_by = math.inf
        self._show_life(now)

    def end_poll(self, now: float, answer_bytes: int) -> None:
        """The GET is answered, with so many bytes that are on their way now: another one is due."""
        on_its_way_s = min(answer_bytes / _SLOWEST_BYTES_PER_S, _LONGEST_ANSWER_S)
        self._poll_by = now + on_its_way_s + self._timers.ping_timeout_s

    def is_poll_overdue(self, now: float) -> bool:
        """Return whether the time is over by which the client had to poll."""
        return self.state is _POLLING and now >= self._poll_by

    def tick(self, now: float) -> Action:
        """Return what is to be done now: a ping, the end, or nothing; call again at ``deadline``."""
        state = self.state
        if state is _POLLING and now >= self._poll_by:
            return self.step(SessionEvent.POLL_OVERDUE)
        if now < self._heartbeat_at or state is _CLOSED:
            return _NOTHING
        if self.awaits_pong:
            return self.step(SessionEvent.PONG_OVERDUE)
        self.awaits_pong = True
        self._extended = False
        timeout_s = self._timers.ping_timeout_s
        lateness_s = now - self._heartbeat_at
        # Counted from when the ping was due, so that a clock which ticks in steps does not add up; but a process that
        # was stopped for a while gives its peers the full time.
        self._heartbeat_at = now + timeout_s - (lateness_s if lateness_s < timeout_s / 10 else 0)
        if state is _POLLING and self._poll_by < math.inf:
            # The ping waits for a poll, and cannot be answered before.
            self._heartbeat_at = max(self._heartbeat_at, self._poll_by)
        return _PING  # it moves the clock, and nothing in the table

    def restart_heartbeat(self, now: float) -> None:
        """Forget a pong that is due and count anew: it came, or its ping may have gone the old way of an upgrade."""
        self.awaits_pong = False
        self._heartbeat_at = now + self._timers.ping_interval_s
