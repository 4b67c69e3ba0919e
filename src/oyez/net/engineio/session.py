"""Engine.IO sessions on real transports: a session's table of states, carried out.

Knows sessions, their transports and their clock. Must not know Socket.IO or what a message means.

The rules are in `wire.engineio_session`, as a table without sockets or clock. Here packets and deadlines are fed to it,
and its actions are done: deliver, ping, answer a probe, switch, end.
"""

import logging
from collections.abc import Callable

from oyez.access.peer import FindPeer, Note
from oyez.access.places import SessionPlace
from oyez.errors import ProtocolError
from oyez.limits import LimitSettings
from oyez.net.engineio.app import EngineApp
from oyez.net.engineio.polling import MAX_UNREAD_BYTES, PollingTransport
from oyez.net.engineio.session_id import new_session_id
from oyez.net.engineio.settings import SocketioSettings
from oyez.net.engineio.unread import UnreadBudget
from oyez.net.engineio.upgrade import UpgradeAttempt
from oyez.net.ticker import Ticker
from oyez.net.websocket.connection import WebSocketConnection
from oyez.wire import engineio
from oyez.wire.engineio_session import Action, SessionEvent, SessionMachine, SessionState
from oyez.wire.websocket import binary_frame, text_frame

logger = logging.getLogger(__name__)

_PING_FRAME = text_frame(engineio.PING)

# What each heartbeat asks for: Python 3.11 looks a member of an Enum up by a function.
_PING, _DELIVER, _END = Action.PING, Action.DELIVER, Action.END

_GOING_AWAY = 1001  # RFC 6455 §7.4.1; clients of Engine.IO come back whatever the code


class EngineServer:
    """All sessions of one Engine.IO path.

    Args:
        settings: times.
        limits: how much a client may send.
        ticker: calls sessions when their time has come.
        open_app: makes the application's side of a new session.
        note: counts what a peer did wrong.

    Attributes:
        unread: what waits for all clients that poll.
    """

    def __init__(
        self,
        settings: SocketioSettings,
        limits: LimitSettings,
        ticker: Ticker,
        open_app: Callable[["EngineSession"], EngineApp],
        note: Note,
    ) -> None:
        self.settings = settings
        self.limits = limits
        self.ticker = ticker
        self.open_app = open_app
        self.note = note
        self.sessions: dict[str, EngineSession] = {}
        self.unread = UnreadBudget(limits.max_unread_polling_bytes, self.sessions, ticker, note)

    def open_session(self, find_peer: FindPeer, place: SessionPlace, *, polling: bool) -> "EngineSession":
        """Open a session, on polling or on a WebSocket that is about to open.

        Args:
            find_peer: finds out who the client is, when somebody wants to know.
            place: the session's, which gives it back at its end.
            polling: the handshake came as a plain request.
        """
        session = EngineSession(self, new_session_id(), find_peer, place, polling=polling)
        self.sessions[session.sid] = session
        return session


