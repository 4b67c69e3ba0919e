"""Has one address its share over all doors together, and is what is over refused in a way that clients understand?"""

import json
import socket
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.inbox import PATIENCE_S
from tests.integration.bystanders import refusals
from tests.integration.dialects import RawListener, RawPoster, poll
from tests.integration.links import Link, Sender, eventually, metrics
from tests.raw import Polling, WebSocket, read_to_end, request

ATTACKER, OTHER = "203.0.113.9", "198.51.100.7"
TOO_MANY = '{"code":"too-many-connections","message":"Too many connections from your address"}'


def behind(address: str) -> dict[str, Any]:
    """Return what a proxy adds; it is a trusted one, as tests come from 127.0.0.1."""
    return {"X_Forwarded_For": address}


def fill(stack: ExitStack, daemon: Daemon, count: int, address: str = ATTACKER) -> None:
    for _ in range(count):
        stack.enter_context(RawListener(daemon.port, "x", **behind(address)))


def test_the_share_of_an_address_is_one_for_all_doors(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections_per_address": 3})
    port, attacker = daemon.port, behind(ATTACKER)
    with ExitStack() as stack:
        fill(stack, daemon, 1)
        stack.enter_context(Link(port, **attacker))
        stack.callback(Stream(port, "/sse?channel=x", **attacker).drop)
        eventually(lambda: metrics(port)["oyez_listeners"] == 3, "a full share")
        with WebSocket(port, "/event/", **attacker) as refused:
            assert (refused.status, refused.rest().decode()) == (429, TOO_MANY)
            assert refused.headers["retry-after"] == "30"
        answer = poll(port, "x", **attacker)
        assert answer.error == (429, TOO_MANY)
        assert 0 < int(answer.headers["retry-after"]) <= 30
        assert read_status(Stream(port, "/sse?channel=x", **attacker)) == "server-capacity"
        with Link(port, **attacker) as told:
            event, said = told.event()
            assert (event, said["code"]) == ("error", "server-capacity")
        with RawListener(port, "x", **behind(OTHER)) as other, Sender(port) as poster:
            poster.post("x", 1)
            assert [event["message"] for event in other.events(1)] == [1]
    assert refusals(daemon, "address-connections") == 4


def read_status(stream: Stream) -> str:
    return str(json.loads(stream.record().data)["code"])


def test_sessions_over_one_connection_are_counted_each(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections_per_address": 10})
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE_S) as link:
        target = "/socket.io/?EIO=4&transport=polling"
        handshake = f"GET {target} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {ATTACKER}\r\n\r\n"
        link.sendall(handshake.encode() * 14 + handshake.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
        answers = read_to_end(link).decode()
    assert answers.count('0{"sid"') == 14
    assert answers.count('{"code":7,"message":"Too many connections from your address"}') == 1
    assert "HTTP/1.1 429 " in answers
    assert "retry-after: 30" in answers.lower()
    assert Polling(daemon.port, **behind(OTHER)).sid


def test_connects_that_come_too_fast_wait(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.connects_per_second_per_address": "0.1 burst 3"})
    with ExitStack() as stack:
        fill(stack, daemon, 3)
        with WebSocket(daemon.port, "/event/", **behind(ATTACKER)) as refused:
            assert (refused.status, refused.rest().decode()) == (429, TOO_MANY)
            assert 0 < int(refused.headers["retry-after"]) <= 10
        fill(stack, daemon, 3, OTHER)
    assert refusals(daemon, "address-connects") == 1


def test_posters_that_show_the_key_count_for_no_address(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(
        settings={"limits.max_connections_per_address": 1, "limits.connects_per_second_per_address": "0.1 burst 4"}
    )
    with ExitStack() as stack:
        for _ in range(9):
            stack.enter_context(RawPoster(daemon.port, **behind(ATTACKER)))
        fill(stack, daemon, 1)
        with WebSocket(daemon.port, "/event/", **behind(ATTACKER)) as refused:
            assert refused.status == 429


@pytest.mark.parametrize("exempt", ["203.0.113.0/24", "::ffff:203.0.113.9"])
def test_exempt_networks_may_have_all_there_is(start_daemon: StartDaemon, exempt: str) -> None:
    daemon = start_daemon(settings={"limits.max_connections_per_address": 1, "limits.exempt_networks": [exempt]})
    with ExitStack() as stack:
        fill(stack, daemon, 12)


def test_a_proxy_that_names_nobody_may_have_all_there_is(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections_per_address": 1})
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(RawListener(daemon.port, "x", Connection="upgrade", Host="judge.example"))


def test_a_host_of_ipv6_has_one_share_for_all_its_addresses(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections_per_address": 2})
    with ExitStack() as stack:
        fill(stack, daemon, 1, "2001:db8::1")
        fill(stack, daemon, 1, "2001:db8::ffff:2")
        with WebSocket(daemon.port, "/event/", **behind("2001:db8::3")) as refused:
            assert refused.status == 429
        fill(stack, daemon, 1, "2001:db8:0:1::1")


def test_silent_sockets_keep_nobody_out(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(wrapper=("prlimit", "--nofile=200"))
    with ExitStack() as stack:
        for number in range(400):
            silent = stack.enter_context(socket.socket())
            silent.bind((f"127.0.66.{number % 100}", 0))
            silent.connect(("127.0.0.1", daemon.port))
            if number % 40 == 0:
                with Sender(daemon.port) as poster:
                    assert poster.post("x", number)
                assert request(daemon.port, "GET", "/healthz").status == 200


def test_sockets_of_one_address_without_a_session_are_bounded(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"limits.max_connections_per_address": 1})
    with ExitStack() as stack:
        sockets = []
        for _ in range(11):
            silent = stack.enter_context(socket.socket())
            silent.settimeout(PATIENCE_S)
            silent.bind(("127.0.66.1", 0))
            silent.connect(("127.0.0.1", daemon.port))
            sockets.append(silent)
        assert read_to_end(sockets[-1]) == b""
        eventually(lambda: refusals(daemon, "address-sockets") == 1, "a refused socket")
        assert request(daemon.port, "GET", "/healthz").status == 200
