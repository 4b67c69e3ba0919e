"""The Socket.IO door: roles, events, acknowledgements and errors (docs/reference/protocol.md), for the hub.

Knows what every event of the default namespace means. Must not know how packets travel.
"""

import logging
from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import partial
from random import uniform

from oyez.access.keys import KeyHolder
from oyez.access.poster_check import Denial, HeldAttempt, PosterCheck
from oyez.access.work import GUESS, weigh_filter
from oyez.endpoints.context import DoorContext, admit
from oyez.endpoints.encodings import SOCKETIO_FRAMES, SOCKETIO_PACKETS
from oyez.endpoints.listener import ListenerSession
from oyez.errors import BrokerError
from oyez.hub.history import Gap
from oyez.hub.publication import Channel, EventId, Post
from oyez.hub.subscriber import Subscription
from oyez.net.engineio.session import EngineSession
from oyez.net.engineio.session_id import new_session_id
from oyez.net.engineio.settings import SocketioSettings
from oyez.wire import commands, engineio, json_text, plain_posts, raw_commands, socketio
from oyez.wire.commands import CommandError
from oyez.wire.json_text import Json
from oyez.wire.socketio import Packet, PacketType
from oyez.wire.socketio_server import PacketReader

logger = logging.getLogger(__name__)

NAMESPACE = "/"
_JOINED = frozenset((NAMESPACE,))  # there is no other, see `_connect`

# What each packet is asked for: Python 3.11 looks a member of an Enum up by a function.
_EVENT, _BINARY_EVENT, _CONNECT = PacketType.EVENT, PacketType.BINARY_EVENT, PacketType.CONNECT

# A listener that finds no room comes back by itself once its transport is closed, within a second or two. So it is
# held for a while first, or all that were refused would connect again and again.
_HOLD_AT_CAPACITY_S = (15.0, 45.0)


class Role(Enum):
    """What a session may do."""

    __hash__ = object.__hash__  # a member is the same object everywhere; Enum's own hash is a call of Python

    NOBODY = auto()
    LISTENER = auto()
    SENDER = auto()
    WAITING = auto()  # connected at capacity: told so, and closed after a while


class SocketIOEndpoint:
    """What all sessions of the door share: settings, and counts for metrics.

    Attributes:
        senders: sessions that may post.
    """

    def __init__(self, context: DoorContext, settings: SocketioSettings, check: PosterCheck) -> None:
        self.hub = context.hub
        self.limits = context.limits
        self.note = context.note
        self.context = context
        self.settings = settings
        self.check = check
        self.senders = 0

    def open_app(self, engine: EngineSession) -> "SocketIOApp":
        """Make the application of a new Engine.IO session."""
        return SocketIOApp(self, engine)


