"""Do handshakes wait for the turn of whoever sent them, and lose nothing by it?"""

import asyncio
import socket

import pytest
from starlette.responses import Response
from uvicorn.config import Config
from uvicorn.server import ServerState

from oyez.net.http.handshake import Refusal
from oyez.net.http.handshake_turns import WaitingHandshake
from oyez.net.websocket.connection import WebSocketConnection
from tests.fake_sockets import Loop
from tests.raw import text_frame
from tests.unit.first_sockets import HANDSHAKE, STREAM, BusySide, SocketFrom, handshake_of

VISITOR, OTHER, PROXY = "203.0.113.9", "203.0.113.10", "127.0.0.1"
FULL = Refusal(429, "Too Many Requests", b"{}")


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    return Loop(monkeypatch.setattr)


def is_let_in(transport: SocketFrom) -> bool:
    return transport.written.startswith(b"HTTP/1.1 101 ")


def waiting_on(transport: SocketFrom) -> WaitingHandshake:
    assert isinstance(transport.protocol, WaitingHandshake)
    return transport.protocol


@pytest.mark.parametrize("made_up", ["", "198.51.100.7, "], ids=["alone", "behind what it made up"])
def test_a_visitor_of_a_proxy_waits_for_its_turn_and_others_do_not(made_up: str, loop: Loop) -> None:
    side = BusySide(VISITOR)
    busy = side.shake_hands(PROXY, handshake_of(made_up + VISITOR))
    other = side.shake_hands(PROXY, handshake_of(OTHER))
    poster = side.shake_hands(PROXY)
    assert [busy.written, is_let_in(other), is_let_in(poster)] == [b"", True, True]
    loop.run()
    assert is_let_in(busy)
    assert len(side.receivers) == 3
    assert isinstance(busy.protocol, WebSocketConnection)
    assert side.state.connections == set()
    assert len(side.spare) == 0


def test_an_address_waits_for_its_turn_and_its_socket_is_counted_until_then(loop: Loop) -> None:
    side = BusySide(VISITOR)
    busy = side.shake_hands(VISITOR)
    other = side.shake_hands(OTHER)
    assert [busy.written, is_let_in(other)] == [b"", True]
    assert [side.share(host).sockets for host in (VISITOR, OTHER)] == [1, 0]
    loop.run()
    assert is_let_in(busy)
    assert side.share(VISITOR).sockets == 0


def test_one_that_comes_later_does_not_overtake_those_of_its_address_that_wait(loop: Loop) -> None:
    side = BusySide(VISITOR)
    first = side.shake_hands(VISITOR)
    side.clock.now += 1  # the turn is over, and the next one has not begun
    second = side.shake_hands(VISITOR)
    assert (first.written, second.written) == (b"", b"")
    loop.run()
    assert is_let_in(first)
    assert is_let_in(second)


@pytest.mark.parametrize("end", ["lost", "closing"])
def test_whoever_goes_while_it_waits_gives_its_place_back_and_is_not_judged(end: str, loop: Loop) -> None:
    side = BusySide(VISITOR)
    gone = side.shake_hands(VISITOR)
    waiting = waiting_on(gone)
    assert not waiting.eof_received()
    if end == "lost":
        waiting.connection_lost(None)
        assert side.is_empty
    else:
        waiting.abort()
    loop.run()
    waiting.connection_lost(None)
    assert side.is_empty
    assert side.share(VISITOR).sockets == 0
    assert side.receivers == []


def test_what_comes_behind_a_handshake_is_kept_and_nothing_more_is_read_until_its_turn(loop: Loop) -> None:
    side = BusySide(VISITOR)
    hasty = side.shake_hands(VISITOR)
    assert hasty.reading
    waiting_on(hasty).data_received(text_frame("one"))
    assert not hasty.reading
    loop.run()
    assert hasty.reading
    assert [receiver.got for receiver in side.receivers] == [["one"]]


def test_the_end_of_one_that_is_not_read_any_more_is_seen(loop: Loop) -> None:
    side = BusySide(VISITOR)
    hasty = side.shake_hands(VISITOR)
    waiting = waiting_on(hasty)
    hasty.real, far = socket.socketpair()
    with hasty.real, far:
        waiting.data_received(text_frame("one"))
        waiting.tick(1.0)
        assert not hasty.ended
        assert waiting.tick_slot
        far.close()
        waiting.tick(2.0)
        assert hasty.ended


@pytest.mark.parametrize("end", ["close", "leave"])
def test_when_all_have_to_end_whoever_waits_is_told_what_it_would_have_been(end: str, loop: Loop) -> None:
    side = BusySide(VISITOR)
    told = side.shake_hands(VISITOR)
    side.refusal = FULL
    waiting = waiting_on(told)
    waiting.close() if end == "close" else waiting.leave()
    assert told.written.startswith(b"HTTP/1.1 429 ")
    loop.run()
    assert (told.writes, told.ended) == (1, True)


# Where all sockets are taken


def test_whoever_waits_makes_room_and_is_told_before(loop: Loop) -> None:
    side = BusySide(VISITOR, max_sockets=3)
    side.refusal = FULL._replace(share=side.share(VISITOR))
    told = [side.shake_hands(VISITOR) for _ in range(3)]
    _, new = side.connect()
    assert [len(one.written) > 0 for one in told] == [True, False, False]
    assert [one.ended for one in [*told, new]] == [True, False, False, False]
    assert told[0].written.startswith(b"HTTP/1.1 429 ")
    assert side.notes == []


