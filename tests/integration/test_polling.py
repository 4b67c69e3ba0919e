"""Does a session on polling live for as long as its client polls, and no longer?"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import socketio

from tests.clients.javascript import VERSIONS, Driver, JavaScriptClient
from tests.clients.python import AsyncSession, PythonClient, SimpleSession, ThreadedSession
from tests.conftest import MANY_CLIENTS
from tests.daemon import KEY, Daemon
from tests.inbox import Inbox
from tests.integration.bystanders import refusals
from tests.integration.dialects import KeptConnection
from tests.integration.links import Poller, eventually, metrics
from tests.raw import Call, Polling
from tests.scenarios import Client, new_channel

# Long beside what a busy machine makes a client wait, short beside what a test may take.
INTERVAL_S, TIMEOUT_S = 1.0, 2.0
UNKNOWN_SID = (400, '{"code":1,"message":"Session ID unknown"}')


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It waits for polls for half a second, and pings so seldom that nothing else ends a session."""
    settings: dict[str, object] = MANY_CLIENTS | {"socketio.ping_timeout_s": 0.5}
    with Daemon(tmp_path_factory.mktemp("hasty"), settings=settings) as daemon:
        yield daemon


@pytest.mark.slow
def test_clients_on_polling_outlive_the_time_of_many_pings(driver: Driver, own_daemon_of_polls: Daemon) -> None:
    daemon, channel = own_daemon_of_polls, new_channel()
    clients: list[Client] = [JavaScriptClient(driver, version, "polling") for version in VERSIONS]
    clients += [PythonClient(session, "polling") for session in (ThreadedSession, AsyncSession, SimpleSession)]
    with ExitStack() as stack:
        sessions = [stack.enter_context(client.open(daemon.url, channels=[channel])) for client in clients]
        for session in sessions:
            session.inbox.wait("status", 2)
        ids = []
        end = time.monotonic() + 4 * TIMEOUT_S
        while time.monotonic() < end:  # now and then an event, and in between nothing but pings
            ids.append(daemon.post(channel, "x")[0]["id"])
            time.sleep(TIMEOUT_S * 0.6)
        for session in sessions:
            received = [event["id"] for event in session.inbox.wait("message", len(ids))]
            assert sorted(received) == ids
            assert session.inbox.of("connect") == [None]
            assert session.inbox.of("disconnect") == []
    assert refusals(daemon, "poll-timeout") == refusals(daemon, "ping-timeout") == 0


@pytest.fixture
def own_daemon_of_polls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    settings: dict[str, object] = {"socketio.ping_interval_s": INTERVAL_S, "socketio.ping_timeout_s": TIMEOUT_S}
    with Daemon(tmp_path_factory.mktemp("polls"), settings=MANY_CLIENTS | settings) as daemon:
        yield daemon


def test_sessions_that_never_poll_lose_their_seats_whatever_they_post(hasty: Daemon) -> None:
    before = refusals(hasty, "poll-timeout")
    kept, targets = KeptConnection(hasty.port), []
    for _ in range(20):
        targets.append(Polling(hasty.port).target)
        kept.ask("POST", targets[-1], b"40")
        assert kept.answer().status == 200

    def post_all() -> bool:
        for target in targets:
            kept.ask("POST", target, b'3\x1e42["last-msg"]')
            answer = kept.answer()
            assert answer.status == 200 or answer.error == UNKNOWN_SID
        return metrics(hasty.port)["oyez_listeners"] == 0

    assert metrics(hasty.port)["oyez_listeners"] > 0
    eventually(post_all, "end of those who only post", within_s=15)
    assert refusals(hasty, "poll-timeout") == before + 20
    assert metrics(hasty.port)["oyez_sessions"] == 0
    kept.drop()


def test_a_seat_is_free_when_the_connections_are_gone_and_the_time_is_over(hasty: Daemon) -> None:
    gone = [Poller(hasty.port) for _ in range(5)]  # each of its requests had a connection of its own
    began = time.monotonic()
    assert len(gone) == metrics(hasty.port)["oyez_listeners"]
    eventually(lambda: metrics(hasty.port)["oyez_listeners"] == 0, "free seats", within_s=15)
    assert time.monotonic() - began > 0.3


def test_who_waits_for_an_event_has_no_deadline(hasty: Daemon) -> None:
    session = Poller(hasty.port)
    waiting = session.begin_get()
    idle = Polling(hasty.port)
    eventually(lambda: idle.is_gone, "end of a session that began later, and does not poll", within_s=15)
    session.post('42["last-msg"]')
    assert waiting.answer().body.startswith('42["last-response"')
    assert not session.is_gone


def test_an_upgrade_that_fails_leaves_the_session_to_its_polls(hasty: Daemon) -> None:
    session = Poller(hasty.port)
    with session.open_websocket() as candidate:
        candidate.send("2probe")
        assert candidate.receive() == "3probe"
        idle = Polling(hasty.port)
        eventually(lambda: idle.is_gone, "end of a session that began later", within_s=15)
        assert not session.is_gone  # polls are paused for an upgrade
    eventually(lambda: session.is_gone, "end of a session that went back to polling, and did not poll", within_s=15)


LAST = '42["last-msg"]'


def test_a_post_waits_until_what_it_asks_for_is_fetched(hasty: Daemon) -> None:
    session = Poller(hasty.port)
    asking = Call(hasty.port, "POST", session.target, "\x1e".join([LAST] * 650))
    fetched = 0
    while fetched < 650:
        fetched += len(session.packets())
    assert asking.answer().body == "ok"
    assert fetched == 650
    assert not session.is_gone


def test_two_posts_at_once_end_a_session(hasty: Daemon) -> None:
    session, before = Poller(hasty.port), refusals(hasty, "bad-request")
    first = Call(hasty.port, "POST", session.target, "\x1e".join([LAST] * 650))
    eventually(lambda: session.post(LAST).status == 400, "refusal of a second post")
    assert refusals(hasty, "bad-request") > before
    assert session.is_gone
    assert first.answer().status == 200


def test_a_poster_on_polling_may_have_thousands_of_posts_unanswered(daemon: Daemon) -> None:
    client, answers, done = socketio.Client(reconnection=False, handle_sigint=False), Inbox(), 2000
    client.connect(daemon.url, auth={"role": "sender", "token": KEY}, transports=["polling"])
    channel = new_channel()
    for number in range(done):
        client.emit("post", {"channel": channel, "message": number}, callback=lambda answer: answers.put("id", answer))
    ids = [answer["id"] for answer in answers.wait("id", done)]
    assert len(set(ids)) == done  # in no order: the client has a thread for each answer
    assert client.transport() == "polling"
    client.disconnect()
