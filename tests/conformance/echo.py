"""The two small servers that the public protocol suites are run against, on Oyez's own layers.

``python -m tests.conformance.echo --port 3000``

* ``/engine.io/``: plain Engine.IO; every message is sent back.
* ``/socket.io/``: Socket.IO with the namespaces ``/`` and ``/custom``. After CONNECT the event ``auth`` brings back the
  CONNECT's payload; ``message`` is answered by ``message-back`` and ``message-with-ack`` by an acknowledgement, both
  with the same arguments.
"""

import argparse
import asyncio
import signal
import time
from dataclasses import dataclass, field

import uvloop
from starlette.applications import Starlette
from starlette.routing import Route

from oyez.access.origins import Origins
from oyez.access.peer import Peers, Who
from oyez.access.places import Places, unlimited
from oyez.limits import LimitSettings
from oyez.net.callbacks import OpenSocket
from oyez.net.engineio.http import EngineHttp
from oyez.net.engineio.http_direct import DirectPolls, DirectPosts
from oyez.net.engineio.session import EngineServer, EngineSession
from oyez.net.engineio.session_id import new_session_id
from oyez.net.engineio.settings import SocketioSettings
from oyez.net.http.compression import Compression
from oyez.net.http.direct import DirectDoor
from oyez.net.http.direct_pacing import PacedDoor
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.http.request_waits import RequestWaits
from oyez.net.http.server import HttpServer, bind_tcp
from oyez.net.http.settings import HttpSettings
from oyez.net.late_answers import LateAnswers
from oyez.net.paced_refusals import PacedRefusals
from oyez.net.spare_sockets import SpareSockets
from oyez.net.stream import StreamReceiver
from oyez.net.ticker import Ticker
from oyez.net.turns import Turns
from oyez.net.websocket.connection import FrameReceiver
from oyez.net.websocket.parser import FrameParser
from oyez.wire import engineio, json_text, socketio
from oyez.wire.socketio import Packet, PacketType
from oyez.wire.socketio_server import PacketReader

PING_INTERVAL_S = 0.3
PING_TIMEOUT_S = 0.2
CONNECT_TIMEOUT_S = 1.0
MAX_PAYLOAD_BYTES = 1_000_000
NAMESPACES = ("/", "/custom")

_DIRECT: dict[bytes, type[DirectPolls | DirectPosts]] = {b"GET": DirectPolls, b"POST": DirectPosts}


class EngineEcho:
    """Sends every Engine.IO message back."""

    max_message_bytes = MAX_PAYLOAD_BYTES

    def __init__(self, link: EngineSession) -> None:
        self._link = link

    def receive_text(self, data: bytes) -> None:
        self._link.send_text(engineio.MESSAGE + data)

    def receive_binary(self, data: bytes) -> None:
        self._link.send_binary(data)

    def transport_changed(self) -> None:
        """Nothing depends on it."""

    def drained(self) -> None:
        """Nothing waits for it."""

    def alarm(self) -> None:
        """None is set."""

    def closed(self) -> None:
        """Nothing is held."""


class SocketEcho(EngineEcho):
    """Sends Socket.IO events back, in two namespaces."""

    def __init__(self, link: EngineSession) -> None:
        super().__init__(link)
        self._packets = PacketReader()
        link.set_alarm(CONNECT_TIMEOUT_S)

    def receive_text(self, data: bytes) -> None:
        packet = self._packets.receive_text(data)
        if packet is not None:
            self._take(packet)

    def receive_binary(self, data: bytes) -> None:
        packet = self._packets.receive_binary(data)
        if packet is not None:
            self._take(packet)

    def alarm(self) -> None:
        self._link.close()

    def _take(self, packet: Packet) -> None:
        if packet.type is PacketType.CONNECT:
            self._connect(packet)
        elif packet.type is PacketType.DISCONNECT:
            self._packets.joined -= {packet.namespace}
        elif packet.args is not None and packet.type in (PacketType.EVENT, PacketType.BINARY_EVENT):
            self._answer(packet, packet.args)

    def _connect(self, packet: Packet) -> None:
        namespace = packet.namespace
        if namespace not in NAMESPACES:
            self._link.send_text(socketio.encode_connect_error("Invalid namespace", namespace))
            return
        self._link.set_alarm(None)
        self._packets.joined |= {namespace}
        self._link.send_text(socketio.encode_connect(new_session_id(), namespace))
        # The suite waits for one event at a time, and its WebSocket client hands out all that one segment brings
        # before the suite can wait again. Node's server is never quick enough to put both into one.
        auth = socketio.encode_event("auth", packet.auth or b"{}", namespace=namespace)
        asyncio.get_running_loop().call_later(0.01, self._link.send_text, auth)

    def _answer(self, packet: Packet, args: list[json_text.Json]) -> None:
        namespace, count = packet.namespace, len(packet.attachments)
        if packet.event == "message":
            text = socketio.encode_event("message-back", *args, namespace=namespace, attachments=count)
        elif packet.event == "message-with-ack" and packet.ack_id is not None:
            text = socketio.encode_ack(packet.ack_id, args, namespace, attachments=count)
        else:
            return
        self._link.send_text(text)
        for attachment in packet.attachments:
            self._link.send_binary(attachment)