def test_whoever_waits_is_told_though_its_refusals_are_paced(loop: Loop) -> None:
    side = BusySide(VISITOR, max_sockets=1)
    share = side.share(VISITOR)
    side.refusal = FULL._replace(share=share)
    for _ in range(60):
        side.refusals.add(share, lambda: None)
    told = side.shake_hands(VISITOR)
    side.connect()
    assert told.written.startswith(b"HTTP/1.1 429 ")
    assert told.ended


def test_whoever_is_let_in_keeps_its_socket_and_the_next_one_makes_room(loop: Loop) -> None:
    side = BusySide(VISITOR, max_sockets=2)
    waiting = side.shake_hands(VISITOR)
    silent = side.connect()[1]
    new = side.connect()[1]
    assert is_let_in(waiting)
    assert [one.ended for one in (waiting, silent, new)] == [False, True, False]


def test_a_newcomer_goes_if_all_that_waited_are_let_in(loop: Loop) -> None:
    side = BusySide(VISITOR, max_sockets=20)
    waiting = [side.shake_hands(VISITOR) for _ in range(20)]
    new = side.connect()[1]
    assert new.ended
    assert not any(one.ended for one in waiting)
    assert 0 < sum(is_let_in(one) for one in waiting) < 20  # so many in one step, and no more


def test_one_that_is_closed_already_has_made_room(loop: Loop) -> None:
    side = BusySide(VISITOR, max_sockets=1)
    gone = side.shake_hands(VISITOR)
    gone.abort()
    assert not side.connect()[1].ended


def test_an_address_that_has_all_its_sockets_is_judged_for_what_waits(loop: Loop) -> None:
    side = BusySide(VISITOR, max_connections_per_address=1)
    most = side.places.bounds.sockets
    waiting = [side.shake_hands(VISITOR) for _ in range(most)]
    new = side.connect(SocketFrom(VISITOR))[1]
    assert not new.ended
    assert [is_let_in(one) for one in waiting] == [True] + [False] * (most - 1)
    assert side.share(VISITOR).sockets == most


# Errors of ours


def test_an_error_of_ours_closes_the_one_socket(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    side = BusySide(VISITOR)
    broken = side.shake_hands(VISITOR)
    side.refusal = "no refusal"  # type: ignore[assignment]
    whole = side.shake_hands(VISITOR)
    loop.ready.pop(0)()
    assert (broken.ended, whole.ended) == (True, True)
    assert "an error of ours" in caplog.text


# Handshakes that go by the HTTP side


class HttpSide(BusySide):
    """One whose HTTP connections are real."""

    def __init__(self) -> None:
        super().__init__(VISITOR)
        config = Config(Response(), interface="asgi3", lifespan="off", log_config=None)
        config.load()
        self.http = ServerState()
        self.of_uvicorn = {"config": config, "server_state": self.http, "app_state": {}}

    def send(self, *pieces: bytes) -> SocketFrom:
        """Have pieces come on a new socket of the visitor, which has to wait then."""
        late = SocketFrom(VISITOR)
        reader: asyncio.Protocol = self.connect(late)[0]
        for piece in pieces:
            reader.data_received(piece)
            assert isinstance(late.protocol, asyncio.Protocol)
            reader = late.protocol
        assert late.written == b""
        waiting_on(late)
        assert self.share(VISITOR).sockets == 1
        return late


async def wait_with_a_handshake(pieces: list[bytes], got: list[str]) -> None:
    side = HttpSide()
    late = side.send(*pieces)
    await asyncio.sleep(0)
    assert is_let_in(late)
    assert [receiver.got for receiver in side.receivers] == [got]
    assert (side.share(VISITOR).sockets, side.http.connections, len(side.spare)) == (0, set(), 0)


async def wait_with_a_request_for_a_stream() -> None:
    side = HttpSide()
    late = side.send(b"GET %b HTTP/1.1\r\nHost: judge.example\r\n\r\n" % STREAM)
    await asyncio.sleep(0)
    assert late.written.startswith(b"HTTP/1.1 503 ")
    assert side.share(VISITOR).sockets == 0


@pytest.mark.parametrize(
    ("pieces", "got"),
    [
        pytest.param([HANDSHAKE[:100], HANDSHAKE[100:]], [], id="in two pieces"),
        pytest.param([HANDSHAKE[at : at + 1] for at in range(len(HANDSHAKE))], [], id="byte by byte"),
        pytest.param([HANDSHAKE.replace(b"websocket", b"WebSocket")], [], id="in other words"),
        pytest.param([HANDSHAKE + text_frame("one")], ["one"], id="with what follows"),
        pytest.param([HANDSHAKE[:100], HANDSHAKE[100:] + text_frame("one")], ["one"], id="in two, with what follows"),
    ],
)
def test_a_handshake_that_is_not_plain_waits_as_well(pieces: list[bytes], got: list[str]) -> None:
    asyncio.run(wait_with_a_handshake(pieces, got))


def test_a_request_for_a_stream_waits_as_well() -> None:
    asyncio.run(wait_with_a_request_for_a_stream())
