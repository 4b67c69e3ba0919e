"""When all have left, however they did, is nobody counted any more: of all, and of each address?

What visitors do is drawn by lot, and so is the point where they leave: in the midst of a request, of a handshake, after
a refusal, before an answer. The seed is in the test's name.
"""

import json
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from threading import Thread

import pytest

from tests.conftest import StartDaemon
from tests.daemon import KEY, Daemon
from tests.integration.links import TARGET, eventually, metrics
from tests.raw import Call, Polling, dial, frame, request, text_frame, upgrade_request

SETTINGS = {
    "limits.max_connections_per_address": 1,
    "limits.auth_failures_per_minute": 5,
    "limits.header_timeout_s": 1.0,
    "limits.body_timeout_s": 1.0,
    "http.keep_alive_s": 1.0,
    "socketio.ping_interval_s": 0.6,
    "socketio.ping_timeout_s": 0.4,
    "socketio.connect_timeout_s": 0.5,
    "socketio.upgrade_timeout_s": 0.5,
    "websocket.auth_timeout_s": 0.5,
}
COUNTED = ("oyez_sessions", "oyez_listeners", "oyez_senders")
SOURCES = ("127.0.0.1", "127.0.9.1", "127.0.9.2")
FORWARDED = ("203.0.113.9", "2001:db8::1", "2001:db8::2", "unknown", "10.0.0.1, 203.0.113.9:4711")
THREADS = 4

SENDER = '40{"role":"sender","token":"%s"}'
PACKETS = (
    "40", "41", "40", "41", SENDER % KEY, SENDER % KEY, SENDER % "no", "41", '42["set-filter",{"filter":["x"]}]',
    '42["post",{"channel":"x","message":1}]', '42["last-msg"]', "40/admin,", "1", "nonsense", "3",
)  # fmt: skip
COMMANDS = (
    {"command": "auth", "key": KEY}, {"command": "auth", "key": "no"}, {"command": "last-msg"},
    {"command": "post", "channel": "x", "message": 1}, {"command": "set-filter", "filter": ["x"]}, {"command": 7},
)  # fmt: skip


def speak_socketio(lot: Random, headers: dict[str, str]) -> list[bytes]:
    return [upgrade_request(TARGET, **headers), *(text_frame(lot.choice(PACKETS)) for _ in range(lot.randint(1, 10)))]


def speak_raw(lot: Random, headers: dict[str, str]) -> list[bytes]:
    commands = [text_frame(json.dumps(lot.choice(COMMANDS))) for _ in range(lot.randint(0, 8))]
    end = [frame(8, b"\x03\xe8"), frame(3, b"x"), b""]
    return [upgrade_request(lot.choice(("/event/", "/post", "/nowhere")), **headers), *commands, lot.choice(end)]


def ask_by_http(lot: Random, headers: dict[str, str]) -> list[bytes]:
    """Ask several times on one connection; a WebSocket or a stream may come behind, and what comes behind that."""
    post = {"Authorization": f"Bearer {lot.choice((KEY, 'no'))}", "Content-Length": "3", "Content-Type": "text/plain"}
    asked = [
        get("/healthz", headers),
        get("/sse?channel=x", headers),
        get("/sse", headers),
        get("/channels/x", headers),
        get("/channels/x", headers | {"Origin": "null"}),
        get("/socket.io/?EIO=4&transport=polling", headers),
        get("/api/publish", headers | post, method="POST") + b"abc",
        get("/api/publish", headers | post, method="POST"),
        upgrade_request(lot.choice((TARGET, "/event/", "/post")), **headers),
        upgrade_request("/event/", **headers, Content_Length="2"),
        b"nonsense\r\n\r\n",
    ]
    return lot.choices(asked, k=lot.randint(1, 5))


def get(target: str, headers: dict[str, str], method: str = "GET") -> bytes:
    named = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *named, "", ""]).encode()