@dataclass
class Callbacks:
    """What the connections share."""

    ticker: Ticker
    limits: LimitSettings
    settings: HttpSettings = field(default_factory=HttpSettings)
    max_sockets: int = 1000
    origins: Origins = field(default_factory=Origins)
    places: Places = field(default_factory=lambda: unlimited(time.monotonic))
    peers: Peers = field(default_factory=Peers)
    spare: SpareSockets = field(default_factory=SpareSockets)
    connections: set[OpenSocket] = field(default_factory=set)
    parsers: list[FrameParser] = field(default_factory=list)
    turns: Turns = field(default_factory=Turns)
    waits: RequestWaits = field(default_factory=RequestWaits)
    late_answers: LateAnswers = field(default_factory=LateAnswers)
    refusals: PacedRefusals = field(init=False)
    apps: dict[str, EngineHttp] = field(default_factory=dict)
    compression: Compression = field(default_factory=Compression)

    def find_direct(self, method: bytes, target: bytes) -> DirectDoor | None:
        for path, app in self.apps.items():
            if target.startswith(f"{path}?".encode()) and method in _DIRECT:
                return PacedDoor(_DIRECT[method](app, self.origins), self.places, self.turns, self.waits)
        return None

    def __post_init__(self) -> None:
        self.refusals = PacedRefusals(self.turns, self.ticker)

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        for path, app in self.apps.items():
            if handshake.path.startswith(path):
                return app.admit(handshake)
        return Refusal(404, "Not Found", b"{}")

    def is_stream(self, target: bytes) -> bool:
        return False

    def admit_stream(self, request: Handshake) -> StreamReceiver | Refusal:
        return Refusal(404, "Not Found", b"{}")

    def note(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        """The suites break rules on purpose."""


async def serve(port: int, ping_interval_s: float = PING_INTERVAL_S, ping_timeout_s: float = PING_TIMEOUT_S) -> None:
    limits = LimitSettings(max_receiver_message_bytes=MAX_PAYLOAD_BYTES, max_sender_message_bytes=MAX_PAYLOAD_BYTES)
    callbacks = Callbacks(Ticker(resolution_s=0.005), limits)
    settings = SocketioSettings(ping_interval_s=ping_interval_s, ping_timeout_s=ping_timeout_s)
    for path, app in (("/engine.io/", EngineEcho), ("/socket.io/", SocketEcho)):
        callbacks.apps[path] = EngineHttp(EngineServer(settings, limits, callbacks.ticker, app, callbacks.note))
    routes = [Route(path + "{rest:path}", app) for path, app in callbacks.apps.items()]
    server = HttpServer(callbacks.ticker)
    listener = bind_tcp("127.0.0.1", port)
    callbacks.ticker.start()
    await server.listen(listener, Starlette(routes=routes), callbacks)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    server.stop_listening()
    await server.drain(callbacks.ticker.clock() + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=3000, help="port on 127.0.0.1; 0 picks one (default: 3000)")
    parser.add_argument("--ping-interval", type=float, default=PING_INTERVAL_S, help="seconds (default: %(default)s)")
    parser.add_argument("--ping-timeout", type=float, default=PING_TIMEOUT_S, help="seconds (default: %(default)s)")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(arguments.port, arguments.ping_interval, arguments.ping_timeout))


if __name__ == "__main__":
    main()
