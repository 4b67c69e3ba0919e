"""Does a session move from polling to a WebSocket without losing a packet, and survive every attempt that fails?"""

import time

import pytest

from tests.conformance.conftest import Echo
from tests.raw import BINARY, NO_CODE, Closed, Polling, WebSocket, frame, request


def probed(session: Polling) -> WebSocket:
    websocket = session.open_websocket()
    assert websocket.status == 101
    websocket.send("2probe")
    assert websocket.receive() == "3probe"
    return websocket


def check_polling_lives(session: Polling) -> None:
    session.post("4alive")
    assert session.packets()[-1] == "4alive"


def test_upgraded_session_goes_on_over_the_websocket(echo: Echo) -> None:
    session = echo.poll()
    with probed(session) as websocket:
        websocket.send("5", "4hello")
        assert websocket.receive() == "4hello"
        websocket.send(b"\x01")
        assert websocket.receive() == b"\x01"
        bad_request = (400, '{"code":3,"message":"Bad request"}')
        assert session.get().error == bad_request
        assert session.post("4x").error == bad_request
        websocket.send("4still here")
        assert websocket.receive() == "4still here"


def test_pending_poll_gets_a_noop_soon_and_again(echo: Echo) -> None:
    session = echo.poll()
    pending = session.begin_get()
    with probed(session) as websocket:
        began = time.monotonic()
        assert pending.answer().error == (200, "6")
        assert session.get().error == (200, "6")  # a client may have polled once more before its probe was answered
        assert time.monotonic() - began < 20  # without one, until the next ping, a minute later
        websocket.send("5", "4x")
        assert websocket.receive() == "4x"


def test_packets_that_wait_are_flushed_to_the_websocket(echo: Echo) -> None:
    session = echo.poll()
    with probed(session) as websocket:
        session.post("4one", "bAQIDBA==", "4two")
        websocket.send("5", "4three")
        assert websocket.take(4) == ["4one", b"\x01\x02\x03\x04", "4two", "4three"]


def test_packets_during_the_probe_go_out_on_a_poll(echo: Echo) -> None:
    session = echo.poll()
    with probed(session) as websocket:
        session.post("4one")
        assert session.packets() == ["4one"]
        session.post("4two")
        websocket.send("5")
        assert websocket.receive() == "4two"


def test_probe_may_be_repeated(echo: Echo) -> None:
    session = echo.poll()
    with probed(session) as websocket:
        websocket.send("2probe")
        assert websocket.receive() == "3probe"
        websocket.send("5", "4x")
        assert websocket.receive() == "4x"


@pytest.mark.parametrize("step", ["probing", "upgraded"])
def test_second_websocket_is_closed_and_the_first_lives(echo: Echo, step: str) -> None:
    session = echo.poll()
    with probed(session) as first:
        if step == "upgraded":
            first.send("5", "4x")
            assert first.receive() == "4x"
        with session.open_websocket() as second:
            assert second.close_code() == NO_CODE
        if step == "probing":
            first.send("5")
        first.send("4alive")
        assert first.receive() == "4alive"


def test_second_websocket_on_a_websocket_session_is_closed(echo: Echo) -> None:
    with echo.dial() as first:
        sid = str(first.receive()).split('"')[3]
        with WebSocket(echo.port, f"/engine.io/?EIO=4&transport=websocket&sid={sid}") as second:
            assert second.close_code() == NO_CODE
        first.send("4alive")
        assert first.receive() == "4alive"


@pytest.mark.parametrize("packet", ["abc", "2", "2other", "4hello", "3probe", "5", "1", "", b"2probe"], ids=repr)
def test_websocket_that_begins_wrongly_is_closed_and_polling_lives(echo: Echo, packet: str | bytes) -> None:
    session = echo.poll()
    with session.open_websocket() as websocket:
        websocket.raw(frame(BINARY, packet) if isinstance(packet, bytes) else frame(1, packet.encode()))
        assert websocket.close_code() == NO_CODE
    check_polling_lives(session)


@pytest.mark.parametrize("packet", ["4hello", "3", "abc"])
def test_websocket_that_says_something_else_after_the_probe_is_closed(echo: Echo, packet: str) -> None:
    session = echo.poll()
    with probed(session) as websocket:
        websocket.send(packet)
        assert websocket.close_code() == NO_CODE
    check_polling_lives(session)


@pytest.mark.parametrize("step", ["before the probe", "after the probe"])
def test_polling_survives_a_websocket_that_goes_away(echo: Echo, step: str) -> None:
    session = echo.poll()
    websocket = session.open_websocket() if step.startswith("before") else probed(session)
    websocket.drop()
    check_polling_lives(session)
    with retried(session) as second:
        second.send("5", "4upgraded")
        assert second.receive() == "4upgraded"


def retried(session: Polling) -> WebSocket:
    """Probe until the server has noticed that the WebSocket before is gone."""
    for _ in range(200):
        websocket = session.open_websocket()
        websocket.send("2probe")
        try:
            assert websocket.receive() == "3probe"
        except Closed:
            websocket.drop()
        else:
            return websocket
    raise AssertionError("the session takes no other WebSocket")


def test_session_that_ends_takes_its_candidate_with_it(echo: Echo) -> None:
    session = echo.poll()
    with probed(session) as websocket:
        session.post("1")
        assert websocket.close_code() == NO_CODE
    assert session.is_gone


def test_upgrade_in_the_middle_of_a_stream_keeps_order(echo: Echo) -> None:
    session = echo.poll()
    sent = [f"4{n}" for n in range(200)]
    session.post(*sent[:50])
    received: list[str] = []
    while len(received) < 50:  # an answer need not carry all that waits
        received += session.packets()
    session.post(*sent[50:100])
    with probed(session) as websocket:
        session.post(*sent[100:150])
        websocket.send("5", *sent[150:])
        received += [str(message) for message in websocket.take(150)]
    assert received == sent
    assert request(echo.port, "GET", session.target).status == 400
