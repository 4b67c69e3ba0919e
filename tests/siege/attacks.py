"""The attacks: what one visitor can do to a daemon with nothing but its address.

Knows what is sent. How often, from where and for how long is the `Foe`'s.
"""

import json
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.raw import Polling, frame, text_frame
from tests.siege.foe import Foe

FULL = tuple(f"full-{number}" for number in range(10))
"""Channels with as many events as history keeps of each: a filter over them replays 2,560."""
BUSY = "busy"
"""A channel to which large messages are posted all the time."""

_FLOODERS = 20  # links of one address that send as fast as they are read
_HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
_READER_BUFFER = 4096
_STALLED_READERS = 300
_SLOW_LINKS = 2000
_DRIP_S = 0.002
_BATCH_EVENTS = 10_000
_BATCH_BYTES = 16 * 2**20


class Share(NamedTuple):
    """What one address may do, by the default limits: count, at once, and in each second more."""

    what: str
    at_once: int
    a_second: int


_CONNECTS = Share("done", 4000, 200)
_REQUESTS = Share("requests", 12_000, 400)  # which weigh five units each


class Attack(NamedTuple):
    """One kind.

    Attributes:
        what: for the report, what is done.
        named: whether the daemon's log has to name the address.
        poster: whether it shows the key, and is so no stranger.
        forwarded: whether it comes through a proxy of the daemon's own machine, which names its address.
        share: what is done so many times is what one address may do: who does no more is nobody to be named.
    """

    what: str
    work: Callable[[Foe], None]
    named: bool = True
    poster: bool = False
    forwarded: bool = False
    share: Share | None = None

    def exceeds_share(self, counts: Mapping[str, int], seconds: float) -> bool:
        """Return whether more was done than one address may do."""
        return self.share is None or counts.get(self.share.what, 0) > self.share.at_once + self.share.a_second * seconds


# Connections


def connect(foe: Foe) -> None:
    foe.crowd(8, lambda: foe.dial().close())


def shake_hands(foe: Foe) -> None:
    foe.crowd(8, lambda: foe.upgrade("/event/").close())


def take_seats(foe: Foe) -> None:
    foe.crowd(8, lambda: foe.hold(foe.listen("siege")), until_refused=True)


def be_silent(foe: Foe) -> None:
    foe.crowd(8, lambda: foe.hold(foe.dial()))


def send_slow_heads(foe: Foe) -> None:
    _drip(foe, foe.ask("GET", "/channels/siege", "X-Long: " + "x" * 8000))


def send_slow_bodies(foe: Foe) -> None:
    session = Polling(foe.port, source=foe.source, **foe.headers)
    foe.hold(session)
    _drip(foe, foe.ask("POST", session.target, body=b"4" * 5000), begin=-5000)


def _drip(foe: Foe, data: bytes, begin: int = 20) -> None:
    """Open links, and send one byte on each in turn."""
    links: deque[tuple[socket.socket, int]] = deque()

    def drip() -> None:
        if len(links) < _SLOW_LINKS:
            link, at = foe.dial(), begin % len(data)
            link.sendall(data[:at])
        else:
            link, at = links.popleft()
            time.sleep(_DRIP_S)
        link.sendall(data[at : at + 1])
        links.append((link, at + 1))

    foe.crowd(2, drip)


# Sessions


def leave_sessions_of_one_link(foe: Foe) -> None:
    foe.crowd(1, lambda: foe.ask_ahead(foe.dial(), foe.ask("GET", _HANDSHAKE)))


def leave_sessions_of_many_links(foe: Foe) -> None:
    def leave_one() -> None:
        link = foe.dial()
        link.sendall(foe.ask("GET", _HANDSHAKE, "Connection: close"))
        answer = link.recv(4096)
        link.close()
        if b" 200 " not in answer[:16]:
            raise ConnectionRefusedError(answer[:16])

    foe.crowd(8, leave_one)


# Commands


def flood(foe: Foe, data: bytes, *, raw: bool = False) -> None:
    """Send commands on links that are read: a flooder that does not read stops itself."""
    foe.crowd(_FLOODERS, lambda: foe.pump(foe.upgrade("/event/") if raw else foe.listen().link, data))


def send_fragments(foe: Foe) -> None:
    """Send messages in fragments of one byte, and of none, that never end."""
    tiny, hollow = frame(0, b"2", fin=False) * 4000, frame(0, b"", fin=False) * 4000

    def send() -> None:
        link = foe.listen().link
        link.sendall(frame(1, b"4", fin=False))
        foe.pump(link, foe.random.choice([tiny, hollow]))

    foe.crowd(_FLOODERS, send)


def flood_filters(foe: Foe) -> None:
    """Leave the namespace and join it again, so that each filter replays all that there is of its channels."""
    packets = ["41", "40", _event("start-msg", {"start": 1}), _event("set-filter", {"filter": FULL})]
    flood(foe, b"".join(map(text_frame, packets)) * 20)


def flood_errors(foe: Foe) -> None:
    """Send what is answered by errors that are longer than it."""
    socketio, raw = text_frame(_event("set-filter", {})) * 500, text_frame("null") * 1000
    foe.crowd(
        _FLOODERS,
        lambda: (
            foe.pump(foe.upgrade("/event/"), raw)
            if foe.random.random() < 0.5
            else foe.pump(foe.listen().link, socketio)
        ),
    )