class EngineSession:
    """One session: its state, the transport that carries it, and the application behind it.

    As a receiver of frames it serves the WebSocket that carries it.
    """

    __slots__ = (
        "_alarm_at",
        "_app",
        "_connection",
        "_ended",
        "_machine",
        "_server",
        "_stalled",
        "_upgrade",
        "find_peer",
        "place",
        "polling",
        "sid",
        "tick_slot",
    )

    def __init__(
        self, server: EngineServer, sid: str, find_peer: FindPeer, place: SessionPlace, *, polling: bool
    ) -> None:
        self._server = server
        self.sid = sid
        self.find_peer = find_peer
        self.place = place
        self.polling = PollingTransport(self.drained, server.unread) if polling else None
        self._connection: WebSocketConnection | None = None
        self._upgrade: UpgradeAttempt | None = None
        self._alarm_at: float | None = None
        self._stalled = False
        self._ended = False
        self.tick_slot = 0
        state = SessionState.POLLING if polling else SessionState.WEBSOCKET
        self._machine = SessionMachine(state, server.settings, server.ticker.clock())
        self._app: EngineApp = server.open_app(self)
        self._plan_tick()

    # What the application uses

    @property
    def is_open(self) -> bool:
        """Whether anything can still be sent."""
        return not self._ended

    @property
    def write(self) -> Callable[[bytes], bool]:
        """Return the function that sends bytes in the transport's own form.

        That form is packets with a separator between them on polling, and whole frames on a WebSocket. The function
        returns False when the transport is full: `EngineApp.drained` is called once it is not.
        """
        if self.polling is not None:
            return self.polling.write
        assert self._connection is not None
        return self._connection.write

    def send_text(self, packet: bytes) -> None:
        """Send one text packet, with its type byte: ``4`` and the message, for one."""
        if self._ended:
            return
        if self._connection is not None:
            self._connection.send(text_frame(packet))
        elif self.polling is not None:
            self.polling.send(packet)
            # A sender is answered when its posts are kept, however many there were in one message.
            if self.polling.answers > max(MAX_UNREAD_BYTES, 2 * self._app.max_message_bytes):
                self._server.note("unread-answers", "a client that never polls", self.find_peer)
                self.close()

    def answer(self, packet: bytes) -> None:
        """Send one text packet, in one write with all that is answered in this turn of the loop."""
        if self._connection is None or self._ended:
            self.send_text(packet)
        else:
            self._connection.answer(text_frame(packet))

    def send_binary(self, data: bytes) -> None:
        """Send one binary message: a frame of its own on a WebSocket, ``b`` and base64 on polling."""
        if self.polling is not None:
            self.send_text(engineio.encode_binary(data))
        elif self.is_open and self._connection is not None:
            self._connection.send(binary_frame(data))

    def set_alarm(self, delay_s: float | None) -> None:
        """Plan a call of the application's `alarm`, in place of the one that was planned; None: none."""
        self._alarm_at = None if delay_s is None else self._server.ticker.clock() + delay_s
        if self._alarm_at is not None and self._alarm_at < self._machine.deadline:
            self._plan_tick()  # else the heartbeat's tick comes first, and sees to it

    def close(self, final_packet: bytes = engineio.CLOSE, *, code: int | None = None) -> None:
        """End the session.

        Args:
            final_packet: what a pending poll is told. After CLOSE the Python client stays away; after NOOP all clients
                find the session gone with their next poll, and come back.
            code: of the WebSocket's close frame; without one the peer sees 1005.
        """
        if self._ended:
            return
        if self.polling is not None and self.polling.waiting:
            self.polling.send(final_packet)
        self._end()
        if self._connection is not None:
            self._connection.close(code)

    def abort(self) -> None:
        """End the session as a connection that breaks does: whatever is unsent, and without a word."""
        if self._connection is not None:
            self._connection.abort()  # `lost` follows
        else:
            self.close(engineio.NOOP)

    def leave(self) -> None:
        """End the session with the daemon; whatever its transport, its client comes back."""
        self.close(engineio.NOOP, code=_GOING_AWAY)

    # Frames of the WebSocket that carries the session

    @property
    def max_message_bytes(self) -> int:
        """Longest packet that the peer may send now."""
        return self._app.max_message_bytes

    def opened(self, connection: WebSocketConnection) -> None:
        """Send the handshake's packet; a session that is on a WebSocket has nothing to upgrade to."""
        self._connection = connection
        connection.place = self.place
        connection.send(text_frame(self.open_packet([])))

    def receive_text(self, data: bytes) -> None:
        """Take one packet, from either transport: type byte and payload."""
        is_plain = data[:1] == engineio.MESSAGE and not self._machine.awaits_pong and not self._ended
        if is_plain or self._step(data):
            try:
                self._app.receive_text(data[1:])
            except ProtocolError as error:
                self.refuse(str(error))

    def _step(self, data: bytes) -> bool:
        """Feed a packet to the table of states, and do what it says; True: deliver the message."""
        action = self._machine.receive(data[:1], self._server.ticker.clock())
        if action is _DELIVER:
            return True
        if action is _END:
            if data != engineio.CLOSE:
                self._server.note("bad-packet", "an Engine.IO packet out of place", self.find_peer)
            final_packet = engineio.NOOP if data == engineio.CLOSE else engineio.CLOSE
            self.close(final_packet)  # Engine.IO 4, "Close": a poll that is pending beside a "1" gets a noop
        else:
            self._plan_tick()
        return False

    def receive_binary(self, data: bytes) -> None:
        """Take one binary message, from either transport."""
        if self._machine.receive(engineio.MESSAGE, self._server.ticker.clock()) is Action.DELIVER:
            try:
                self._app.receive_binary(data)
            except ProtocolError as error:
                self.refuse(str(error))

    def drained(self) -> None:
        """Let the application go on, now that the transport takes bytes again."""
        if not self.is_open:
            return
        if self._stalled:
            self._stalled = False
            self._machine.restart_heartbeat(self._server.ticker.clock())
            self._plan_tick()
        self._app.drained()

    def lost(self) -> None:
        """The WebSocket that carried the session has ended."""
        self._connection = None
        if self.is_open:
            self._end()

    # Polling

    def open_packet(self, upgrades: list[str]) -> bytes:
        """Return the handshake's packet: ``0{"sid":"…","upgrades":["websocket"],"pingInterval":25000,…}``."""
        settings = self._server.settings
        return engineio.OpenPacket(
            sid=self.sid,
            upgrades=upgrades,
            pingInterval=round(settings.ping_interval_s * 1000),
            pingTimeout=round(settings.ping_timeout_s * 1000),
            maxPayload=self._server.limits.max_receiver_message_bytes,
        ).encode()

    def begin_poll(self) -> None:
        """Note that a GET has come, which is to be answered now or later."""
        self._machine.begin_poll(self._server.ticker.clock())  # a tick that is planned before finds nothing to do

    def end_poll(self, answer_bytes: int) -> None:
        """Note that it is answered, with so many bytes; the client has to ask again."""
        self._machine.end_poll(self._server.ticker.clock(), answer_bytes)
        if self.is_open:
            self._plan_tick()

    @property
    def unread(self) -> int:
        """The memory of what waits for the client's next poll, in bytes."""
        return 0 if self.polling is None else self.polling.charged

    # Upgrade

    @property
    def is_upgrading(self) -> bool:
        """Whether a WebSocket is trying to take over."""
        return self._upgrade is not None

    def try_upgrade(self) -> UpgradeAttempt:
        """Return the receiver for a WebSocket that tries to take over from polling."""
        self._upgrade = UpgradeAttempt(self, self._server.ticker, self._server.settings.upgrade_timeout_s)
        if self.polling is not None:
            self.polling.let_post_go_on()
        return self._upgrade

    def end_pending_poll(self) -> None:
        """Answer a pending GET with a noop, so that the client can go on with its upgrade."""
        if self.polling is not None and self.polling.waiting:
            self.polling.send(engineio.NOOP)

    def step_upgrade(self, event: SessionEvent) -> Action:
        """Feed what happened to the candidate to the table of states; return the action."""
        action = self._machine.step(event)
        if event is SessionEvent.CANDIDATE_LOST or action in (Action.DROP_CANDIDATE, Action.SWITCH):
            self._upgrade = None
            if self.is_open:
                self._plan_tick()  # it has to poll again
        return action

    def switch(self, connection: WebSocketConnection) -> None:
        """Move the session from polling to a WebSocket, with all that waits for a poll."""
        polling = self.polling
        assert polling is not None
        connection.hand_over(self)
        unsent = polling.empty_out()
        self.end_pending_poll()
        self.polling, self._connection = None, connection
        if unsent:
            for packet in engineio.decode_payload(unsent):
                connection.send(binary_frame(packet.data) if packet.binary else text_frame(packet.data))
        self._machine.restart_heartbeat(self._server.ticker.clock())
        self._plan_tick()
        self._app.transport_changed()

    # The clock

    def tick(self, now: float) -> None:
        """Do what is due: the application's alarm, a ping, or the end when a pong did not come."""
        if self._alarm_at is not None and now >= self._alarm_at:
            self._alarm_at = None
            self._app.alarm()
        carrier = self._connection or self.polling
        if carrier is not None and carrier.held and self._machine.awaits_pong:
            self._machine.restart_heartbeat(now)  # the pong may lie unread behind what it asked for
        if not self._ended:
            is_poll_overdue = self.polling is not None and self._machine.is_poll_overdue(now)
            action = self._machine.tick(now)
            if action is _PING:
                self._ping()
            elif action is _END:
                if is_poll_overdue:
                    self._server.note("poll-timeout", "a session that does not poll", self.find_peer)
                else:
                    self._server.note("ping-timeout", "no pong in time", self.find_peer)
                self.close(engineio.NOOP)
        self._plan_tick()

    def expire(self) -> None:
        """Do what is due before a request is served: a session that is overdue is gone, though no tick has come yet."""
        self.tick(self._server.ticker.clock())

    def _ping(self) -> None:
        connection = self._connection
        if connection is None:
            self.send_text(engineio.PING)
        elif not connection.blocked:
            connection.awaited = engineio.PONG
            connection.write(_PING_FRAME)
        # A ping behind a full socket would come too late to be answered. Taking bytes is a sign of life as well, so
        # the socket has until the deadline of the pong to take some.
        self._stalled = connection is not None and connection.blocked

    def _plan_tick(self) -> None:
        if self._ended:
            return
        deadline = self._machine.deadline
        if self._alarm_at is not None and self._alarm_at < deadline:
            deadline = self._alarm_at
        self._server.ticker.set(self, deadline)

    # Ends

    def refuse(self, detail: str) -> None:
        """End the session, since a packet was bad."""
        self._server.note("bad-packet", detail, self.find_peer)
        self.close()

    def _end(self) -> None:
        self._ended = True
        self._server.sessions.pop(self.sid, None)
        self._server.ticker.clear(self)
        try:
            if self._upgrade is not None:
                self._upgrade.drop()
            if self.polling is not None:
                self.polling.end()
        finally:
            self.place.leave()
            self._app.closed()
