"""Does no call hurt the site, whatever becomes of the daemon: never an error, never a wait beyond its bound?"""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oyez.client import Post, TimedOut
from oyez.django import events, wiring
from tests.daemon import Daemon
from tests.django.conftest import site_of
from tests.django.test_events import NOWHERE
from tests.inbox import PATIENCE_S
from tests.peer import Peer, answer, peers

LIMIT_S = 0.15
GRACE_S = 5.0  # for a busy machine; far below what an unbounded call would take
BACK_S = 2.0  # how soon a daemon that is back is used, with an attempt under way that it will not answer

Call = Callable[[], int | list[int]]
CALLS: dict[str, Call] = {
    "post": lambda: events.post("news", 1),
    "post with a key": lambda: events.post("news", 1, key="a key"),
    "post_many": lambda: events.post_many([("news", number) for number in range(5)]),
    "publish": lambda: events.publish(["news", "sport"], 1),
    "last": events.last,
    "apost": lambda: asyncio.run(events.apost("news", 1)),
    "alast": lambda: asyncio.run(events.alast()),
}
ANSWER = answer({"id": 7, "ids": [7]})


class MoodyDaemon:
    """Answers each request as its mood is when the request comes."""

    def __init__(self) -> None:
        self.mood = "well"

    def __call__(self, peer: Peer, connection: socket.socket) -> None:
        if self.mood == "refusing":
            reset(connection)
            return
        file = connection.makefile("rb")
        while request := peer.read_request(file):
            if self.mood != "well":
                MOODS[self.mood](peer, connection)
                return
            events_asked = json.loads(request[2] or b"{}").get("events", [0])
            connection.sendall(answer({"id": 7, "ids": [7] * len(events_asked)}))


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


MOODS: dict[str, Callable[[Peer, socket.socket], object]] = {
    "silent": lambda peer, connection: peer.stop.wait(1),
    "slow": lambda peer, connection: peer.trickle(connection, ANSWER[:-1] + b" " * 100),
    "endless head": lambda peer, connection: peer.trickle(connection, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100),
    "hanging up": lambda peer, connection: None,
    "resetting": lambda peer, connection: reset(connection),
    "half an answer": lambda peer, connection: connection.sendall(ANSWER[:-3]),
    "no HTTP": lambda peer, connection: connection.sendall(b"220 mail.example ESMTP\r\n"),
    "unavailable": lambda peer, connection: connection.sendall(answer({"code": "unavailable"}, "503 Unavailable")),
    "wrong ids": lambda peer, connection: connection.sendall(answer({"id": "seven", "ids": 7})),
    "refusing": lambda peer, connection: None,
}


@pytest.fixture(scope="module")
def moody() -> Iterator[tuple[MoodyDaemon, Peer]]:
    mood = MoodyDaemon()
    with peers() as start:
        yield mood, start(mood)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=12, derandomize=True, deadline=None, suppress_health_check=QUIET)
@given(
    queue=st.sampled_from([0, 3, 500]),
    steps=st.lists(
        st.tuples(st.sampled_from(["well", *sorted(MOODS)]), st.sampled_from(sorted(CALLS))), min_size=1, max_size=8
    ),
)
def test_no_call_raises_or_takes_longer_than_its_bound(
    moody: tuple[MoodyDaemon, Peer], queue: int, steps: list[tuple[str, str]]
) -> None:
    daemon, peer = moody
    with override_settings(
        EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=peer.url, EVENT_DAEMON_TIMEOUT=LIMIT_S, EVENT_DAEMON_QUEUE=queue
    ):
        for mood, name in steps:
            daemon.mood = mood
            began = time.monotonic()
            result = CALLS[name]()
            assert time.monotonic() - began < LIMIT_S + GRACE_S, (mood, name)
            assert all(
                type(each) is int and each >= (-1 if queue else 0)
                for each in (result if isinstance(result, list) else [result])
            )
        daemon.mood = "well"
        assert is_back_within(BACK_S)


