"""The raw WebSocket door of posters: one reply for each command, in order, and never anything else.

Knows this dialect's posters: they wait for exactly one frame, without a time-out. Must not know listeners.
"""

import logging
from collections import deque
from functools import partial

from oyez.access.keys import KeyHolder
from oyez.access.peer import FindPeer
from oyez.access.places import NoPlace, SessionPlace
from oyez.access.poster_check import Denial, HeldAttempt, PosterCheck
from oyez.access.work import GUESS
from oyez.endpoints.context import DoorContext
from oyez.endpoints.refusals import refuse
from oyez.endpoints.settings import WebsocketSettings
from oyez.errors import BrokerError, ProtocolError
from oyez.hub.publication import Channel, EventId, Post
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.websocket.connection import FrameReceiver, WebSocketConnection
from oyez.wire import commands, plain_posts, raw_commands
from oyez.wire.commands import CommandError
from oyez.wire.raw_commands import RawCommand
from oyez.wire.websocket import text_frame

logger = logging.getLogger(__name__)

# A poster has events that wait; there may be room in a moment.
_RETRY_AFTER_S = 1

# A poster waits for each reply. One that does not, while the store is slow, is cut off before it costs memory.
_MOST_UNANSWERED = 1000


class PostingEndpoint:
    """What all posters of the door share: settings, and counts for metrics.

    Attributes:
        posters: connections that may post.
    """

    def __init__(self, context: DoorContext, settings: WebsocketSettings, check: PosterCheck) -> None:
        self.context = context
        self.settings = settings
        self.check = check
        self.posters = 0

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Take a poster that has to show the key."""
        return self._admit(self.context.peers.of_handshake(handshake), needs_key=True)

    def admit_trusted(self, handshake: Handshake) -> FrameReceiver | Refusal:
        """Take a poster on an address that only this machine reaches: the key is asked of those who might be others."""
        find_peer = self.context.peers.of_handshake(handshake)
        return self._admit(find_peer, needs_key=not find_peer().local)

    def _admit(self, find_peer: FindPeer, *, needs_key: bool) -> FrameReceiver | Refusal:
        place = self.context.places.take(find_peer, "a WebSocket")
        if isinstance(place, NoPlace):
            return refuse(place._replace(retry_after_s=min(place.retry_after_s, _RETRY_AFTER_S)))
        return RawPoster(self, find_peer, place, needs_key=needs_key)


class RawPoster:
    """One connection: the receiver of its frames."""

    __slots__ = (
        "_connection",
        "_endpoint",
        "_failures",
        "_find_peer",
        "_held",
        "_held_slot",
        "_holder",
        "_leaving",
        "_needs_key",
        "_place",
        "_unanswered",
        "tick_slot",
    )

    def __init__(self, endpoint: PostingEndpoint, find_peer: FindPeer, place: SessionPlace, *, needs_key: bool) -> None:
        self._endpoint = endpoint
        self._place = place
        self._find_peer = find_peer
        self._needs_key = needs_key
        self._holder: KeyHolder | None = None  # of whoever may post
        self._held: HeldAttempt | None = None
        self._held_slot: list[bytes] | None = None
        self._failures = 0
        self._connection: WebSocketConnection | None = None
        self._unanswered: deque[list[bytes]] = deque()  # a slot for each command; when filled, its reply
        self._leaving = False
        self.tick_slot = 0
        self._set_holder(None if needs_key else endpoint.check.keyless)

    # What the connection asks for

    @property
    def max_message_bytes(self) -> int:
        """Longest message that the poster may send now."""
        limits = self._endpoint.context.limits
        return limits.max_sender_message_bytes if self._place.is_poster else limits.max_receiver_message_bytes

    def opened(self, connection: WebSocketConnection) -> None:
        """Wait for commands, and for the key for a while, if it is needed."""
        self._connection = connection
        connection.place = self._place
        self._plan_end()

    def receive_text(self, data: bytes) -> None:
        """Carry out a command that came as text."""
        if self._holder is not None and self._take_plain_post(self._holder, data):
            return
        self._take(raw_commands.parse_command(data))

    def receive_binary(self, data: bytes) -> None:
        """Carry out a command of a client that does not tell text from bytes."""
        self._take(raw_commands.parse_bytes(data))

    def _take(self, command: RawCommand | CommandError) -> None:
        slot: list[bytes] = []
        self._unanswered.append(slot)
        if len(self._unanswered) > _MOST_UNANSWERED and self._connection is not None:
            self._endpoint.context.note("refused-command", "too many requests before their replies", self._find_peer)
            self._connection.close(1008)  # RFC 6455 §7.4.1: against the policy
            return
        if isinstance(command, CommandError):
            self._refuse(slot, command)
        elif command.name == "post":
            self._post(slot, command)
        elif command.name == "last_msg":
            self._reply_last_id(slot)
        elif command.name == "auth":
            self._authorize(slot, command)
        else:
            self._refuse(slot, raw_commands.bad_command(command.name))

    def drained(self) -> None:
        """Replies wait in the socket; nothing else does."""

    def lost(self) -> None:
        """The connection has ended; what was posted stays posted."""
        self._connection = None
        self._endpoint.context.ticker.clear(self)
        self._set_holder(None)
        self._drop_held()
        self._place.leave()

    def leave(self) -> None:
        """End once all is answered, and without a close frame.

        The library of sites' posters (websocket-client) takes such a frame for an empty reply, which raises what no
        site catches. A connection that breaks is one that they make anew.
        """
        self._leaving = True
        if self._held is not None:
            self._drop_held()
            while self._unanswered.pop() is not self._held_slot:  # and behind it there are refusals only
                pass
        if self._connection is not None and not self._unanswered:
            self._connection.hang_up()

    # Commands

    def _post(self, slot: list[bytes], command: RawCommand) -> None:
        holder = self._holder
        if holder is None:
            self._refuse_stranger(slot)
            return
        try:
            posted = commands.parse_post(command.members)
        except ProtocolError as error:
            self._refuse(slot, raw_commands.syntax_error(error))
            return
        if posted is None or not commands.is_channel(posted.channel, self._endpoint.context.limits.max_channel_length):
            self._endpoint.context.note("refused-command", commands.INVALID_CHANNEL_IN_POST.code, self._find_peer)
            self._reply(slot, raw_commands.INVALID_CHANNEL)
            return
        if holder.channels is not None and not holder.may_post(posted.channel):
            self._endpoint.context.note("may-not-post", f"{holder} is not for the channel", self._find_peer)
            self._reply(slot, commands.MAY_NOT_POST.encode())
            return
        post = Post(Channel(posted.channel), posted.message)
        self._endpoint.context.hub.publish((post,), partial(self._settle, slot, holder))

    def _take_plain_post(self, holder: KeyHolder, data: bytes) -> bool:
        """Publish a post of the plainest form, as `_take` would; False: it is for `_take`."""
        if len(self._unanswered) >= _MOST_UNANSWERED:
            return False
        try:
            post = plain_posts.read_command(data)
        except ProtocolError:
            return False
        if post is None:
            return False
        channel, message = post
        if not (
            commands.is_channel(channel, self._endpoint.context.limits.max_channel_length)
            and (holder.channels is None or holder.may_post(channel))
        ):
            return False
        slot: list[bytes] = []
        self._unanswered.append(slot)
        self._endpoint.context.hub.publish((Post(Channel(channel), message),), partial(self._settle, slot, holder))
        return True

    def _settle(self, slot: list[bytes], holder: KeyHolder, outcome: list[EventId] | BrokerError) -> None:
        try:
            if isinstance(outcome, BrokerError):
                self._reply(slot, commands.UNAVAILABLE.encode())
            else:
                holder.posts += 1
                self._reply(slot, commands.success_with_id(outcome[0]))
        except Exception:  # it would wait for its reply for ever
            logger.exception("a poster is cut off, since it cannot be answered, after an error of ours")
            if self._connection is not None:
                self._connection.abort()

    def _reply_last_id(self, slot: list[bytes]) -> None:
        if self._holder is None:
            self._refuse_stranger(slot)
        else:
            self._reply(slot, commands.success_with_id(self._endpoint.context.hub.last_id()))

    def _authorize(self, slot: list[bytes], command: RawCommand) -> None:
        endpoint, peer = self._endpoint, self._find_peer()
        if not self._needs_key and not endpoint.check.has_key:  # there is nothing to compare with, and no need to
            self._reply(slot, commands.SUCCESS)
            return
        if self._held is not None:
            self._reply(slot, raw_commands.ADDRESS_WAITS.encode())
            return
        self._set_holder(None)
        outcome = endpoint.check.judge(raw_commands.parse_key(command), peer, self._failures)
        if isinstance(outcome, HeldAttempt):
            self._held, self._held_slot = outcome, slot
            endpoint.context.ticker.clear(self)
            outcome.then(partial(self._end_authorization, slot))
        else:
            self._end_authorization(slot, outcome)

    def _end_authorization(self, slot: list[bytes], outcome: KeyHolder | Denial) -> None:
        self._held = None
        if isinstance(outcome, KeyHolder):
            self._endpoint.context.ticker.clear(self)
            self._set_holder(outcome)
            self._failures = 0
            self._reply(slot, commands.SUCCESS)
            return
        self._reply(slot, (raw_commands.AUTH_FAILED if outcome.judged else raw_commands.ADDRESS_WAITS).encode())
        self._failures += outcome.judged
        if outcome.cut_off and self._connection is not None:
            self._place.add_work(GUESS)
            self._connection.close(1008)
        else:
            self._plan_end()

    def _drop_held(self) -> None:
        if self._held is not None:
            self._held.give_up()
            self._held = None

    def _set_holder(self, holder: KeyHolder | None) -> None:
        self._endpoint.posters += (holder is not None) - (self._holder is not None)
        self._holder = holder
        if holder is not None:
            self._place.become_poster(holder)
        else:
            self._place.stop_posting()

    # Replies

    def _refuse(self, slot: list[bytes], error: CommandError) -> None:
        self._endpoint.context.note("refused-command", error.code, self._find_peer)
        self._reply(slot, error.encode())

    def _refuse_stranger(self, slot: list[bytes]) -> None:
        peer = self._find_peer()
        why = f" ({peer.doubt})" if peer.doubt else ""
        self._endpoint.context.note("refused-command", f"a post by somebody who has shown no key{why}", peer)
        self._reply(slot, raw_commands.NOT_AUTHORIZED.encode())

    def _reply(self, slot: list[bytes], text: bytes) -> None:
        """Fill a slot, and send what is complete from the front: replies keep the order of their commands."""
        slot.append(text)
        while self._unanswered and self._unanswered[0]:
            reply = self._unanswered.popleft()[0]
            if self._connection is not None:
                self._connection.answer(text_frame(reply))
        if self._leaving:
            self.leave()

    # The clock

    def tick(self, now: float) -> None:
        """End the connection: no key was shown in time."""
        if self._connection is not None and self._holder is None:
            self._endpoint.context.note("connect-timeout", "no key was shown in time", self._find_peer)
            self._connection.close(1008)

    def _plan_end(self) -> None:
        """Set the deadline of whoever may not post yet, to show the key; others may stay, silent, for ever."""
        if self._holder is None:
            ticker = self._endpoint.context.ticker
            ticker.set(self, ticker.clock() + self._endpoint.settings.auth_timeout_s)
