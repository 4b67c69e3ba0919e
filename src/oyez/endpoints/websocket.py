"""The raw WebSocket door of listeners: JSON commands in, events out, and nothing that nobody asked for.

Knows this dialect's listeners. Must not know posters, nor how frames travel.
"""

from collections.abc import Sequence

from oyez.access.peer import Noted
from oyez.access.places import NoPlace, SessionPlace
from oyez.access.work import weigh_filter
from oyez.endpoints.context import DoorContext, admit
from oyez.endpoints.encodings import RAW_FRAMES
from oyez.endpoints.listener import ListenerSession
from oyez.endpoints.refusals import refuse
from oyez.endpoints.settings import WebsocketSettings
from oyez.hub.history import Gap
from oyez.hub.publication import Channel
from oyez.hub.subscriber import Subscription
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.websocket.connection import FrameReceiver, WebSocketConnection
from oyez.wire import commands, raw_commands
from oyez.wire.commands import CommandError
from oyez.wire.raw_commands import RawCommand
from oyez.wire.websocket import PING_FRAME, text_frame

# https://www.iana.org/assignments/websocket: the service is restarted. DMOJ's and VNOJ's lists of submissions take 1001
# for their own leaving, and would not say that they get nothing any more; for other codes they offer to load anew.
_SERVICE_RESTART = 1012

_FORBIDDEN = Refusal(403, "Forbidden", b'{"code":"forbidden","message":"Pages of this origin may not listen"}')


