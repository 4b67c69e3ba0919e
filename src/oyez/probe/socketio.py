"""A Socket.IO client over a WebSocket or over polling, in a bounded time.

Knows both transports, and the way from the one to the other. Must not know what a server should answer.

    with by_websocket(place) as session:            # or by_polling(place); both raise Trouble, NotOpened
        session.enter({"role": "sender", "token": key})           # raises NotConnected
        answer = session.call("post", {"channel": "news"})        # {"status": "success", "id": 5}
        session.subscribe(["news"])
        name, body = session.event()                # "status", {"status": "success"}

Who wants to see every packet, whether right or wrong, takes these steps instead::

        session.patience_s = STEP_S                 # for each packet
        session.join({"role": "client"})
        received = session.receive()                # a `Received`: its text, its packet, or what is wrong with it
        number = session.ask("post", {"channel": "news"})
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress

from oyez.client.failures import read_object
from oyez.errors import OyezError, ProtocolError
from oyez.probe.answer import Answer
from oyez.probe.dialer import STEP_S, TimeLimit, silent
from oyez.probe.exchange import ask
from oyez.probe.failures import Kind, NotConnected, NotOpened, Trouble, WrongPacket, require_success
from oyez.probe.place import Place
from oyez.probe.websocket import WebSocket, opened
from oyez.wire import engineio
from oyez.wire.engineio import OpenPacket
from oyez.wire.json_text import Json
from oyez.wire.socketio import Packet, PacketType
from oyez.wire.socketio_client import Received, SocketIOClient, State, read_handshake, split_payload

PATH = "/socket.io/"
_ENDED = "the daemon ended the session"


def target(place: Place, transport: str, *, version: str = engineio.PROTOCOL, **query: str) -> str:
    """Return the path and query of a session, such as ``/socket.io/?EIO=4&transport=polling``."""
    fields = {"EIO": version, "transport": transport, **query}
    return f"{place.path.rstrip('/')}{PATH}?" + "&".join(f"{name}={value}" for name, value in fields.items())


class Polling:
    """The polling transport of one session, each request on a connection of its own.

    Attributes:
        opening: the answer that the session began with.
        handshake: what it says.
        target: where the session's requests go.
    """

    def __init__(self, place: Place, *, limit_s: float = STEP_S) -> None:
        """Open a session. Raises Trouble; NotOpened, if the answer is something else, whatever its status."""
        self.place = place
        self._limit = TimeLimit.of(limit_s)
        self.opening = ask(place, target(place, "polling"), limit=self._limit)
        self._packets = deque(split_payload(self.opening.body))
        try:
            self.handshake = read_handshake(self._packets[0] if self.opening.status == 200 else "")
        except ProtocolError as error:
            raise NotOpened(self.opening) from error
        self.target = target(place, "polling", sid=self.handshake.sid)

    def allow(self, seconds: float) -> None:
        """Let what is waited for take so long from now on."""
        self._limit = TimeLimit.of(seconds)

    def send(self, packet: str) -> None:
        """Send a packet in a request of its own. Raises Trouble, NotConnected, NotOpened."""
        _require_session(self.post(packet))

    def post(self, body: str, *, limit_s: float = STEP_S) -> Answer:
        """Send a body, whatever the answer. Raises Trouble."""
        headers = {"Content-Type": "text/plain;charset=UTF-8"}
        return ask(self.place, self.target, method="POST", body=body, headers=headers, limit_s=limit_s)

    def receive(self) -> str:
        """Poll until there is a packet. Raises Trouble, NotConnected, NotOpened."""
        while not self._packets:
            if not self._limit.left_s:
                raise silent(self.place, self._limit)
            answer = ask(self.place, self.target, limit=self._limit)
            self._packets.extend(split_payload(_require_session(answer).body))
        return self._packets.popleft()


def _require_session(answer: Answer) -> Answer:
    if answer.status == 400:  # Engine.IO 4: of a session that there is no more
        raise NotConnected(_ENDED, answer)
    if answer.status != 200:
        raise NotOpened(answer)
    return answer


Transport = Polling | WebSocket
"""What carries packets. Each wait ends in time, see `allow`."""


class Session:
    """One session and its namespace; what comes is read, and a ping answered, when something is waited for.

    Attributes:
        transport: carries it; another one after an upgrade.
        opening: the packet that it began with.
        patience_s: how long to wait for each packet; None leaves it to the transport.
    """

    patience_s: float | None = None

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._client = SocketIOClient()
        self.opening = self.receive()

    @property
    def handshake(self) -> OpenPacket | None:
        """What the server told at the beginning; None if that cannot be read."""
        return self._client.handshake

    def move(self, link: WebSocket) -> None:
        """Go on over a WebSocket that has answered the probe (Engine.IO 4, "Upgrade")."""
        link.send(engineio.UPGRADE.decode())
        self.transport = link

    def join(self, auth: object = None, *, namespace: str = "") -> None:
        """Ask to be let in; see `SocketIOClient.join`. Raises as the transport does, like all below."""
        self._client.join(b"" if auth is None else _encode(auth), namespace=namespace)
        self._send()

    def emit(self, name: str, *args: object) -> None:
        """Send an event, its arguments as JSON."""
        self._client.emit(name, *map(_encode, args))
        self._send()

    def ask(self, name: str, *args: object) -> int:
        """Send an event that asks for an acknowledgement. Returns the number of that."""
        number = self._client.ask(name, *map(_encode, args))
        self._send()
        return number

    def receive(self) -> Received:
        """Wait for the next packet that is neither a ping nor a noop."""
        while True:
            if self.patience_s is not None:
                self.transport.allow(self.patience_s)
            received = self._client.receive(self.transport.receive())
            self._send()
            if received.type not in (engineio.PING, engineio.NOOP):
                return received

    def enter(self, auth: Mapping[str, object]) -> None:
        """Join, and wait until the server lets us in. Raises NotConnected if it does not."""
        _require_packet(self.opening)
        self.join(auth)
        while self._client.state is not State.JOINED:
            self._next()

    def call(self, name: str, *args: object) -> Mapping[str, object]:
        """Send a command, and wait for its acknowledgement; returns that. Raises NotConnected, Rejected."""
        number = self.ask(name, *args)
        while True:
            packet = self._next().packet
            if packet is not None and packet.type is PacketType.ACK and packet.ack_id == number:
                return require_success(name, _first_object(packet.args))

    def subscribe(self, channels: Sequence[str], start: object = None) -> None:
        """Set a filter, behind the id `start` if there is one. Each of the two is answered by an event ``status``."""
        if start is not None:
            self.emit("start-msg", {"start": start})
        self.emit("set-filter", {"filter": channels})

    def event(self) -> tuple[str, Mapping[str, object]]:
        """Wait for the next event; returns its name and the object that is its argument. Raises NotConnected."""
        packet = self.event_packet()
        return packet.event or "", _first_object(packet.args)

    def event_packet(self) -> Packet:
        """Wait for the next event, whose arguments stay as they were written. Raises NotConnected."""
        while True:
            packet = self._next().packet
            if packet is not None and packet.type is PacketType.EVENT:
                return packet

    def _next(self) -> Received:
        received = _require_packet(self.receive())
        if self._client.state is State.REFUSED:
            raise NotConnected(self._client.refusal, payload=received.payload)
        if self._client.state is State.ENDED:
            raise NotConnected(_ENDED)
        return received

    def _send(self) -> None:
        for packet in self._client.packets_to_send():
            self.transport.send(packet)


Dial = Callable[..., AbstractContextManager[Session]]
"""Opens a session, and ends it afterwards: `by_websocket` or `by_polling`. All is done within its `limit_s`."""


@contextmanager
def by_polling(place: Place, *, limit_s: float = STEP_S) -> Iterator[Session]:
    """Open a session over polling, and end it afterwards: it would count as open for a while.

    Raises Trouble, NotOpened.
    """
    polling = Polling(place, limit_s=limit_s)
    try:
        yield Session(polling)
    finally:
        with suppress(OyezError):  # it may have ended before
            polling.post(engineio.CLOSE.decode())


@contextmanager
def by_websocket(place: Place, *, limit_s: float = STEP_S) -> Iterator[Session]:
    """Open a session on a WebSocket. Raises Trouble, NotOpened."""
    with opened(place, target(place, "websocket"), limit_s=limit_s) as link:
        yield Session(link)


@contextmanager
def probed(polling: Polling) -> Iterator[WebSocket]:
    """Open the WebSocket that a polling session may move to, and have it answer the probe (Engine.IO 4, "Upgrade").

    `Session.move` takes it. Raises Trouble, NotOpened, WrongPacket.
    """
    with opened(polling.place, target(polling.place, "websocket", sid=polling.handshake.sid)) as link:
        link.send(engineio.PROBE_PING.decode())
        answer = link.receive()
        if answer != engineio.PROBE_PONG.decode():
            raise WrongPacket(engineio.PROBE_PONG.decode(), answer)
        yield link


def _require_packet(received: Received) -> Received:
    """Raise Trouble for a packet that cannot be read. One of no known type is passed over."""
    if received.type and received.error:
        error = ProtocolError(received.error)
        raise Trouble(Kind.BROKEN, f"a packet came that is none of Socket.IO: {error}") from error
    return received


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()


def _first_object(args: list[Json] | None) -> Mapping[str, object]:
    """Return the object that comes first; an empty one if none does, or one that Python cannot read."""
    return read_object(bytes(args[0])) if args else {}