class SocketIOApp:
    """One session: the application on an Engine.IO session, and the hub's subscriber."""

    __slots__ = (
        "_endpoint", "_engine", "_failures", "_held", "_holder", "_listener", "_packets", "_role",
    )  # fmt: skip

    def __init__(self, endpoint: SocketIOEndpoint, engine: EngineSession) -> None:
        self._endpoint = endpoint
        self._engine = engine
        self._packets = PacketReader()
        self._role = Role.NOBODY
        self._failures = 0
        self._held: HeldAttempt | None = None  # of a sender
        self._holder: KeyHolder | None = None  # of a sender
        self._listener: ListenerSession | None = None
        engine.set_alarm(endpoint.settings.connect_timeout_s)

    # What Engine.IO asks for

    @property
    def max_message_bytes(self) -> int:
        """Longest message that the peer may send now."""
        limits = self._endpoint.limits
        return limits.max_sender_message_bytes if self._engine.place.is_poster else limits.max_receiver_message_bytes

    def receive_text(self, data: bytes) -> None:
        """Parse a packet and carry it out, or keep it until its attachments have come.

        Raises:
            ProtocolError: it is none, or none is due.
        """
        holder = self._holder
        if holder is not None and self._packets.pending is None:
            post = plain_posts.read_packet(data)
            if post is not None and self._take_plain_post(holder, *post):
                return
        packet = self._packets.receive_text(data)
        if packet is not None:
            self._take(packet)

    def receive_binary(self, data: bytes) -> None:
        """Carry out the packet that waited for this attachment, if it was the last one.

        Those of whoever may not post are counted, and not kept: nothing that a listener asks for needs them.

        Raises:
            ProtocolError: no attachment is due.
        """
        packet = self._packets.receive_binary(data if self._role is Role.SENDER else b"")
        if packet is not None:
            self._take(packet)

    def transport_changed(self) -> None:
        """Go on over the WebSocket."""
        if self._listener is not None:
            self._endpoint.hub.move(self._listener.subscription, SOCKETIO_FRAMES, self._engine.write)

    def drained(self) -> None:
        """Go on with what the listener missed while its socket was full."""
        if self._listener is not None:
            self._endpoint.hub.resume(self._listener.subscription)

    def alarm(self) -> None:
        """No CONNECT came in time, or the wait at capacity is over: close the transport, without a DISCONNECT."""
        if self._role is Role.NOBODY:
            self._endpoint.note("connect-timeout", "no CONNECT in time", self._engine.find_peer)
        self._engine.close(engineio.NOOP)

    def closed(self) -> None:
        """Unsubscribe, and free the seat: the session has ended."""
        if self._held is not None:
            self._held.give_up()
        self._leave()

    # What the hub asks for

    def send_status(self, recovered: bool | None, gaps: Sequence[Gap]) -> None:
        """Emit ``status`` with ``{"status":"success","recovered":true}``, and ``gap`` for each channel that has one."""
        self._emit("status", commands.encode_subscribed(recovered))
        for gap in gaps:
            self.send_gap(gap)

    def send_gap(self, gap: Gap) -> None:
        """Emit ``gap`` with ``{"channel":"a","from":5,"oldest":9}``; clients of old ignore the event."""
        self._emit("gap", commands.encode_gap(gap.channel, gap.after, gap.oldest))

    def send_revoked(self, channel: Channel, reason: str) -> None:
        """Emit ``revoked`` with ``{"channel":"a","reason":"expired"}``."""
        self._emit("revoked", commands.encode_revoked(channel, reason))

    def cut_off(self) -> None:
        """Let the connection break: without a DISCONNECT its client comes back."""
        self._engine.abort()

    # Packets

    def _take(self, packet: Packet) -> None:
        kind = packet.type
        if kind is _EVENT or kind is _BINARY_EVENT:
            handler = _HANDLERS[self._role].get(packet.event)
            if handler is not None:
                handler(self, packet)
        elif kind is _CONNECT:
            self._connect(packet)
        elif kind is PacketType.DISCONNECT:
            self._packets.joined -= {packet.namespace}
            self._leave()
            if not self._packets.joined:
                self._engine.set_alarm(self._endpoint.settings.connect_timeout_s)

    def _connect(self, packet: Packet) -> None:
        if packet.namespace != NAMESPACE:
            self._engine.send_text(socketio.encode_connect_error("Invalid namespace", packet.namespace))
            return
        if self._held is not None:  # the newer attempt counts
            self._held.give_up()
            self._stop_holding()
        credentials = json_text.split_object(packet.auth) if packet.auth is not None else {}
        role = json_text.decode_string(credentials["role"]) if "role" in credentials else None
        if role == "sender":
            self._connect_sender(credentials.get("token"))
        else:
            self._connect_listener()

    def _connect_sender(self, token: Json | None) -> None:
        given = json_text.decode_string(token) if token is not None else None
        outcome = self._endpoint.check.judge(given, self._engine.find_peer(), self._failures)
        if isinstance(outcome, HeldAttempt):
            self._held = outcome
            self._engine.set_alarm(None)
            outcome.then(self._end_connect)
        else:
            self._end_connect(outcome)

    def _end_connect(self, outcome: KeyHolder | Denial) -> None:
        if self._held is not None:
            self._stop_holding()
        if isinstance(outcome, Denial):
            words = "Authentication failed" if outcome.judged else raw_commands.ADDRESS_WAITS.message
            self._engine.send_text(socketio.encode_connect_error(words))
            self._failures += outcome.judged
            if outcome.cut_off:
                self._engine.place.add_work(GUESS)
                self._engine.close()
            return
        self._failures = 0
        self._engine.place.become_poster(outcome)
        self._role = Role.SENDER
        self._holder = outcome
        self._endpoint.senders += 1
        self._join()  # last: an answer may be one too many for the transport, and the session's end

    def _connect_listener(self) -> None:
        endpoint = self._endpoint
        if self._engine.place.take_seat(self._engine.find_peer) is not None:
            self._role = Role.WAITING
            self._join()
            self._refuse(commands.AT_CAPACITY)
            self._engine.set_alarm(uniform(*_HOLD_AT_CAPACITY_S))  # noqa: S311 - spread, not secret
            return
        self._role = Role.LISTENER
        encoding = SOCKETIO_FRAMES if self._engine.polling is None else SOCKETIO_PACKETS
        subscription = Subscription(self, encoding, self._engine.write, self._engine.place.ration)
        self._listener = ListenerSession(endpoint.context, subscription)
        self._join()

    def _join(self) -> None:
        self._packets.joined = _JOINED
        self._engine.set_alarm(None)
        self._engine.send_text(socketio.encode_connect(new_session_id()))

    def _leave(self) -> None:
        """Become nobody again; harmless to repeat."""
        if self._role is Role.LISTENER:
            self._engine.place.leave_seat()
        elif self._role is Role.SENDER:
            self._endpoint.senders -= 1
            self._engine.place.stop_posting()
        self._role = Role.NOBODY
        self._holder = None
        if self._listener is not None:
            self._listener.end()
            self._listener = None

    def _stop_holding(self) -> None:
        self._held = None
        self._engine.set_alarm(self._endpoint.settings.connect_timeout_s)

    # Events of a sender

    def _post(self, packet: Packet) -> None:
        holder = self._holder
        assert holder is not None
        command = commands.parse_post(_argument(packet))
        if command is None or not commands.is_channel(command.channel, self._endpoint.limits.max_channel_length):
            self._endpoint.note("refused-command", commands.INVALID_CHANNEL_IN_POST.code, self._engine.find_peer)
            self._answer(packet.ack_id, "error", commands.INVALID_CHANNEL_IN_POST.encode())
            return
        if holder.channels is not None and not holder.may_post(command.channel):
            self._endpoint.note("may-not-post", f"{holder} is not for the channel", self._engine.find_peer)
            self._answer(packet.ack_id, "error", commands.MAY_NOT_POST.encode())
            return
        post = Post(Channel(command.channel), command.message, packet.attachments)
        ack_id = None if packet.ack_id is None else b"%d" % packet.ack_id
        self._endpoint.hub.publish((post,), partial(self._settle, ack_id, holder))

    def _take_plain_post(self, holder: KeyHolder, ack_id: bytes, channel: str, message: bytes) -> bool:
        """Publish a post of the plainest form, as `_post` would; False: there is something to be said against it."""
        endpoint = self._endpoint
        if not (channel.isascii() and 0 < len(channel) <= endpoint.limits.max_channel_length):
            return False  # or it has to be counted in another way
        if holder.channels is not None and not holder.may_post(channel):
            return False
        endpoint.hub.publish((Post(Channel(channel), message),), partial(self._settle, ack_id, holder))
        return True

    def _settle(self, ack_id: bytes | None, holder: KeyHolder, outcome: list[EventId] | BrokerError) -> None:
        try:
            if isinstance(outcome, BrokerError):
                self._answer(None if ack_id is None else int(ack_id), "error", commands.UNAVAILABLE.encode())
                return
            holder.posts += 1
            if ack_id is not None:
                self._engine.answer(plain_posts.encode_ack(ack_id, outcome[0]))
            else:
                self._answer(None, "post-response", commands.success_with_id(outcome[0]))
        except Exception:  # it would wait for its answer for ever
            logger.exception("a poster is cut off, since it cannot be answered, after an error of ours")
            self._engine.abort()

    def _answer_last_id(self, packet: Packet) -> None:
        answer = commands.success_with_id(self._endpoint.hub.last_id())
        self._answer(packet.ack_id, "last-response", answer)

    def _answer_caller(self, packet: Packet) -> None:
        peer = self._engine.find_peer()
        address = None if peer.address is None else str(peer.address)
        answer = commands.success_with_caller(address, peer.socket, peer.proxy.value, peer.doubt)
        self._answer(packet.ack_id, "who-am-i-response", answer)

    def _answer(self, ack_id: int | None, event: str, answer: bytes) -> None:
        """Acknowledge if that was asked for, else emit an event."""
        if ack_id is None:
            self._engine.answer(socketio.encode_event(event, answer))
        else:
            self._engine.answer(socketio.encode_ack(ack_id, (answer,)))

    # Events of a listener: answered by events, never acknowledged

    def _start_from(self, packet: Packet) -> None:
        if self._listener is not None:
            self._listener.start_from(_argument(packet))
            self._emit("status", commands.SUCCESS)

    def _set_filter(self, packet: Packet) -> None:
        if self._listener is not None:
            limits, context = self._endpoint.limits, self._endpoint.context
            gate = context.gate
            names = commands.parse_filter(
                _argument(packet),
                max_channels=limits.max_subscriptions,
                max_length=limits.max_channel_length,
                measure=None if gate is None else gate.measure,
            )
            admitted = names if isinstance(names, CommandError) else admit(gate, names)
            if isinstance(admitted, CommandError):
                self._refuse(admitted)
                if not isinstance(names, CommandError):
                    self._engine.place.add_work(weigh_filter(len(names), 0))  # each was judged
            else:
                wants_counts = context.presence is not None and commands.wants_presence(_argument(packet))
                tell = self._tell_listeners if wants_counts else None
                self._engine.place.add_work(self._listener.set_filter(admitted, tell))

    def _tell_listeners(self, channel: str, count: int) -> None:
        """Emit ``listeners`` with ``{"channel":"a","count":3}``."""
        self._emit("listeners", commands.encode_listeners(channel, count))

    def _emit_last_id(self, packet: Packet) -> None:
        self._emit("last-response", commands.success_with_id(self._endpoint.hub.last_id()))

    def _refuse_post(self, packet: Packet) -> None:
        self._refuse(commands.UNAUTHORIZED)

    def _refuse(self, error: CommandError) -> None:
        self._endpoint.note("refused-command", error.code, self._engine.find_peer)
        self._emit("error", error.encode())

    def _emit(self, event: str, argument: bytes) -> None:
        self._engine.send_text(socketio.encode_event(event, argument))


def _argument(packet: Packet) -> Json | None:
    """Return an event's first argument; what follows it is ignored."""
    return packet.args[0] if packet.args else None


# An event that is not here is ignored, and not acknowledged either.
_HANDLERS: dict[Role, dict[str | None, Callable[[SocketIOApp, Packet], None]]] = {
    Role.NOBODY: {},
    Role.WAITING: {},
    Role.SENDER: {
        "post": SocketIOApp._post,
        "last-msg": SocketIOApp._answer_last_id,
        "who-am-i": SocketIOApp._answer_caller,
    },
    Role.LISTENER: {
        "start-msg": SocketIOApp._start_from,
        "set-filter": SocketIOApp._set_filter,
        "last-msg": SocketIOApp._emit_last_id,
        "post": SocketIOApp._refuse_post,
    },
}