class WebSocketEndpoint:
    """What all listeners of the door share."""

    def __init__(self, context: DoorContext, settings: WebsocketSettings) -> None:
        self.context = context
        self.settings = settings

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Decide on a handshake: by the origin of its page, and by whether there is room for a listener."""
        context = self.context
        find_peer = context.peers.of_handshake_at_need(handshake)
        if not context.origins.allows(handshake.first(b"origin")):
            context.note("bad-handshake", "a page of an origin that may not listen", find_peer)
            return _FORBIDDEN
        place = context.places.take_listener(find_peer, "a WebSocket")
        return refuse(place) if isinstance(place, NoPlace) else RawListener(self, place)


class RawListener:
    """One connection: the receiver of its frames, and the hub's subscriber."""

    __slots__ = (
        "_connection",
        "_endpoint",
        "_listener",
        "_notify",
        "_pinged",
        "_place",
        "_wants_position",
        "max_message_bytes",
        "tick_slot",
    )

    def __init__(self, endpoint: WebSocketEndpoint, place: SessionPlace) -> None:
        self._endpoint = endpoint
        self._place = place
        self._connection: WebSocketConnection | None = None
        self._listener: ListenerSession | None = None
        self._notify = False
        self._wants_position = False
        self._pinged = False
        self.max_message_bytes = endpoint.context.limits.max_receiver_message_bytes
        self.tick_slot = 0

    # What the connection asks for

    def opened(self, connection: WebSocketConnection) -> None:
        """Subscribe to nothing yet: the first set-filter says to what."""
        self._connection = connection
        connection.place = self._place
        subscription = Subscription(self, RAW_FRAMES, connection.write, self._place.ration)
        context = self._endpoint.context
        self._listener = ListenerSession(context, subscription)
        self._plan_tick(self._endpoint.settings.ping_interval_s)

    def receive_text(self, data: bytes) -> None:
        """Carry out a command that came as text."""
        self._take(raw_commands.parse_command(data))

    def receive_binary(self, data: bytes) -> None:
        """Carry out a command of a client that does not tell text from bytes."""
        self._take(raw_commands.parse_bytes(data))

    def _take(self, command: RawCommand | CommandError) -> None:
        if isinstance(command, CommandError):
            self._refuse(command)
        elif command.name == "set_filter":
            self._set_filter(command)
        elif command.name == "start_msg":
            if self._listener is not None:
                self._listener.start_from(command.members)
        else:
            self._refuse(raw_commands.bad_command(command.name))

    def drained(self) -> None:
        """Go on with what the listener missed while its socket was full."""
        if self._listener is not None:
            self._endpoint.context.hub.resume(self._listener.subscription)

    def lost(self) -> None:
        """Unsubscribe, and free the seat: the connection has ended."""
        self._connection = None
        self._endpoint.context.ticker.clear(self)
        self._place.leave()
        if self._listener is not None:
            self._listener.end()
            self._listener = None

    def leave(self) -> None:
        """Close with 1012, at which pages offer to load anew."""
        if self._connection is not None:
            self._connection.close(_SERVICE_RESTART)

    # What the hub asks for

    def send_status(self, recovered: bool | None, gaps: Sequence[Gap]) -> None:
        """Answer set-filter, if the client asked for that by ``notify``; those of old would take it for an event.

        The answer is ``{"status":"success","recovered":true}``, with ``"id":7`` for who asked for its position.
        """
        if self._notify and self._listener is not None:
            answer = commands.encode_subscribed(recovered)
            if self._wants_position:
                answer = raw_commands.encode_position(answer, self._listener.subscription.position)
            self._send(answer)
        for gap in gaps:
            self.send_gap(gap)

    def send_gap(self, gap: Gap) -> None:
        """Send ``{"status":"gap","channel":"a","from":5,"oldest":9}``, if the client asked for notices."""
        if self._notify:
            self._send(raw_commands.encode_gap_notice(gap.channel, gap.after, gap.oldest))

    def send_revoked(self, channel: Channel, reason: str) -> None:
        """Send ``{"status":"revoked","channel":"a","reason":"expired"}``, if the client asked for notices."""
        if self._notify:
            self._send(raw_commands.encode_revoked_notice(channel, reason))

    def cut_off(self) -> None:
        """Let the link break: its client comes back."""
        if self._connection is not None:
            self._connection.abort()

    # Commands

    def _set_filter(self, command: RawCommand) -> None:
        limits, gate = self._endpoint.context.limits, self._endpoint.context.gate
        names = raw_commands.parse_filter(
            command,
            max_channels=limits.max_subscriptions,
            max_length=limits.max_channel_length,
            measure=None if gate is None else gate.measure,
        )
        admitted = names if isinstance(names, CommandError) else admit(gate, names)
        if isinstance(admitted, CommandError):
            self._refuse(admitted)
            if not isinstance(names, CommandError):
                self._place.add_work(weigh_filter(len(names), 0))  # each was judged
        elif self._listener is not None:
            self._notify = raw_commands.wants_notices(command)
            self._wants_position = raw_commands.wants_position(command)
            tell = self._tell_listeners if raw_commands.wants_presence(command) else None
            self._place.add_work(self._listener.set_filter(admitted, tell))

    def _tell_listeners(self, channel: str, count: int) -> None:
        """Send ``{"status":"listeners","channel":"a","count":3}``."""
        self._send(raw_commands.encode_listeners_notice(channel, count))

    def _refuse(self, error: CommandError) -> None:
        self._endpoint.context.note("refused-command", error.code, self._name())
        self._send(error.encode())

    def _name(self) -> Noted | None:
        return None if self._connection is None else self._connection.name_peer(self._place.address)

    def _send(self, text: bytes) -> None:
        if self._connection is not None:
            self._connection.send(text_frame(text))

    # The clock

    def tick(self, now: float) -> None:
        """Send a ping, or see whether there was a sign of life since."""
        connection, settings = self._connection, self._endpoint.settings
        if connection is None:
            return
        if self._pinged and not (connection.heard or connection.held):
            self._endpoint.context.note("ping-timeout", "no pong in time", self._name())
            connection.close()
        elif self._pinged:
            self._pinged = False
            self._plan_tick(max(settings.ping_interval_s - settings.ping_timeout_s, 0))
        else:
            self._pinged, connection.heard = True, False
            if not connection.blocked:  # else it would come too late; taking bytes is a sign of life as well
                connection.send(PING_FRAME)
            self._plan_tick(settings.ping_timeout_s)

    def _plan_tick(self, delay_s: float) -> None:
        ticker = self._endpoint.context.ticker
        ticker.set(self, ticker.clock() + delay_s)
