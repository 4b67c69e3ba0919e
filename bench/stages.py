"""What each stage of a post costs, and a grant, in one process and without sockets: ``python -m bench.stages``.

Each line is the best of several repetitions, in microseconds. The figures add up to less than a post costs in a real
daemon: there the caches are cold, and the system's calls come on top.
"""

import time
import timeit
from collections.abc import Callable, Sequence

from websockets.protocol import OPEN, SERVER
from websockets.protocol import Protocol as FrameProtocol
from websockets.speedups import apply_mask

from oyez import grants
from oyez.access.listen_policy import ListenPolicy, make_signers
from oyez.access.settings import GRANT, ChannelSettings
from oyez.brokers.memory import MemoryBroker
from oyez.endpoints.encodings import SOCKETIO_FRAMES
from oyez.endpoints.gate import Gate
from oyez.errors import BrokerError
from oyez.hub.history import Gap, History
from oyez.hub.hub import Hub
from oyez.hub.notices import LocalNotices
from oyez.hub.publication import Channel, EventId, Post, Publication
from oyez.hub.settings import HistorySettings
from oyez.hub.subscriber import Subscription
from oyez.net.ticker import Ticker
from oyez.wire import commands, plain_posts, socketio
from oyez.wire.websocket import take_text_frames, text_frame

MESSAGE = b'{"t":"123.123456789","p":"' + b"x" * 200 + b'"}'
PACKET = b'2123["post",{"channel":"ch1","message":' + MESSAGE + b"}]"
CHANNELS = 1000
BATCH = 64


class Listener:
    """A listener that takes everything."""

    def send_status(self, recovered: bool | None, gaps: Sequence[Gap]) -> None: ...

    def send_gap(self, gap: Gap) -> None: ...

    def send_revoked(self, channel: Channel, reason: str) -> None: ...

    def cut_off(self) -> None: ...


def _client_frame(payload: bytes) -> bytes:
    mask = b"\x01\x02\x03\x04"
    head = bytes((0x81, 0x80 | 126)) + len(payload).to_bytes(2, "big")
    return head + mask + apply_mask(payload, mask)


def _best(stage: Callable[[], object], number: int = 20_000) -> float:
    return min(timeit.repeat(stage, number=number, repeat=5)) / number * 1e6


async def _hub(turns: list[Callable[[], None]]) -> Hub:
    history = History(HistorySettings())
    hub = Hub(MemoryBroker(), history, call_soon=turns.append, call_later=lambda *_: None, clock=time.monotonic)
    await hub.start()
    for number in range(CHANNELS):
        subscription = Subscription(Listener(), SOCKETIO_FRAMES, lambda _: True)
        hub.subscribe(subscription, [Channel(f"ch{number}")], None)
    return hub


def _ignore(outcome: list[EventId] | BrokerError) -> None: ...


def main() -> None:
    """Print one line a stage."""
    frame, library = _client_frame(b"4" + PACKET), FrameProtocol(SERVER, state=OPEN)

    def parse_with_library() -> None:
        library.receive_data(frame)
        library.events_received()

    packet = socketio.decode(PACKET)
    argument = packet.args[0] if packet.args else None
    publication = Publication(EventId(1_795_000_000_000), Channel("ch1"), MESSAGE, (), 0.0)
    turns: list[Callable[[], None]] = []
    starting = _hub(turns)
    try:
        starting.send(None)
    except StopIteration as started:
        hub: Hub = started.value
    key = grants.derive_key("key")
    granted = grants.sign(key, "tickets", "42", int(time.time()))
    policy = ListenPolicy([ChannelSettings("ticket*", GRANT)], make_signers("key", ()))
    gate = Gate(policy, time.time, hub, Ticker(), LocalNotices())
    stages: dict[str, Callable[[], object]] = {
        "frame in, websockets library": parse_with_library,
        "frame in, short cut": lambda: take_text_frames(frame, 10_000),
        "Socket.IO packet": lambda: socketio.decode(PACKET),
        "post command": lambda: commands.parse_post(argument),
        "both of a plain post, in one step": lambda: plain_posts.read_packet(PACKET),
        "event's frame out": lambda: SOCKETIO_FRAMES.encode(publication),
        "acknowledgement's frame out": lambda: text_frame(plain_posts.encode_ack(b"12345", publication.id)),
        "a name with a grant, at the gate": lambda: gate.admit([granted]),
    }
    for name, stage in stages.items():
        print(f"{name:36} {_best(stage):6.2f}")

    posts = [Post(Channel(f"ch{number}"), MESSAGE) for number in range(CHANNELS)]
    position = 0

    def publish_batch() -> None:
        nonlocal position
        for _ in range(BATCH):
            hub.publish((posts[position % CHANNELS],), _ignore)
            position += 1
        while turns:
            turns.pop()()

    print(f"{'broker, history, fan-out to one':36} {_best(publish_batch, 300) / BATCH:6.2f}")


if __name__ == "__main__":
    main()
