"""Who asks for too much waits, and nobody else does."""

import contextlib
import socket
import statistics
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event, Thread

import pytest

from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.integration.bystanders import refusals
from tests.integration.dialects import RawLink, RawPoster
from tests.integration.links import Poller, Sender, cpu_s, eventually, listen, metrics
from tests.raw import PING, Answer, Call, WebSocket, dial, frame, request, text_frame

FLOODER, REQUESTER, CROWD = "203.0.113.7", "203.0.113.8", "203.0.113.9"  # as the proxy here names them: the tests

LIMITS = {
    "limits.commands_per_second_per_connection": "20 burst 40",
    "limits.commands_per_second_per_address": "100 burst 200",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that takes forty commands at once, and twenty a second from then on."""
    with Daemon(tmp_path_factory.mktemp("strict"), settings=LIMITS) as daemon:
        yield daemon


def flooder(daemon: Daemon, target: str = "/event/") -> RawLink:
    return RawLink(daemon.port, target, X_Forwarded_For=FLOODER)


FLOODS = {
    "mistakes": ("/event/", text_frame("null")),
    "filters": ("/event/", text_frame('{"command":"set-filter","filter":["x"],"notify":true}')),
    "posts without a key": ("/post", text_frame('{"command":"post","channel":"x"}')),
    "pings": ("/event/", frame(PING, b"")),
}


@pytest.mark.parametrize(("target", "command"), FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_is_answered_no_faster_than_it_may_ask(strict: Daemon, target: str, command: bytes) -> None:
    before = refusals(strict, "connection-commands") + refusals(strict, "address-commands")
    with flooder(strict, target) as flood, listen(strict.port) as bystander:
        flood.raw(command * 400)
        flood.link.settimeout(0.5)
        answers = 0
        began = time.monotonic()
        try:
            while time.monotonic() - began < 1.0:
                WebSocket.receive_frame(flood)
                answers += 1
        except TimeoutError:
            pass
        assert 10 <= answers <= 140  # a burst, what a second brings, and what the parser was fed at once
        bystander.check_alive()
    assert refusals(strict, "connection-commands") + refusals(strict, "address-commands") > before


def test_who_is_held_gets_events_and_its_commands_are_done_in_time(strict: Daemon) -> None:
    with listen(strict.port, "held") as flood, Sender(strict.port) as sender:
        flood.receive()
        flood.send(*['42["last-msg"]'] * 60)
        (event,) = sender.post("held", 1)
        heard = [str(flood.receive()) for _ in range(61)]
        assert sum('"last-response"' in packet for packet in heard) == 60
        assert sum('"message"' in packet or f"{event['id']}" in packet for packet in heard) >= 1
        assert not any("last-response" not in packet for packet in heard[-3:])  # the event did not wait for them


@pytest.mark.parametrize("is_reset", [True, False], ids=["reset", "closed"])
def test_the_place_of_who_is_held_is_free_soon_after_it_has_gone(strict: Daemon, is_reset: bool) -> None:
    def listeners() -> float:
        return metrics(strict.port)["oyez_listeners"]

    eventually(lambda: not listeners(), "end of earlier listeners")
    held_before = refusals(strict, "connection-commands")
    flood = flooder(strict)
    silent = text_frame('{"command":"start-msg","start":1}')  # an answer would find out that nobody is there
    flood.raw(silent * 400)  # twenty seconds' worth
    eventually(lambda: refusals(strict, "connection-commands") > held_before, "flood that is held")
    assert listeners() == 1
    if is_reset:
        flood.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    flood.link.close()
    eventually(lambda: not listeners(), "free place", within_s=15)


def test_a_poster_is_not_held(strict: Daemon) -> None:
    with RawPoster(strict.port) as poster:
        began = time.monotonic()
        assert len(poster.post("fast", *range(300))) == 300
        assert time.monotonic() - began < 5


def test_a_post_that_asks_for_too_much_is_answered_later(strict: Daemon) -> None:
    poller = Poller(strict.port)
    began = time.monotonic()
    call = Call(poller.port, "POST", poller.target, "\x1e".join(['42["last-msg"]'] * 60))
    answers = 0
    while answers < 60:  # its polls go on
        answers += sum("last-response" in packet for packet in poller.packets())
    assert call.answer().status == 200
    assert time.monotonic() - began > 0.8


def test_a_post_beside_one_that_waits_ends_the_session(strict: Daemon) -> None:
    poller = Poller(strict.port)
    before = refusals(strict, "connection-commands")
    call = Call(poller.port, "POST", poller.target, "\x1e".join(['42["last-msg"]'] * 200))
    eventually(lambda: refusals(strict, "connection-commands") > before, "POST that waits")
    assert poller.post('42["last-msg"]').status == 400
    assert call.answer().status == 200
    assert poller.is_gone


def ask(daemon: Daemon, method: str, target: str, **headers: str) -> Answer:
    return request(daemon.port, method, target, X_Forwarded_For=REQUESTER, **headers)


def test_a_request_waits_for_what_its_address_may_ask_for_and_the_key_does_not(strict: Daemon) -> None:
    took = []
    for _ in range(70):  # forty of them are free
        began = time.monotonic()
        assert ask(strict, "GET", "/healthz").status == 200
        took.append(time.monotonic() - began)
    assert sum(took) > 1
    assert refusals(strict, "address-commands") > 0
    began = time.monotonic()
    for _ in range(20):
        assert ask(strict, "GET", "/api/last", Authorization=f"Bearer {strict.key}").status == 200
    assert time.monotonic() - began < 0.9  # else they would have to wait for as long


def test_too_many_requests_are_told_when_to_come_back(strict: Daemon) -> None:
    poll = f"GET /channels/x?nowait=1&last=1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {CROWD}\r\n\r\n".encode()
    links = [dial(strict.port) for _ in range(160)]
    for link in links:
        link.sendall(poll)
    answers = [link.recv(4096) for link in links[140:]]
    for link in links:
        link.close()
    refused = [
        answer for answer in answers if not answer.startswith(b"HTTP/1.1 200 ")
    ]  # those that had waited for long
    assert refused
    for answer in refused:
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: " in answer
        assert b"connection: close" in answer


def test_what_is_only_observed_holds_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    names = [name.removeprefix("limits.") for name in LIMITS]
    with Daemon(tmp_path_factory.mktemp("observing"), settings=LIMITS | {"limits.observe": names}) as daemon:
        with flooder(daemon) as flood:
            flood.raw(FLOODS["mistakes"][1] * 1000)
            began = time.monotonic()
            for _ in range(1000):
                flood.receive_frame()
            assert time.monotonic() - began < 5
        assert refusals(daemon, "connection-commands") == 0


# Less than this is calm, whatever was measured before: some slices of the loop's turn, and the daemon's own chores.
_FLOOR_S = 0.01


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("kind", ["filters", "posts without a key"])  # make siege has the others
def test_twenty_flooding_links_of_an_address_delay_nobody_else(own_daemon: Daemon, kind: str) -> None:
    target, command = FLOODS[kind]
    pid = own_daemon.pid
    with Sender(own_daemon.port) as sender, ExitStack() as stack:
        calm = measure(sender, pid)
        links = [stack.enter_context(flooder(own_daemon, target)) for _ in range(20)]
        stop = Event()
        thread = Thread(target=pump, args=(links, command * 200, stop))
        thread.start()
        stack.callback(thread.join, PATIENCE_S)
        stack.callback(stop.set)
        attacked = measure(sender, pid)
        stop.set()
    with Sender(own_daemon.port) as sender:
        after = measure(sender, pid, 20)
    assert p99(attacked) <= 2 * max(p99(calm), _FLOOR_S), (calm, attacked)
    assert max(after) <= 2 * max(*calm, _FLOOR_S), (calm, after)


def measure(sender: Sender, pid: int, count: int = 100) -> list[float]:
    """Post twenty times a second; how long the daemon worked until each was acknowledged, in seconds.

    It is its processor time that is counted: on a busy machine whoever asks waits for a core himself.
    """
    took = []
    for number in range(count):
        began = cpu_s(pid)
        sender.post("measured", number)
        took.append(cpu_s(pid) - began)
        time.sleep(0.05)
    return took


def p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


def pump(links: list[RawLink], data: bytes, stop: Event) -> None:
    """Send on all links what the daemon takes, and read all answers."""
    rests = dict.fromkeys([link.link for link in links], memoryview(data))
    for link in rests:
        link.setblocking(False)
    while not stop.is_set() and rests:
        for link, rest in list(rests.items()):
            try:
                rests[link] = rest[link.send(rest) :] or memoryview(data)
            except BlockingIOError:
                pass
            except OSError:
                del rests[link]
            with contextlib.suppress(OSError):
                link.recv(1 << 18)
        stop.wait(0.002)
