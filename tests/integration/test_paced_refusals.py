"""Is a visitor behind a proxy who is refused again and again told late, in order, in the same words, and in bounds?"""

import re
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from oyez.net.paced_refusals import AT_ONCE, MOST_WAITING
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.integration.bystanders import refusals
from tests.integration.dialects import RawListener
from tests.integration.links import TARGET, Link, eventually, metrics
from tests.raw import dial, read_answers, read_to_end, request, text_frame, upgrade_request

VISITOR, OTHER = "203.0.113.9", "203.0.113.10"
ONE_LISTENER = {"limits.max_connections_per_address": 1}
SESSIONS = 5  # of an address that may have one listener

BURST = round(AT_ONCE.burst)
LATE = 20

POLLING = "/socket.io/?EIO=4&transport=polling"


def ask(target: str, visitor: str = VISITOR, *lines: str) -> bytes:
    head = [f"GET {target} HTTP/1.1", "Host: 127.0.0.1", f"X-Forwarded-For: {visitor}", *lines, "", ""]
    return "\r\n".join(head).encode()


def upgrade(target: str) -> bytes:
    return upgrade_request(target, X_Forwarded_For=VISITOR)


DOORS = {
    "Socket.IO on WebSocket": upgrade(TARGET),
    "Socket.IO on WebSocket, of a client that goes on at once": upgrade(TARGET) + text_frame("40"),
    "Socket.IO on polling": ask(POLLING, VISITOR, "Connection: close"),
    "raw listener": upgrade("/event/"),
    "raw poster": upgrade("/post"),
    "event stream": ask("/sse?channel=x"),
    "long poll": ask("/channels/x?last=1", VISITOR, "Connection: close"),
}


class Refused:
    """Requests that are refused, each on a socket of its own, and their answers as they come."""

    def __init__(self, daemon: Daemon, stack: ExitStack) -> None:
        self._port = daemon.port
        self._stack = stack
        self._unread = selectors.DefaultSelector()
        self._asked = 0
        stack.callback(self._unread.close)

    def ask(self, data: bytes, count: int) -> None:
        for _ in range(count):
            link = self._stack.enter_context(dial(self._port))
            link.sendall(data)
            self._unread.register(link, selectors.EVENT_READ, self._asked)
            self._asked += 1

    def answers(self) -> Iterator[tuple[int, bytes]]:
        """Give each answer as soon as it is there, and the number of its request."""
        while self._unread.get_map():
            due = self._unread.select(PATIENCE_S)
            assert due, "no answer came"
            for key, _ in due:
                assert isinstance(key.fileobj, socket.socket)
                self._unread.unregister(key.fileobj)
                yield key.data, read_to_end(key.fileobj)


def fill(daemon: Daemon, stack: ExitStack) -> None:
    for _ in range(SESSIONS):
        stack.enter_context(Link(daemon.port, X_Forwarded_For=VISITOR))


def count_refusals(daemon: Daemon) -> float:
    return refusals(daemon, "address-connections")


def normalize(answer: bytes) -> bytes:
    """Leave out what is another thing each time: the date, and when a browser's stream comes back."""
    return re.sub(rb"\r\ndate: [^\r]*|retry: \d+", b"", answer)


@pytest.mark.parametrize("door", DOORS)
def test_whoever_is_refused_again_and_again_is_told_late_in_order_and_in_the_same_words(
    start_daemon: StartDaemon, door: str
) -> None:
    daemon = start_daemon(settings=ONE_LISTENER)
    with ExitStack() as stack:
        fill(daemon, stack)
        refused, began = Refused(daemon, stack), time.monotonic()
        refused.ask(DOORS[door], BURST + LATE)
        answers = dict(refused.answers())
        assert time.monotonic() - began > LATE / AT_ONCE.per_second - 0.1
        assert len({normalize(answer) for answer in answers.values()}) == 1
        code = rb'"code":("server-capacity"|"too-many-connections"|7)'
        assert re.match(rb"HTTP/1\.1 (200|429) .*" + code, answers[0], re.DOTALL), answers[0]
        late = [number for number in answers if number >= BURST + 2]  # two of the first may come in one look
        assert late == sorted(late)
        assert count_refusals(daemon) >= BURST + LATE


