"""An Engine.IO session as a table: where it is, what happened, where it goes and what is to be done.

Knows the rules of open, probe, upgrade, heartbeat and close. Must not know sockets or the clock: time is an argument,
in seconds on any steady scale, and the caller carries out the actions.
"""

from enum import Enum, auto
from typing import Protocol

from oyez.wire import engineio


class SessionState(Enum):
    """Which transport carries the session."""

    POLLING = auto()
    PROBING = auto()  # still polling; a WebSocket has answered the probe
    WEBSOCKET = auto()
    CLOSED = auto()


class SessionEvent(Enum):
    """What can happen to a session."""

    PROBE = auto()  # "2probe" on a candidate WebSocket
    SWITCH = auto()  # "5" on it
    OTHER_ON_CANDIDATE = auto()  # anything else on it
    CANDIDATE_LOST = auto()
    MESSAGE = auto()
    PONG = auto()
    BAD_PACKET = auto()
    PEER_CLOSE = auto()  # "1"
    IGNORED_PACKET = auto()
    PING_DUE = auto()
    PONG_OVERDUE = auto()


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
    **{(state, _E.MESSAGE): (state, _A.DELIVER) for state in _S if state is not _S.CLOSED},
    **{(state, _E.BAD_PACKET): (_S.CLOSED, _A.END) for state in _S if state is not _S.CLOSED},
    **{(state, _E.PING_DUE): (state, _A.PING) for state in _S if state is not _S.CLOSED},
    **{(state, _E.PONG_OVERDUE): (_S.CLOSED, _A.END) for state in _S if state is not _S.CLOSED},
}

_PACKET_EVENTS = {
    engineio.MESSAGE: SessionEvent.MESSAGE,
    engineio.PONG: SessionEvent.PONG,
    engineio.CLOSE: SessionEvent.PEER_CLOSE,
    # Engine.IO 4, "Heartbeat": the server pings. A client's ping is the heartbeat of protocol 3.
    engineio.PING: SessionEvent.BAD_PACKET,
    engineio.OPEN: SessionEvent.IGNORED_PACKET,
    engineio.UPGRADE: SessionEvent.IGNORED_PACKET,
    engineio.NOOP: SessionEvent.IGNORED_PACKET,
}


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
    """One session's place in the table, and its heartbeat.

    ``deadline`` is when `tick` wants to be called next. Heartbeats count from the handshake. While it ``awaits_pong``,
    a message has an effect on the clock; at other times it may go straight to the application.
    """

    __slots__ = ("_extended", "_timers", "awaits_pong", "deadline", "state")

    def __init__(self, state: SessionState, timers: Timers, now: float) -> None:
        self.state = state
        self._timers = timers
        self.awaits_pong = False
        self._extended = False
        self.deadline = now + timers.ping_interval_s

    def step(self, event: SessionEvent) -> Action:
        """Take one event: move, and say what is to be done."""
        self.state, action = _TABLE.get((self.state, event), (self.state, Action.NOTHING))
        return action

    def receive(self, kind: bytes, now: float) -> Action:
        """Take one packet from the transport that carries the session; ``kind`` is its type byte."""
        event = _PACKET_EVENTS.get(kind, SessionEvent.BAD_PACKET)
        if event is SessionEvent.PONG:
            self.awaits_pong = False
            self.deadline = now + self._timers.ping_interval_s
        elif self.awaits_pong and not self._extended:
            # Whoever talks is alive: any packet moves the deadline of a pong, once for each ping.
            self._extended = True
            self.deadline = now + self._timers.ping_timeout_s
        return self.step(event)

    def tick(self, now: float) -> Action:
        """Return what is to be done now: a ping, the end, or nothing; call again at ``deadline``."""
        if now < self.deadline:
            return Action.NOTHING
        if self.awaits_pong:
            return self.step(SessionEvent.PONG_OVERDUE)
        self.awaits_pong = True
        self._extended = False
        timeout_s = self._timers.ping_timeout_s
        lateness_s = now - self.deadline
        # Counted from when the ping was due, so that a clock which ticks in steps does not add up; but a process that
        # was stopped for a while gives its peers the full time.
        self.deadline = now + timeout_s - (lateness_s if lateness_s < timeout_s / 10 else 0)
        return self.step(SessionEvent.PING_DUE)

    def restart_heartbeat(self, now: float) -> None:
        """Forget a pong that is due and count anew, as after an upgrade, when a ping may have gone the old way."""
        self.awaits_pong = False
        self.deadline = now + self._timers.ping_interval_s