def visit(daemon: Daemon, lot: Random) -> None:
    """Say some of it, in pieces of any size, and leave: in one of three ways, with or without a look at the answer."""
    source = lot.choice(SOURCES)
    headers = {"X_Forwarded_For": lot.choice(FORWARDED)} if source == "127.0.0.1" or lot.random() < 0.2 else {}
    pieces = lot.choice((speak_socketio, speak_raw, ask_by_http))(lot, headers)
    said = b"".join(pieces[: lot.randint(0, len(pieces))])
    if lot.random() < 0.3:
        said = said[: lot.randint(0, len(said))]
    at = lot.randint(0, len(said))
    with dial(daemon.port, source=source) as link:
        link.settimeout(lot.choice((0.01, 0.1, 0.7)))
        for piece in (said[:at], said[at:]):
            link.sendall(piece)
            if lot.random() < 0.7:
                with suppress(TimeoutError):
                    link.recv(1 << 16)
        leave(link, lot)


def leave(link: socket.socket, lot: Random) -> None:
    how = lot.choice(("close", "reset", "half"))
    if how == "reset":
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "half":
        link.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            link.recv(1 << 16)


def poll(daemon: Daemon, lot: Random) -> None:
    """Poll by Socket.IO, drop a poll perhaps, and upgrade as far as the lot says."""
    polling = Polling(daemon.port, source=lot.choice(SOURCES))
    for _ in range(lot.randint(0, 4)):
        step = lot.choice(("post", "get", "drop", "two"))
        if step == "post":
            polling.post(*lot.choices(PACKETS, k=lot.randint(1, 3)))
        elif step == "get":
            polling.get()
        else:
            calls: list[Call] = [polling.begin_get() for _ in range(1 + (step == "two"))]
            for call in calls:
                call.drop()
    if lot.random() < 0.6:
        with polling.open_websocket() as candidate:
            probe = ["2probe", "5", *lot.choices(PACKETS, k=3)]
            candidate.send(*probe[: lot.randint(0, 5)])
            candidate.link.settimeout(0.1)
            with suppress(TimeoutError):
                candidate.link.recv(1 << 16)
            leave(candidate.link, lot)


def crowd(daemon: Daemon, seed: str, visits: int, ways: Sequence[Callable[[Daemon, Random], None]]) -> None:
    """Let several come and go at the same time."""

    def come_and_go(number: int) -> None:
        lot = Random(f"{seed} {number}")
        for _ in range(visits):
            with suppress(Exception):  # whoever is refused comes again, as somebody else
                lot.choice(ways)(daemon, lot)

    threads = [Thread(target=come_and_go, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def count_all(daemon: Daemon) -> dict[str, float]:
    """Return what is counted, but for zeros."""
    numbers = metrics(daemon.port)
    answer = request(daemon.port, "GET", "/api/addresses?limit=100", Authorization=f"Bearer {KEY}")
    rows = json.loads(answer.body)["addresses"]
    counts = {name: numbers[name] for name in COUNTED}
    counts |= {f"{row['address']} {name}": row[name] for row in rows for name in ("connections", "listeners")}
    return {name: count for name, count in counts.items() if count}


def check_that_nobody_is_left(daemon: Daemon, within_s: float) -> None:
    left: list[dict[str, float]] = [{}]

    def are_gone() -> bool:
        left[0] = count_all(daemon)
        return not left[0]

    with suppress(AssertionError):
        eventually(are_gone, "end of all", within_s=within_s)
    assert left[0] == {}


@pytest.mark.parametrize("seed", ["1"])
def test_who_has_left_is_not_counted(start_daemon: StartDaemon, seed: str) -> None:
    daemon = start_daemon(settings=SETTINGS)
    crowd(daemon, seed, 25, (visit, poll))
    # A long poll that was answered keeps its place for 12 seconds, for the next one.
    check_that_nobody_is_left(daemon, within_s=30)
    assert metrics(daemon.port).get('oyez_refusals_total{reason="address-connections"}')