def test_others_are_let_in_and_refused_at_once_meanwhile(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=ONE_LISTENER)
    with ExitStack() as stack:
        fill(daemon, stack)
        refused = Refused(daemon, stack)
        refused.ask(upgrade(TARGET), BURST + LATE)
        stack.enter_context(RawListener(daemon.port, X_Forwarded_For=OTHER))
        told = request(daemon.port, "GET", "/channels/x", X_Forwarded_For=OTHER)
        assert told.status == 429
        assert sum(1 for _ in refused.answers()) == BURST + LATE


def test_so_many_wait_and_who_comes_then_is_told_at_once(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=ONE_LISTENER)
    with ExitStack() as stack:
        fill(daemon, stack)
        refused = Refused(daemon, stack)
        refused.ask(upgrade(TARGET), BURST + 3 * MOST_WAITING)
        told = [number for number, _ in refused.answers()]
        assert told.index(BURST + 3 * MOST_WAITING - 1) < len(told) - MOST_WAITING // 4
        last = told[-MOST_WAITING // 4 :]
        assert last == sorted(last)


def test_a_proxys_connection_is_kept_and_what_others_ask_on_it_is_answered_in_order(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=ONE_LISTENER | {"http.long_poll_timeout_s": 0.01})
    with ExitStack() as stack:
        fill(daemon, stack)
        refused = Refused(daemon, stack)
        refused.ask(upgrade(TARGET), BURST + LATE)
        link = stack.enter_context(dial(daemon.port))
        link.sendall(ask(POLLING) + ask("/channels/x", OTHER) + ask("/channels/x") + ask("/healthz", OTHER))
        assert [answer.status for answer in read_answers(link, 4)] == [429, 504, 429, 200]
        link.sendall(ask("/healthz", OTHER))
        assert read_answers(link, 1)[0].status == 200
        assert sum(1 for _ in refused.answers()) == BURST + LATE


def test_a_limit_that_only_counts_lets_everybody_in_at_once(start_daemon: StartDaemon) -> None:
    observe = {"limits.observe": ["max_connections_per_address"]}
    daemon = start_daemon(settings=ONE_LISTENER | observe)
    with ExitStack() as stack:
        for _ in range(BURST + MOST_WAITING):
            stack.enter_context(RawListener(daemon.port, X_Forwarded_For=VISITOR)).check_nothing_more()
        counts = metrics(daemon.port)
        assert counts['oyez_observed_total{reason="address-connections"}'] >= BURST + MOST_WAITING - SESSIONS
        assert count_refusals(daemon) == 0


@pytest.mark.parametrize("door", ["Socket.IO on WebSocket", "Socket.IO on polling", "event stream", "long poll"])
def test_all_who_wait_are_told_when_the_daemon_stops(start_daemon: StartDaemon, door: str) -> None:
    daemon = start_daemon(settings=ONE_LISTENER)
    with ExitStack() as stack:
        fill(daemon, stack)
        refused = Refused(daemon, stack)
        refused.ask(DOORS[door], BURST + MOST_WAITING)
        answers = refused.answers()
        given = [next(answers) for _ in range(BURST)]
        eventually(lambda: count_refusals(daemon) >= BURST + MOST_WAITING, "request that was read")
        daemon.stop()
        given += answers
        assert len(given) == BURST + MOST_WAITING
        assert {answer[:13] for _, answer in given} <= {b"HTTP/1.1 429 ", b"HTTP/1.1 200 "}


def test_whoever_waits_makes_room_when_all_sockets_are_taken_and_is_told_even_so(tmp_path: Path) -> None:
    with Daemon(tmp_path, settings=ONE_LISTENER, wrapper=("prlimit", "--nofile=96")) as daemon, ExitStack() as stack:
        fill(daemon, stack)
        first = Refused(daemon, stack)
        for _ in range(BURST // 10):  # there is room for no more of them at once
            first.ask(upgrade(TARGET), 10)
            assert all(answer.startswith(b"HTTP/1.1 429 ") for _, answer in first.answers())
        refused = Refused(daemon, stack)
        refused.ask(upgrade(TARGET), MOST_WAITING)  # twice as many as there are sockets
        with RawListener(daemon.port, X_Forwarded_For=OTHER) as other:
            other.check_nothing_more()
        assert {answer[:13] for _, answer in refused.answers()} == {b"HTTP/1.1 429 "}
