"""Does an Engine.IO session go where the protocol says, at the time it says?"""

import pytest

from oyez.net.engineio.settings import SocketioSettings
from oyez.wire import engineio
from oyez.wire.engineio_session import Action, SessionEvent, SessionMachine, SessionState

LIVING = [state for state in SessionState if state is not SessionState.CLOSED]


def session(state: SessionState = SessionState.WEBSOCKET) -> SessionMachine:
    return SessionMachine(state, SocketioSettings(ping_interval_s=25, ping_timeout_s=20), now=100.0)


@pytest.mark.parametrize(
    ("state", "event", "then", "action"),
    [
        (SessionState.POLLING, SessionEvent.PROBE, SessionState.PROBING, Action.ANSWER_PROBE),
        (SessionState.POLLING, SessionEvent.SWITCH, SessionState.POLLING, Action.DROP_CANDIDATE),
        (SessionState.POLLING, SessionEvent.OTHER_ON_CANDIDATE, SessionState.POLLING, Action.DROP_CANDIDATE),
        (SessionState.POLLING, SessionEvent.CANDIDATE_LOST, SessionState.POLLING, Action.NOTHING),
        (SessionState.POLLING, SessionEvent.PEER_CLOSE, SessionState.CLOSED, Action.END),
        (SessionState.PROBING, SessionEvent.PROBE, SessionState.PROBING, Action.ANSWER_PROBE),
        (SessionState.PROBING, SessionEvent.SWITCH, SessionState.WEBSOCKET, Action.SWITCH),
        (SessionState.PROBING, SessionEvent.OTHER_ON_CANDIDATE, SessionState.POLLING, Action.DROP_CANDIDATE),
        (SessionState.PROBING, SessionEvent.CANDIDATE_LOST, SessionState.POLLING, Action.NOTHING),
        (SessionState.PROBING, SessionEvent.PEER_CLOSE, SessionState.CLOSED, Action.END),
        (SessionState.WEBSOCKET, SessionEvent.PEER_CLOSE, SessionState.WEBSOCKET, Action.NOTHING),
        (SessionState.WEBSOCKET, SessionEvent.PROBE, SessionState.WEBSOCKET, Action.NOTHING),
        *((state, SessionEvent.MESSAGE, state, Action.DELIVER) for state in LIVING),
        *((state, SessionEvent.BAD_PACKET, SessionState.CLOSED, Action.END) for state in LIVING),
        *((state, SessionEvent.PONG_OVERDUE, SessionState.CLOSED, Action.END) for state in LIVING),
        *((SessionState.CLOSED, event, SessionState.CLOSED, Action.NOTHING) for event in SessionEvent),
    ],
)
def test_table(state: SessionState, event: SessionEvent, then: SessionState, action: Action) -> None:
    one = session(state)
    assert one.step(event) is action
    assert one.state is then


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (engineio.MESSAGE, Action.DELIVER),
        (engineio.PONG, Action.NOTHING),
        (engineio.OPEN, Action.NOTHING),
        (engineio.UPGRADE, Action.NOTHING),
        (engineio.NOOP, Action.NOTHING),
        (engineio.CLOSE, Action.NOTHING),
        (engineio.PING, Action.END),
        (b"7", Action.END),
        (b"", Action.END),
    ],
)
def test_packets_on_a_websocket(kind: bytes, action: Action) -> None:
    assert session().receive(kind, 101.0) is action


def test_heartbeat_of_a_lively_peer() -> None:
    one = session()
    assert one.deadline == 125
    assert one.tick(124.9) is Action.NOTHING
    assert one.tick(125) is Action.PING
    assert one.awaits_pong
    assert one.deadline == 145
    one.receive(engineio.PONG, 126)
    assert not one.awaits_pong
    assert one.deadline == 151  # the next ping counts from the pong
    assert one.tick(151) is Action.PING


def test_a_dead_peer_is_given_up_on_time() -> None:
    one = session()
    one.tick(125.04)  # a clock that ticks in steps
    assert one.deadline == pytest.approx(145)
    assert one.tick(144.99) is Action.NOTHING
    assert one.tick(145) is Action.END
    assert one.state is SessionState.CLOSED


def test_a_daemon_that_slept_gives_the_full_time() -> None:
    one = session()
    assert one.tick(500) is Action.PING
    assert one.deadline == 520


def test_a_message_instead_of_a_pong_puts_the_end_off_once() -> None:
    one = session()
    one.tick(125)
    assert one.receive(engineio.MESSAGE, 135) is Action.DELIVER
    assert one.deadline == 155
    one.receive(engineio.MESSAGE, 140)
    assert one.deadline == 155
    assert one.tick(155) is Action.END


def test_a_message_between_pings_moves_nothing() -> None:
    one = session()
    one.receive(engineio.MESSAGE, 110)
    assert one.deadline == 125


def test_restarted_heartbeat_forgets_the_pong() -> None:
    one = session()
    one.tick(125)
    one.restart_heartbeat(130)
    assert not one.awaits_pong
    assert one.tick(154.9) is Action.NOTHING
    assert one.tick(155) is Action.PING
