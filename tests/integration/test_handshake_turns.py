"""Is one visitor's crowd of handshakes no crowd for the others, whether a proxy names them or not?"""

import socket
from contextlib import ExitStack

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.raw import dial, request, text_frame, upgrade_request

CROWD, SEATS = 80, 40
ROOM = {"limits.max_connections": SEATS, "limits.max_connections_per_address": SEATS}


class Visitor:
    """Somebody who asks for WebSockets, each on a socket of its own."""

    def __init__(self, daemon: Daemon, stack: ExitStack, address: str, *, proxied: bool) -> None:
        self._daemon = daemon
        self._stack = stack
        self._source = None if proxied else address
        self.words = upgrade_request("/event/", **({"X_Forwarded_For": address} if proxied else {}))

    def dial(self) -> socket.socket:
        return self._stack.enter_context(dial(self._daemon.port, source=self._source))


@pytest.mark.parametrize("proxied", [False, True], ids=["directly", "by a proxy"])
@pytest.mark.parametrize(
    ("early", "behind"),
    [
        pytest.param(0, b"", id="in one piece"),
        pytest.param(1, b"", id="in two"),
        pytest.param(0, text_frame('{"command":"start_msg","start":0}'), id="with what follows"),
    ],
)
def test_one_handshake_overtakes_a_crowd_that_takes_all_seats(
    start_daemon: StartDaemon, early: int, behind: bytes, *, proxied: bool
) -> None:
    daemon = start_daemon(settings=ROOM)
    with ExitStack() as stack:
        crowd = Visitor(daemon, stack, "127.0.6.1", proxied=proxied)
        other = Visitor(daemon, stack, "127.0.7.1", proxied=proxied)
        links = [crowd.dial() for _ in range(CROWD)]
        for link in links:
            link.sendall(crowd.words[:early])
        late = other.dial()
        assert request(daemon.port, "GET", "/healthz").status == 200  # all who came before are in by now
        daemon.suspend()
        for link in links:
            link.sendall(crowd.words[early:] + behind)
        late.sendall(other.words)
        daemon.resume()
        assert late.recv(64).startswith(b"HTTP/1.1 101 ")
        assert [link.recv(64)[:12] for link in links].count(b"HTTP/1.1 101") == SEATS - 1