def flood_questions(foe: Foe) -> None:
    flood(foe, text_frame(_event("last-msg")) * 1000)


def _event(*event: object) -> str:
    return "42" + json.dumps(event, separators=(",", ":"))


# Listening


def replay(foe: Foe) -> None:
    """Come, take all that history has, go, and come again, at two doors."""
    stream = "/sse?last=1&" + "&".join(f"channel={name}" for name in FULL)

    def take_all() -> None:
        if foe.random.random() < 0.5:
            link = foe.listen(*FULL, start=1).link
        else:
            link = foe.dial()
            link.sendall(foe.ask("GET", stream))
        foe.swallow(link, 2560 * 200)
        link.close()

    foe.crowd(_FLOODERS, take_all)


def flood_polls(foe: Foe) -> None:
    """Ask for the oldest event of full channels again and again, many requests ahead."""
    target = f"/channels/{'%7C'.join(FULL)}?last=1"
    foe.crowd(_FLOODERS, lambda: foe.ask_ahead(foe.dial(), foe.ask("GET", target)))


def flood_streams(foe: Foe) -> None:
    def come_and_go() -> None:
        link = foe.dial()
        link.sendall(foe.ask("GET", "/sse?channel=siege"))
        answer = link.recv(4096)
        link.close()
        if b"server-capacity" in answer or not answer:
            raise ConnectionRefusedError

    foe.crowd(_FLOODERS, come_and_go)


def stall(foe: Foe) -> None:
    """Follow a busy channel and read nothing."""

    def follow() -> None:
        if len(foe.held) < _STALLED_READERS:
            foe.hold(foe.listen(BUSY, *FULL[:9], start=1, receive_buffer=_READER_BUFFER))
        else:
            time.sleep(0.05)

    foe.crowd(4, follow)


# Keys


def guess_keys(foe: Foe) -> None:
    """Guess at three doors, many at once."""
    api = foe.ask("POST", "/api/publish", "Authorization: Bearer wrong", body=b'{"channel":"x"}')
    raw = text_frame('{"command":"auth","key":"wrong"}') * 500
    socketio = text_frame('40{"role":"sender","token":"wrong"}') * 200

    def guess_on_socketio() -> None:
        link = foe.upgrade("/socket.io/?EIO=4&transport=websocket")
        foe.pump(link, socketio)

    ways = [
        lambda: foe.ask_ahead(foe.dial(), api),
        lambda: foe.pump(foe.upgrade("/post"), raw),
        guess_on_socketio,
    ]

    def guess() -> None:
        foe.random.choice(ways)()

    foe.crowd(_FLOODERS, guess)


def post_batches(foe: Foe) -> None:
    """Post as much at once as may be posted, again and again, with the key."""
    message = "x" * (_BATCH_BYTES // _BATCH_EVENTS - 60)
    body = json.dumps({"events": [{"channel": "batch", "message": message}] * _BATCH_EVENTS}, separators=(",", ":"))
    request = foe.ask("POST", "/api/publish", f"Authorization: Bearer {foe.key}", body=body.encode())

    def post() -> None:
        link = foe.dial()
        link.sendall(request)
        answer = link.recv(1 << 18)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ConnectionRefusedError(answer[:60])
        foe.counts["batches"] += 1

    foe.crowd(2, post)


# Between two that meet the same limit are others: every 20 s the log names whoever met it most.
ATTACKS = {
    "connects": Attack("plain TCP connects, closed at once", connect, share=_CONNECTS),
    "seats": Attack("Socket.IO listeners, as many as get in", take_seats),
    "last-msg": Attack("questions for the newest id, 20 links", flood_questions),
    "keys": Attack("wrong keys at three doors, 20 links", guess_keys),
    "silent": Attack("sockets that say nothing, as many as get in", be_silent),
    "handshakes": Attack("WebSocket handshakes, closed at once", shake_hands, share=_CONNECTS),
    "filters": Attack("filters that replay 2,560 events, 20 links", flood_filters),
    "unfetched-one": Attack("polling sessions that never fetch, through one link", leave_sessions_of_one_link),
    "replays": Attack("come, replay all, go, come again; 20 links", replay),
    "slow-heads": Attack(f"{_SLOW_LINKS} heads, a byte at a time", send_slow_heads),
    "errors": Attack("commands answered by errors, 20 links", flood_errors),
    "handshakes-proxied": Attack("the same, as behind nginx", shake_hands, forwarded=True, share=_CONNECTS),
    "batches": Attack("10,000 events in 16 MiB, with the key", post_batches, named=False, poster=True),
    "seats-proxied": Attack("the same, as behind nginx", take_seats, forwarded=True),
    "long-polls": Attack("long polls that are answered at once, 20 links", flood_polls, share=_REQUESTS),
    "stalled": Attack(f"{_STALLED_READERS} readers of a busy channel that do not read", stall, named=False),
    "slow-bodies": Attack(f"{_SLOW_LINKS} bodies, a byte at a time", send_slow_bodies),
    "streams": Attack("event streams that come and go, 20 at once", flood_streams, share=_CONNECTS),
    "fragments": Attack("messages in fragments of a byte or none", send_fragments),
    "unfetched-many": Attack("the same through a link each", leave_sessions_of_many_links),
}
