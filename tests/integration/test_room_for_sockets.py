"""Does a daemon whose sockets are all taken make room at the cost of those that nobody can miss?"""

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon import Daemon
from tests.integration.dialects import RawListener, RawPoster
from tests.raw import Polling, dial, request, upgrade_request

# With 96 open files there are 32 sockets. Of one address there may be 16 sessions.
SMALL = ("prlimit", "--nofile=96")
ATTACKER, OTHER = "127.0.6.1", "127.0.7.1"
MORE_THAN_FIT = 40

Attack = Callable[[Daemon, ExitStack], None]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path, wrapper=SMALL) as daemon:
        yield daemon


def ask(daemon: Daemon, stack: ExitStack, data: bytes) -> socket.socket | None:
    """Say something, and stay without reading the answer; None: the socket was not let in."""
    with contextlib.suppress(OSError):
        link = stack.enter_context(dial(daemon.port, source=ATTACKER))
        link.sendall(data)
        return link
    return None


def be_refused(target: str) -> Attack:
    def attack(daemon: Daemon, stack: ExitStack) -> None:
        for _ in range(MORE_THAN_FIT):
            ask(daemon, stack, upgrade_request(target))

    return attack


def never_upgrade(daemon: Daemon, stack: ExitStack) -> None:
    """Poll, and have beside it a WebSocket that is to take over, and does not."""
    for _ in range(16):
        with contextlib.suppress(OSError):
            polling = Polling(daemon.port, source=ATTACKER)
            ask(daemon, stack, f"GET {polling.target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            ask(daemon, stack, upgrade_request(polling.target.replace("=polling", "=websocket")))


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(be_refused("/nowhere"), id="refused"),
        pytest.param(be_refused("/socket.io/?EIO=4&transport=websocket&sid=none"), id="of no session"),
        never_upgrade,
    ],
)
def test_one_address_keeps_nobody_out_by_sockets_that_nobody_can_miss(small: Daemon, attack: Attack) -> None:
    with RawListener(small.port, "x", source=OTHER) as early, ExitStack() as stack:
        attack(small, stack)
        with RawListener(small.port, "x", source=OTHER) as late, RawPoster(small.port) as poster:
            posted = poster.post("x", 1)
            assert [listener.events(1) for listener in (early, late)] == [posted, posted]
        assert request(small.port, "GET", "/healthz").status == 200


def test_a_poster_is_heard_though_its_address_has_all_its_sockets(small: Daemon) -> None:
    with ExitStack() as stack:
        for _ in range(MORE_THAN_FIT):
            ask(small, stack, b"")
        for _ in range(5):
            with RawPoster(small.port, source=ATTACKER) as poster:
                assert poster.post("x", 1)
