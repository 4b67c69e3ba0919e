"""A WebSocket that wants to carry a session which polls: probe, answer, and switch or give up.

Knows the upgrade's packets on that WebSocket (Engine.IO 4, "Upgrade"). Must not know the application.

```
client, on the WebSocket   "2probe"            "5"
server, on the WebSocket            "3probe"
server, to pending polls                 "6"        from now on all goes over the WebSocket
```
"""

from typing import Protocol

from oyez.access.places import SessionPlace
from oyez.net.ticker import Ticker
from oyez.net.websocket.connection import WebSocketConnection
from oyez.wire import engineio
from oyez.wire.engineio_session import Action, SessionEvent
from oyez.wire.websocket import text_frame

# Engine.IO 4, "Upgrade": a pending poll is ended again and again, since a client may poll once more after the first.
_NOOP_INTERVAL_S = 0.1

_PROBE_PONG_FRAME = text_frame(engineio.PROBE_PONG)

_EVENTS = {engineio.PROBE_PING: SessionEvent.PROBE, engineio.UPGRADE: SessionEvent.SWITCH}


class UpgradableSession(Protocol):
    """What the attempt asks of the session that the WebSocket wants to carry."""

    @property
    def place(self) -> SessionPlace:
        """Who is charged for what comes."""
        ...

    def step_upgrade(self, event: SessionEvent) -> Action:
        """Let what happened to the candidate have its effect on the session; return what is to be done to it."""
        ...

    def end_pending_poll(self) -> None:
        """Answer a pending GET with a noop."""
        ...

    def switch(self, connection: WebSocketConnection) -> None:
        """Move to the candidate's WebSocket, with all that waits for a poll."""
        ...


class UpgradeAttempt:
    """The receiver of frames until the upgrade is complete.

    Args:
        session: which polls meanwhile.
        ticker: the clock.
        timeout_s: how long the attempt may take, from now on.
    """

    __slots__ = ("_connection", "_deadline", "_session", "_ticker", "max_message_bytes", "tick_slot")

    def __init__(self, session: UpgradableSession, ticker: Ticker, timeout_s: float) -> None:
        self._session = session
        self._ticker = ticker
        self._deadline = ticker.clock() + timeout_s
        self._connection: WebSocketConnection | None = None
        self.max_message_bytes = 100  # "2probe" and "5"
        self.tick_slot = 0

    def opened(self, connection: WebSocketConnection) -> None:
        """Wait for the probe, until the deadline."""
        self._connection = connection
        connection.place = self._session.place
        connection.offer_room()  # its session can do without it
        self._ticker.set(self, self._deadline)

    def receive_text(self, data: bytes) -> None:
        """Take a packet on the candidate WebSocket."""
        self._take(_EVENTS.get(data, SessionEvent.OTHER_ON_CANDIDATE))

    def receive_binary(self, data: bytes) -> None:
        """A candidate has no business with these."""
        self._take(SessionEvent.OTHER_ON_CANDIDATE)

    def _take(self, event: SessionEvent) -> None:
        connection = self._connection
        if connection is None:
            return
        action = self._session.step_upgrade(event)
        if action is Action.ANSWER_PROBE:
            connection.send(_PROBE_PONG_FRAME)
            self._ticker.set(self, self._ticker.clock() + _NOOP_INTERVAL_S)
        elif action is Action.SWITCH:
            self._ticker.clear(self)
            self._connection = None
            self._session.switch(connection)
        elif action is Action.DROP_CANDIDATE:
            self.drop()

    def tick(self, now: float) -> None:
        """End a poll that is pending, or the attempt."""
        if now >= self._deadline:
            self._session.step_upgrade(SessionEvent.CANDIDATE_LOST)
            self.drop()
            return
        self._session.end_pending_poll()
        self._ticker.set(self, min(now + _NOOP_INTERVAL_S, self._deadline))

    def drained(self) -> None:
        """Do nothing: a probe is answered at once, and no more is sent."""

    def lost(self) -> None:
        """The WebSocket is gone before the upgrade was complete; polling lives on."""
        self._ticker.clear(self)
        if self._connection is not None:
            self._connection = None
            self._session.step_upgrade(SessionEvent.CANDIDATE_LOST)

    def leave(self) -> None:
        """Close the WebSocket, since the daemon stops; the session is ended beside it."""
        self.drop()

    def drop(self) -> None:
        """Give up: close the WebSocket, and leave the session as it is."""
        self._ticker.clear(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
