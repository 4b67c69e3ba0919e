"""Is the heartbeat kept to the millisecond: pings in time, dead sessions gone in time, living ones left alone?"""

import time

import pytest

from tests.conformance.conftest import Echo
from tests.raw import NO_CODE, Closed

INTERVAL_S, TIMEOUT_S = 0.3, 0.2
SLACK_S = 5.0  # of a busy machine; early it may never be


def wait_until(moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        time.sleep(left)


def test_websocket_is_pinged_again_and_again(hasty: Echo) -> None:
    began = time.monotonic()
    with hasty.open() as websocket:
        for n in range(1, 4):
            assert websocket.receive() == "2"
            assert n * INTERVAL_S <= time.monotonic() - began < n * (INTERVAL_S + SLACK_S)
            websocket.send("3")


def test_poll_is_answered_by_a_ping(hasty: Echo) -> None:
    began = time.monotonic()
    session = hasty.poll()
    for n in range(1, 4):
        assert session.packets() == ["2"]
        assert time.monotonic() - began >= n * INTERVAL_S
        session.post("3")


def test_silent_websocket_is_closed(hasty: Echo) -> None:
    began = time.monotonic()
    with hasty.open() as websocket:
        assert websocket.receive() == "2"
        with pytest.raises(Closed) as closed:
            websocket.receive()
        assert INTERVAL_S + TIMEOUT_S - 0.01 <= time.monotonic() - began < INTERVAL_S + TIMEOUT_S + SLACK_S
        assert closed.value.code == NO_CODE


def test_silent_poller_is_gone_after_exactly_interval_and_timeout(hasty: Echo) -> None:
    session = hasty.poll()
    since_handshake = time.monotonic()
    wait_until(since_handshake + INTERVAL_S + TIMEOUT_S)
    assert session.get().error == (400, '{"code":1,"message":"Session ID unknown"}')


def test_pending_poll_of_a_silent_client_is_ended(hasty: Echo) -> None:
    session = hasty.poll()
    assert session.packets() == ["2"]
    assert session.begin_get().answer().error == (200, "6")
    assert session.is_gone


def test_any_packet_pushes_the_timeout_out_once(hasty: Echo) -> None:
    with hasty.open() as websocket:
        assert websocket.receive() == "2"
        pinged = time.monotonic()
        answered = 0

        def talk() -> None:
            nonlocal answered
            for _ in range(100):
                websocket.send("4x")
                assert websocket.receive() == "4x"
                answered += 1
                wait_until(time.monotonic() + 0.02)

        with pytest.raises(Closed):
            talk()
        assert answered > 1
        assert TIMEOUT_S - 0.01 <= time.monotonic() - pinged < 2 * TIMEOUT_S + SLACK_S


def test_pong_that_nobody_asked_for_delays_the_next_ping(hasty: Echo) -> None:
    delays_s: list[float] = []
    while not delays_s or (delays_s[-1] < INTERVAL_S - 0.01 and len(delays_s) < 10):
        with hasty.open() as websocket:  # again, if a busy machine let the first ping be due before the pong was read
            wait_until(time.monotonic() + 0.15)
            websocket.send("3")
            sent = time.monotonic()
            assert websocket.receive() == "2"
            delays_s.append(time.monotonic() - sent)
    assert delays_s[-1] >= INTERVAL_S - 0.01
