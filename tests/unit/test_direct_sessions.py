"""Is a plain poll of a session answered directly, in the very words of the usual way, and all else the usual way?"""

import asyncio
import gc
from collections.abc import Iterator
from itertools import count

import pytest

from oyez.hub.publication import Channel
from oyez.net.engineio.pending_poll import PendingPoll
from oyez.net.engineio.session import EngineSession
from oyez.net.http.direct_cycle import DirectCycle
from tests.unit.test_direct_polls import PAGE, PAGES, VISITOR, fill_turn, get, post
from tests.unit.two_roads import Client, Outcome, Road, bodies, compare, play_on, statuses

PATH = "/socket.io/?EIO=4&transport=polling"
FOLLOW = '40\x1e42["set-filter",{"filter":["a"]}]'
EVENT = '42["message",{"id":1001,"channel":"a","message":{"type":"update"}}]'


@pytest.fixture(autouse=True)
def _known_ids(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Name the sessions of each daemon s0, s1 …"""
    numbers: dict[asyncio.AbstractEventLoop, count[int]] = {}

    def name() -> str:
        return f"s{next(numbers.setdefault(asyncio.get_running_loop(), count()))}"

    monkeypatch.setattr("oyez.net.engineio.session.new_session_id", name)
    monkeypatch.setattr("oyez.endpoints.socketio.new_session_id", lambda: "namespace")
    yield
    numbers.clear()


def poll(sid: str = "s0", mark: str = "", *lines: str) -> bytes:
    return get(f"{PATH}&sid={sid}" + (f"&t={mark}" if mark else ""), *lines)


def send_packets(text: str, sid: str = "s0") -> bytes:
    body = text.encode()
    return get(f"{PATH}&sid={sid}", f"Content-Length: {len(body)}", method="POST") + body


async def join(client: Client, *lines: str) -> None:
    """Begin a session that follows the channel, and fetch what answers that."""
    await client.send(get(PATH, *lines), send_packets(FOLLOW), poll())
    assert client.road.assembly.hub.listeners(Channel("a")) == 1


async def post_packets(client: Client, text: str, sid: str = "s0") -> Client:
    other = Client(client.road, VISITOR)
    await other.ask(send_packets(text, sid))
    other.leave()
    return other


# --- what is plain ----------------------------------------------------------------------------------------------------


def test_what_waits_is_answered_and_else_what_comes_in_the_step_in_which_it_is_written() -> None:
    async def play(client: Client) -> None:
        await join(client)
        await client.ask(poll(mark="a"))
        waiting = len(client.socket.written)
        await post(client)
        assert len(client.socket.written) > waiting
        await client.ask(get("/healthz"))

    outcome, taken = compare(play)
    assert (statuses(outcome), taken) == ([200] * 5, 6)  # three of `join`, a poll, the event, and whether it serves
    assert bodies(outcome)[3] == EVENT
    assert {"content-type: text/plain; charset=utf-8", "cache-control: no-store"} <= set(outcome.answers[3])


def test_answers_to_one_post_leave_together() -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH))
        await client.ask(poll())
        await post_packets(client, FOLLOW)

    outcome, _ = compare(play, far_end=VISITOR)
    _, answers = bodies(outcome)
    assert answers.count("\x1e") >= 1
    assert answers.startswith("40{")


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_long_answer_is_compressed_for_who_likes_it_so(coding: str) -> None:
    async def play(client: Client) -> None:
        await join(client)
        await client.ask(poll("s0", "a", f"Origin: {PAGE}", f"Accept-Encoding: {coding}"))
        await post(client, b'{"channel":"a","message":"%b"}' % (b"x" * 2000))
        await client.work()  # it is compressed in a thread

    outcome, taken = compare(play, settings=PAGES)
    assert (statuses(outcome), taken) == ([200] * 4, 5)
    assert "vary: origin, accept-encoding" in outcome.answers[3]
    assert ("content-encoding: gzip" in outcome.answers[3]) is (coding == "gzip")
    assert f"access-control-allow-origin: {PAGE}" in outcome.answers[3]


def test_a_client_that_takes_a_few_packets_gets_the_rest_with_its_next_poll() -> None:
    async def play(client: Client) -> None:
        await join(client)
        await client.ask(poll(mark="a"))
        await post(client, b'{"events":[%b]}' % b",".join([b'{"channel":"a"}'] * 20))
        await client.ask(poll(mark="b"))

    outcome, _ = compare(play)
    assert [body.count("\x1e") + 1 for body in bodies(outcome)[3:]] == [16, 4]


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_client_that_drops_its_poll_ends_its_session() -> None:
    async def play(client: Client) -> None:
        await join(client)
        await client.ask(poll(mark="a"))
        client.leave()
        await client.turn()
        assert not client.road.assembly.engine.sessions
        await post(client)

    outcome, taken = compare(play)
    assert (statuses(outcome), taken) == ([200] * 3, 5)


@pytest.mark.parametrize(("packet", "told"), [("1", "6"), ("7", "1")])
def test_a_session_that_ends_tells_the_poll_that_is_pending(packet: str, told: str) -> None:
    async def play(client: Client) -> None:
        await join(client)
        await client.ask(poll(mark="a"))
        await post_packets(client, packet)
        await client.ask(poll(mark="b"))

    outcome, _ = compare(play, far_end=VISITOR)
    assert statuses(outcome)[3:] == [200, 400]
    assert bodies(outcome)[3:] == [told, '{"code":1,"message":"Session ID unknown"}']


def test_a_stop_ends_the_poll_that_is_pending() -> None:
    async def play(client: Client) -> None:
        await join(client)
        await client.ask(poll(mark="a"))
        client.connection.shutdown()
        client.road.assembly.engine.sessions["s0"].leave()
        await client.turn()

    outcome, _ = compare(play)
    assert (bodies(outcome)[3], outcome.closed) == ("6", True)
    assert "connection: close" in outcome.answers[3]


# --- what is out of order ---------------------------------------------------------------------------------------------


def test_two_polls_at_once_end_the_session() -> None:
    async def play(client: Client) -> None:
        await join(client)
        await client.ask(poll(mark="a"))
        other = Client(client.road, VISITOR)
        await other.ask(poll(mark="b"))
        assert b"400 Bad Request" in other.socket.written
        other.leave()

    outcome, _ = compare(play, far_end=VISITOR)
    assert bodies(outcome)[3] == "1"
    assert outcome.refusals == {"bad-request": 1}


def test_a_poll_that_comes_again_ends_the_session() -> None:
    async def play(client: Client) -> None:
        await join(client)
        for _ in range(2):
            await client.ask(poll(mark="a"))
            await post(client)

    outcome, _ = compare(play)
    assert (statuses(outcome)[3:], bodies(outcome)[4]) == ([200, 400], '{"code":1,"message":"Session ID unknown"}')


@pytest.mark.parametrize(
    ("request_", "status", "is_direct"),
    [
        (poll("unknown"), 400, True),
        (poll("s0", "a", "Origin: https://other.example"), 403, True),
        (get(f"{PATH}&sid=s0&j=1"), 400, True),
        (get(PATH.replace("polling", "websocket") + "&sid=s0"), 400, False),
        (get("/socket.io/?EIO=4&transport=x&sid=s0"), 400, False),
        (get(f"{PATH}&sid=s0&x=" + "y" * 9000), 414, False),
        (get(PATH.replace("4", "3")), 400, True),
        (get(f"{PATH}&sid=s0", method="OPTIONS"), 204, False),
        (get(f"{PATH}&sid=s0", method="HEAD"), 400, False),
        (get(f"{PATH}&sid=s0", method="PUT"), 500, False),
        (get("/socket.io/x" + PATH.removeprefix("/socket.io/") + "&sid=unknown"), 400, False),
    ],
)
def test_what_is_wrong_is_told_in_the_same_words(request_: bytes, status: int, is_direct: bool) -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH), request_)

    outcome, taken = compare(play, settings=PAGES)
    assert (statuses(outcome), taken) == ([200, status], 1 + is_direct)


@pytest.mark.parametrize("stays", [True, False])
def test_a_poll_waits_for_the_turn_of_its_address(stays: bool) -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH), send_packets("40"))
        answered = len(client.socket.written)
        await fill_turn(client)
        client.connection.data_received(poll(mark="a"))
        assert len(client.socket.written) == answered
        if not stays:
            client.leave()
        await client.turn()
        assert len(client.road.assembly.engine.sessions) == 1

    outcome, taken = compare(play, far_end=VISITOR)
    assert (len(outcome.answers), taken) == (3 if stays else 2, 3)


def test_an_error_of_ours_costs_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(client: Client) -> None:
        await join(client)
        await client.ask(poll(mark="a"))
        (session,) = client.road.assembly.engine.sessions.values()
        assert session.polling is not None
        with monkeypatch.context() as patched:
            patched.setattr(type(session.polling), "take", lambda _: 1 / 0)
            await post(client)

    for direct in (True, False):
        outcome, _ = play_on(play, direct=direct)
        assert (statuses(outcome)[3:], outcome.closed) == ([500], True)


def test_no_poll_is_left_to_the_collector() -> None:
    async def run() -> Outcome:
        client = await Road(direct=True).connect(VISITOR)
        await join(client)
        for number in range(3):
            await client.ask(poll(mark=str(number)))
            await post(client)
        await client.ask(poll(mark="last"))
        client.leave()
        await client.turn()
        return client.outcome()

    gc.collect()
    gc.disable()
    try:
        assert statuses(asyncio.run(run())) == [200] * 6
        assert [thing for thing in gc.get_objects() if isinstance(thing, (DirectCycle, PendingPoll))] == []
    finally:
        gc.enable()
    gc.collect()
    assert [thing for thing in gc.get_objects() if isinstance(thing, EngineSession)] == []
