"""Open links on which messages go both ways; what comes has to be what was expected next, or Mismatch is raised.

Knows how the raw dialect and Socket.IO write commands, answers and events. Must not know what should be answered.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from oyez.contract import expect
from oyez.contract.expect import Mismatch
from oyez.probe.dialer import STEP_S
from oyez.probe.failures import Closed, NotConnected, NotOpened, Trouble
from oyez.probe.place import Place
from oyez.probe.raw import RawSession
from oyez.probe.socketio import Dial, Session
from oyez.probe.websocket import WebSocket
from oyez.wire import engineio
from oyez.wire.socketio import PacketType
from oyez.wire.socketio_client import Received

ENDS = (Closed, NotConnected, NotOpened)
"""How a session ends, or does not begin."""

JOINED = '40{"sid":…}'
REFUSED = "a refusal (44…)"
_HANDSHAKE = '0{"sid":…,"upgrades":[…],"pingInterval":…,"pingTimeout":…,"maxPayload":…}'

# A server may say more than that (Oyez has `gap`); clients have to ignore what they do not know.
_KNOWN = frozenset(f"the event {name!r}" for name in ("message", "status", "last-response", "post-response", "error"))


class RawLink(RawSession):
    """A raw WebSocket: commands, answers and events are objects. Each wait is as long as a step may take."""

    def __init__(self, link: WebSocket, step_s: float = STEP_S) -> None:
        super().__init__(link)
        self._step_s = step_s

    def hear(self, reply: str = "") -> dict[str, object]:
        """Return the next frame; `reply` is what it answers."""
        return expect.object_of(
            receive(self.transport, self._step_s), f"a reply to {reply}" if reply else "a JSON object"
        )

    def ask(self, command: str, **members: object) -> dict[str, object]:
        """Send a command and return its reply."""
        self.say(command, **members)
        return self.hear(command)

    def follow(self, channels: Sequence[str], start: object = None) -> None:
        """Set a filter. Success is silent: without an id, the answer to something else shows that it is set."""
        self.subscribe(channels, start)
        if start is None:
            expect.equal(self.rest(), [])

    def take_event(self) -> dict[str, object]:
        """Return the next frame, which should be an event."""
        return self.hear()

    def rest(self) -> list[object]:
        """Return all frames that are under way: what is asked now is answered behind them."""
        self.say("no-such-command")
        frames: list[object] = []
        while (frame := self.hear()).get("code") != "bad-command":
            frames.append(frame)
        return frames


def receive(link: WebSocket, step_s: float = STEP_S) -> str:
    """Wait for the next text frame. Raises Trouble, and Closed in words with the code alone."""
    link.allow(step_s)
    try:
        return link.receive()
    except Closed as error:
        raise Closed(f"the WebSocket was closed with {error.code}", error.code) from error


class ReadPacket(NamedTuple):
    """A packet of Socket.IO: what it is, in words, and its arguments or its payload."""

    name: str
    values: Sequence[object]
    text: str

    def value(self, name: str, expected: str = "") -> object:
        """Return the only value of the packet of this name, or raise Mismatch."""
        expect.that(self.name == name, expected or name, self.text)
        expect.that(len(self.values) == 1, "one argument", self.text)
        return self.values[0]


class SocketIOLink:
    """A session of Socket.IO. Each wait is as long as a step may take."""

    def __init__(self, session: Session, step_s: float) -> None:
        self.session = session
        session.patience_s = step_s

    def join(self, auth: object = None, answer: str = JOINED, expected: str = "", *, namespace: str = "") -> object:
        """Ask to join; returns the payload of the answer, which has to be of this name."""
        self.session.join(auth, namespace=namespace)
        return self.take("an answer to CONNECT").value(answer, expected)

    def say(self, command: str, **members: object) -> None:
        """Send a command as an event, its members as the argument."""
        self.session.emit(command, *_arguments(command, members))

    def call(self, command: str, **members: object) -> object:
        """Send a command; returns what acknowledges it."""
        return self.hear_ack(self.session.ask(command, *_arguments(command, members)))

    def hear_ack(self, number: int) -> object:
        """Return the acknowledgement of this number."""
        expected = f"the acknowledgement {number}"
        return self.take_known(expected).value(expected)

    def hear(self, reply: str) -> object:
        """Return the argument of the next event, which has to be of this name."""
        expected = f"the event {reply!r}"
        return self.take_known(expected).value(expected)

    def follow(self, channels: Sequence[str], start: object = None) -> dict[str, object]:
        """Set a filter, behind an id if one is given; returns the status."""
        self.session.subscribe(channels, start)
        if start is not None:
            expect.success(self.hear("status"))
        return expect.success(self.hear("status"))

    def take_event(self) -> object:
        """Return the next event of a channel."""
        return self.hear("message")

    def rest(self) -> list[object]:
        """Return all events that are under way: what is asked now is answered behind them."""
        self.say("last-msg")
        events: list[object] = []
        while (message := self.take_known("messages, then the event 'last-response'")).name == "the event 'message'":
            events.append(message.value(message.name))
        message.value("the event 'last-response'")
        return events

    def take(self, expected: str) -> ReadPacket:
        """Return the next packet of Socket.IO, known or not."""
        try:
            received = self.session.receive()
        except (*ENDS, Trouble) as error:
            raise Mismatch(expected, _words(error)) from error
        if received.type == engineio.CLOSE:
            raise Mismatch(expected, received.text) from NotConnected("the daemon ended the session")
        try:
            return _read(received)
        except (ValueError, RecursionError) as error:
            raise Mismatch(expected, received.text) from error

    def take_known(self, expected: str) -> ReadPacket:
        """Return the next packet that is no event of which the contract does not know."""
        while (message := self.take(expected)).name.startswith("the event ") and message.name not in _KNOWN:
            pass
        return message


Link = RawLink | SocketIOLink


@contextmanager
def socketio_opened(place: Place, dial: Dial, step_s: float) -> Iterator[SocketIOLink]:
    """Open a session. Raises Mismatch unless it begins with a handshake; NotOpened, Trouble."""
    with ExitStack() as opened:
        try:
            session = opened.enter_context(dial(place, limit_s=step_s))
        except NotOpened as error:
            expect.that(error.answer.status != 200, _HANDSHAKE, error.answer.body.partition("\x1e")[0])
            raise
        expect.that(session.handshake is not None, _HANDSHAKE, session.opening.text)
        yield SocketIOLink(session, step_s)


def _arguments(command: str, members: dict[str, object]) -> list[object]:
    return [] if command == "last-msg" else [members]


def _read(received: Received) -> ReadPacket:
    packet = received.packet
    if packet is None:
        raise ValueError(received.error)
    where = "" if packet.namespace == "/" else f" in {packet.namespace}"
    if packet.type in (PacketType.CONNECT, PacketType.CONNECT_ERROR):
        name = JOINED if packet.type is PacketType.CONNECT else REFUSED
        return ReadPacket(name + where, [json.loads(received.payload or "null")], received.text)
    name = f"the event {packet.event!r}" if packet.type is PacketType.EVENT else f"the acknowledgement {packet.ack_id}"
    return ReadPacket(name + where, [json.loads(bytes(arg)) for arg in packet.args or ()], received.text)


def _words(error: Exception) -> str:
    if isinstance(error, Closed):
        return f"the WebSocket was closed with {error.code}"
    answer = getattr(error, "answer", None)
    return f"HTTP status {answer.status}: {answer.body or 'nothing'}" if answer else str(error)
