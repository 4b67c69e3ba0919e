"""Does a new socket go to whom its first bytes are for, and not wait for them for ever?"""

import asyncio

import pytest

from oyez.limits import LimitSettings
from oyez.net.spare_sockets import SpareSockets
from tests.fake_sockets import Callbacks, Loop
from tests.fakes import places_with
from tests.unit.first_sockets import HANDSHAKE, Side, SocketFrom


class Idle:
    """A kept connection that makes room when it is asked to."""

    def __init__(self) -> None:
        self.is_closed = False

    def close_idle(self) -> bool:
        self.is_closed = True
        return True


def test_a_plain_handshake_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Loop(monkeypatch.setattr)
    side = Side()
    first, socket = side.connect()
    first.data_received(HANDSHAKE)
    assert socket.written.startswith(b"HTTP/1.1 101 ")
    assert len(side.receivers) == 1
    assert side.state.connections == set()


def test_a_plain_handshake_that_is_a_bad_one_is_refused_and_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    Loop(monkeypatch.setattr)
    side = Side()
    first, socket = side.connect()
    first.data_received(HANDSHAKE.replace(b"Version: 13", b"Version: 8"))
    assert socket.written.startswith(b"HTTP/1.1 400 ")
    assert side.notes == ["bad-handshake"]
    assert side.receivers == []


@pytest.mark.parametrize(
    "data",
    [
        HANDSHAKE[:-2],
        HANDSHAKE + b"more",
        HANDSHAKE.replace(b"GET", b"POST"),
        HANDSHAKE.replace(b"1.1", b"1.0"),
        HANDSHAKE.replace(b"/event/", b"/%65vent/"),
        HANDSHAKE.replace(b"/event/", b"/event/#a"),
        HANDSHAKE.replace(b"judge.example", b"u@judge.example"),
        HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: close"),
        HANDSHAKE.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
        HANDSHAKE.replace(b"/event/", b"/" + b"x" * Callbacks.limits.max_header_bytes),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01",
    ],
    ids=lambda data: str(len(data)),
)
def test_all_else_goes_to_the_http_side_as_it_came(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on: list[bytes] = []

    class HttpSide(asyncio.Protocol):
        def __init__(self, callbacks: object, share: object, **of_uvicorn: object) -> None:
            assert of_uvicorn.keys() == {"server_state"}

        def data_received(self, data: bytes) -> None:
            passed_on.append(data)

    monkeypatch.setattr("oyez.net.http.first_bytes.DirectConnection", HttpSide)
    side = Side()
    first, _ = side.connect()
    first.data_received(data)
    assert passed_on == [data]
    assert side.receivers == []
    assert side.state.connections == set()


def test_a_socket_over_the_limit_takes_the_place_of_the_one_that_has_been_idle_for_longest() -> None:
    side = Side()
    longest, other = Idle(), Idle()
    sockets = [side.connect()[1] for _ in range(2)]
    side.spare = SpareSockets()
    side.spare.offer(longest)
    side.spare.offer(other)
    _, third = side.connect()
    assert longest.is_closed
    assert not other.is_closed
    assert not any(socket.ended for socket in [*sockets, third])


def test_over_the_limit_the_socket_goes_that_has_said_nothing_for_longest() -> None:
    side = Side()
    sockets = [side.connect()[1] for _ in range(4)]
    assert [socket.ended for socket in sockets] == [True, True, False, False]
    assert side.notes == []


def test_a_socket_over_the_limit_is_closed_when_all_others_have_asked() -> None:
    side = Side()
    sockets = [side.connect()[1] for _ in range(2)]
    side.spare = SpareSockets()
    _, third = side.connect()
    assert [socket.ended for socket in [*sockets, third]] == [False, False, True]
    assert side.notes == ["at-capacity"]


def test_what_is_refused_for_lack_of_room_is_counted_for_its_address_too() -> None:
    side = Side()
    side.places = places_with(LimitSettings(), side.clock)
    for _ in range(2):
        side.connect()
    side.spare = SpareSockets()
    _, third = side.connect(SocketFrom("192.0.2.1"))
    share = side.places.shares.of_host("192.0.2.1")
    assert share is not None
    assert (third.ended, share.refusals) == (True, {"at-capacity": 1})


@pytest.mark.parametrize("end", ["tick", "shutdown"])
def test_a_socket_that_says_nothing_is_closed_in_time_or_with_the_daemon(end: str) -> None:
    first, socket = Side().connect()
    assert not first.eof_received()
    first.tick(0.0) if end == "tick" else first.shutdown()
    assert socket.ended
