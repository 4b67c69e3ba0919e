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
        (SessionState.POLLING, SessionEvent.POLL_OVERDUE, SessionState.CLOSED, Action.END),
        (SessionState.PROBING, SessionEvent.POLL_OVERDUE, SessionState.PROBING, Action.NOTHING),
        (SessionState.WEBSOCKET, SessionEvent.POLL_OVERDUE, SessionState.WEBSOCKET, Action.NOTHING),
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


@pytest.mark.parametrize("state", LIVING)
def test_a_ping_leaves_a_session_where_it_is(state: SessionState) -> None:
    one = session(state)
    one.begin_poll(100)
    assert one.tick(125) is Action.PING
    assert one.state is state


def test_a_session_that_has_ended_is_not_pinged() -> None:
    one = session(SessionState.CLOSED)
    assert one.tick(125) is Action.NOTHING
    assert not one.awaits_pong


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


# --- polling ----------------------------------------------------------------------------------------------------------


def test_a_session_that_never_polls_ends_whatever_it_posts() -> None:
    one = session(SessionState.POLLING)
    for second in range(101, 120):
        one.receive(engineio.PONG, second)
        assert one.receive(engineio.MESSAGE, second) is Action.DELIVER
        assert one.tick(second) is Action.NOTHING
    assert one.deadline == 120
    assert one.tick(120) is Action.END
    assert one.state is SessionState.CLOSED


def test_a_pending_poll_keeps_the_session_for_as_long_as_pings_are_answered() -> None:
    one = session(SessionState.POLLING)
    one.begin_poll(100)
    for ping in (125, 150, 175):
        assert one.deadline == ping
        assert one.tick(ping) is Action.PING
        one.end_poll(ping, 0)
        one.begin_poll(ping)
        one.receive(engineio.PONG, ping)
    assert one.tick(199) is Action.NOTHING


def test_after_an_answer_the_next_poll_is_due_within_the_time_of_a_ping() -> None:
    one = session(SessionState.POLLING)
    one.begin_poll(110)
    one.end_poll(115, 0)
    one.receive(engineio.PONG, 116)
    assert one.deadline == 135
    assert one.tick(134.9) is Action.NOTHING
    assert one.tick(135) is Action.END


def test_slow_links_have_their_time_for_an_answer_and_to_fetch_the_ping_behind_it() -> None:
    one = session(SessionState.POLLING)
    one.begin_poll(120)
    one.end_poll(124, 10 * 4096)
    assert one.tick(125) is Action.PING  # waits for the poll that is to come
    assert one.deadline == 154
    assert one.tick(153) is Action.NOTHING
    one.begin_poll(153)
    one.end_poll(153, 1)
    assert one.tick(172) is Action.NOTHING
    one.receive(engineio.PONG, 172)
    assert one.tick(173.1) is Action.END  # it polled at 153 for the last time


def test_the_time_for_an_answer_has_a_bound() -> None:
    one = session(SessionState.POLLING)
    one.begin_poll(100)
    one.end_poll(100, 1 << 30)
    one.receive(engineio.PONG, 179)
    assert one.tick(179.9) is Action.NOTHING
    assert one.tick(180) is Action.END


def test_polls_without_pongs_put_the_end_off_once() -> None:
    one = session(SessionState.POLLING)
    one.begin_poll(124)
    assert one.tick(125) is Action.PING
    ends = []
    for second in range(126, 170):
        one.end_poll(second, 0)
        one.begin_poll(second)
        if one.tick(second) is Action.END:
            ends.append(second)
    assert ends == [146]


def test_an_upgrade_pauses_the_polls_and_its_failure_goes_on_with_their_time() -> None:
    one = session(SessionState.POLLING)
    one.step(SessionEvent.PROBE)
    assert one.deadline == 125
    assert one.tick(121) is Action.NOTHING
    one.step(SessionEvent.CANDIDATE_LOST)
    assert one.deadline == 120
    assert one.tick(121) is Action.END


def test_nobody_polls_on_a_websocket() -> None:
    one = session(SessionState.POLLING)
    one.step(SessionEvent.PROBE)
    one.step(SessionEvent.SWITCH)
    one.restart_heartbeat(101)
    assert one.tick(125.9) is Action.NOTHING
    assert one.tick(126) is Action.PING