def is_back_within(seconds: float) -> bool:
    """Post again and again, as a busy site does, until an event is taken."""
    until = time.monotonic() + seconds + GRACE_S
    while time.monotonic() < until:
        if events.post("news", 1) > 0:
            return True
        time.sleep(0.01)
    return False


def test_a_call_that_waited_for_a_thread_begins_no_outage_by_running_out_of_time(own_daemon: Daemon) -> None:
    with site_of(own_daemon, EVENT_DAEMON_QUEUE=0):
        own_daemon.suspend()
        try:
            with pytest.raises(TimedOut):
                wiring.current().sender.post([Post("news", 1)], timeout_s=0.2)
            assert not wiring.current().sender.outage.is_on
            assert events.post("news", 1) == 0
            assert wiring.current().sender.outage.is_on
        finally:
            own_daemon.resume()


@pytest.mark.parametrize(("queue", "lost"), [(0, 0), (10_000, events.QUEUED)])
def test_a_daemon_that_hangs_costs_a_thread_one_wait_and_then_nothing(
    own_daemon: Daemon, queue: int, lost: int
) -> None:
    with site_of(own_daemon, EVENT_DAEMON_QUEUE=queue):
        seen = events.post("news", 1)
        own_daemon.suspend()
        try:
            began = time.monotonic()
            with ThreadPoolExecutor(8) as threads:
                assert list(threads.map(lambda _: events.post("news", 1), range(8))) == [lost] * 8
            assert time.monotonic() - began < 1.0 + GRACE_S
            began, calls = time.monotonic(), 0
            while time.monotonic() - began < 1.2:  # longer than the watcher's pauses: no caller is taken for it
                assert events.post("news", 2) == lost
                assert events.last() == seen
                time.sleep(0.001)
                calls += 2
            assert calls > 10, "they waited for the daemon"
        finally:
            own_daemon.resume()
        assert is_back_within(BACK_S)


def test_a_daemon_that_restarts_is_used_as_soon_as_it_is_back(own_daemon: Daemon) -> None:
    with site_of(own_daemon, EVENT_DAEMON_QUEUE=0):
        assert events.post("news", 1)
        own_daemon.restart()
        assert events.post("news", 2), "it was back before anybody posted"
        own_daemon.stop()
        began = time.monotonic()
        assert [events.post("news", 3) for _ in range(1000)] == [0] * 1000
        assert time.monotonic() - began < PATIENCE_S / 2
        own_daemon.start()
        assert is_back_within(BACK_S)


@pytest.mark.parametrize(
    "values",
    [
        {"EVENT_DAEMON_AMQP": "localhost"},
        {"EVENT_DAEMON_QUEUE": float("inf")},
        {"EVENT_DAEMON_QUEUE": float("nan")},
        {"EVENT_DAEMON_TIMEOUT": 10**400},
        {"EVENT_DAEMON_BACKEND": "os.path.join"},
    ],
)
def test_no_setting_makes_a_call_raise(values: dict[str, object]) -> None:
    with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=NOWHERE, **values):
        assert events.post("news", 1) <= 0
        assert events.last() > 0, "the page may get its events all the same"
        assert asyncio.run(events.apost("news", 1)) <= 0
        assert events.flush(0) in {True, False}


def test_many_requests_of_one_call_share_its_time() -> None:
    def slow(peer: Peer, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        while peer.read_request(file):
            peer.stop.wait(0.6)
            connection.sendall(answer({"ids": [1] * 9}))

    with peers() as start:
        peer = start(slow)
        with override_settings(EVENT_DAEMON_USE=True, EVENT_DAEMON_URL=peer.url, EVENT_DAEMON_TIMEOUT=1.0):
            assert 0 in events.post_many([("news", "x" * 900_000)] * 45)
        posts = [line for line, _, _ in peer.requests if line.startswith("POST")]
        assert len(posts) <= 2, "the third one's turn comes when the time is over"
