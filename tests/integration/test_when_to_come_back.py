"""Whoever is refused, at whatever door and for whatever reason: is it told when to come back?"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.integration.bystanders import refusals
from tests.integration.dialects import poll
from tests.integration.links import TARGET
from tests.raw import Answer, WebSocket, request

VISITOR = "203.0.113.9"
POLLING = "/socket.io/?EIO=4&transport=polling"

# With 96 open files there are 28 sessions, 24 of which may listen.
SMALL = ("prlimit", "--nofile=96")


# --- doors: each is asked by the visitor, and returns status, code and after how many seconds it may come back -------

Told = tuple[int, str, float]


def read_answer(answer: Answer) -> Told:
    code = re.search(r'"code":"?([\w-]+)', answer.body)
    return answer.status, code[1] if code else "", float(answer.headers["retry-after"])


def ask(method: str, target: str) -> Callable[[Daemon], Told]:
    return lambda daemon: read_answer(request(daemon.port, method, target, X_Forwarded_For=VISITOR))


def upgrade(target: str) -> Callable[[Daemon], Told]:
    def knock(daemon: Daemon) -> Told:
        with WebSocket(daemon.port, target, X_Forwarded_For=VISITOR) as link:
            return read_answer(Answer(link.status, link.headers, link.rest().decode()))

    return knock


def follow(daemon: Daemon) -> Told:
    with Stream(daemon.port, "/sse?channel=x", X_Forwarded_For=VISITOR) as stream:
        words = stream.rest().decode()
        code, retry = re.search(r'"code":"([\w-]+)"', words), re.search(r"^retry: (\d+)$", words, re.MULTILINE)
        assert code
        assert retry
        return stream.status, code[1], int(retry[1]) / 1000


def wait_for_event(daemon: Daemon) -> Told:
    return read_answer(poll(daemon.port, "x", X_Forwarded_For=VISITOR))


DOORS: dict[str, Callable[[Daemon], Told]] = {
    "Socket.IO on polling": ask("GET", POLLING),
    "Socket.IO on WebSocket": upgrade(TARGET),
    "raw listener": upgrade("/event/"),
    "raw poster": upgrade("/post"),
    "event stream": follow,
    "long poll": wait_for_event,
}


# --- reasons: how a daemon comes to refuse the visitor ----------------------------------------------------------------


def fill_all(daemon: Daemon, stack: ExitStack) -> None:
    """Take every seat and every session, each from an address of its own."""
    for number in range(24):
        fill_one(daemon, stack, "/event/", f"198.51.100.{number}")
    for number in range(4):
        fill_one(daemon, stack, "/post", f"192.0.2.{number}")


def fill_address(daemon: Daemon, stack: ExitStack) -> None:
    fill_one(daemon, stack, "/event/", VISITOR)
    for _ in range(4):
        fill_one(daemon, stack, "/post", VISITOR)


def use_up_connects(daemon: Daemon, stack: ExitStack) -> None:
    fill_one(daemon, stack, "/event/", VISITOR)


def fill_one(daemon: Daemon, stack: ExitStack, target: str, address: str) -> None:
    link = stack.enter_context(WebSocket(daemon.port, target, X_Forwarded_For=address))
    assert link.status == 101


Fill = Callable[[Daemon, ExitStack], None]

REASONS: dict[str, tuple[dict[str, object], Fill]] = {
    "at-capacity": ({}, fill_all),
    "address-connections": ({"limits.max_connections_per_address": 1}, fill_address),
    "address-connects": ({"limits.connects_per_second_per_address": "0.05 burst 1"}, use_up_connects),
}

# Of all, of one address; Socket.IO has codes of its own.
CODES = {
    "Socket.IO on polling": ("6", "7"),
    "Socket.IO on WebSocket": ("6", "7"),
    "event stream": ("server-capacity", "server-capacity"),
}
USUAL_CODES = ("server-capacity", "too-many-connections")

# How long anybody may be sent away for (seconds): places of polls come and go, and posters have events that wait.
LONGEST = {"raw poster": 1, "long poll": 5, "event stream": 45}
USUAL_LONGEST = 30


@pytest.fixture(scope="module", params=REASONS)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Daemon]]:
    settings, fill = REASONS[request.param]
    with Daemon(tmp_path_factory.mktemp("full"), settings=settings, wrapper=SMALL) as daemon, ExitStack() as stack:
        fill(daemon, stack)
        yield request.param, daemon


@pytest.mark.parametrize("door", DOORS)
def test_a_door_without_room_says_when_to_come_back(full: tuple[str, Daemon], door: str) -> None:
    reason, daemon = full
    before = refusals(daemon, reason)
    status, code, after_s = DOORS[door](daemon)
    is_of_all = reason == "at-capacity"
    assert status == (200 if door == "event stream" else 503 if is_of_all else 429)
    assert code == CODES.get(door, USUAL_CODES)[not is_of_all]
    assert 1 <= after_s <= LONGEST.get(door, USUAL_LONGEST)
    assert refusals(daemon, reason) == before + 1


# --- what is asked for too often, and keys ----------------------------------------------------------------------------

REQUESTS = {
    "Socket.IO on polling": ask("GET", POLLING),
    "long poll": wait_for_event,
    "API without a key": ask("POST", "/api/publish"),
    "API, an unknown path": ask("GET", "/api/nothing"),
    "event.js": ask("GET", "/event.js"),
    "health": ask("GET", "/healthz"),
    "preflight": ask("OPTIONS", "/sse"),
}


@pytest.fixture(scope="module")
def indebted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that has been asked for all that the visitor may ask for in a minute."""
    settings = {"limits.commands_per_second_per_address": "0.1 burst 5"}
    with Daemon(tmp_path_factory.mktemp("indebted"), settings=settings) as daemon:
        assert request(daemon.port, "GET", "/healthz", X_Forwarded_For=VISITOR).status == 200
        yield daemon


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_too_many_is_told_when_to_come_back(indebted: Daemon, kind: str) -> None:
    status, code, after_s = REQUESTS[kind](indebted)
    assert (status, code) == (429, "too-many-requests")
    assert 40 <= after_s <= 50


def test_a_wrong_key_too_many_is_told_when_to_come_back(tmp_path: Path) -> None:
    with Daemon(tmp_path, settings={"limits.auth_failures_per_minute": 1}) as daemon:
        guess = {"Authorization": "Bearer x", "X_Forwarded_For": VISITOR}
        assert request(daemon.port, "GET", "/api/last", **guess).status == 401
        answers = [read_answer(request(daemon.port, "GET", "/api/last", **guess)) for _ in range(2)]
        assert answers == [(429, "too-many-failures", 1), (429, "too-many-failures", 2)]
