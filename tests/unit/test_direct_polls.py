"""Is a plain long poll answered directly, in the very words of the usual way, and all else the usual way?"""

import asyncio
import gc
from dataclasses import replace

import pytest

from oyez.access.settings import ChannelSettings
from oyez.endpoints.waiting_polls import Poll
from oyez.hub.publication import Channel
from oyez.hub.subscriber import Subscription
from oyez.limits import LimitSettings
from oyez.net.http import request_waits
from oyez.net.http.direct_cycle import DirectCycle
from oyez.net.http.settings import HttpSettings
from tests.unit.two_roads import ONE, SETTINGS, Client, Outcome, Road, bodies, compare, play_on, publish, send, statuses

PAGE = "https://judge.example"
VISITOR = ("203.0.113.9", 5)
NEW = '{"id":1001,"channel":"a","message":{"type":"update"}}'
PAGES = replace(SETTINGS, http=HttpSettings(allowed_origins=(PAGE,)))


def get(target: str, *lines: str, method: str = "GET") -> bytes:
    head = [f"{method} {target} HTTP/1.1", "Host: judge.example", *lines]
    return "".join(f"{line}\r\n" for line in head).encode() + b"\r\n"


async def post(client: Client, body: bytes = ONE) -> None:
    poster = Client(client.road, ("127.0.0.1", 9))
    await poster.ask(publish(body))
    poster.leave()


def listeners(client: Client) -> tuple[int, int]:
    """How many polls wait in the channel, and how many places are taken."""
    assembly = client.road.assembly
    return assembly.hub.listeners(Channel("a")), assembly.places.listeners


# --- what is plain ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/channels/a?last=1000", NEW),
        ("/channels/b%7Ca?last=1000&max=5", f'{{"id":1001,"events":[{NEW}],"gaps":[]}}'),
        ("/socket.io/channels/b|a?last=1000", NEW),
        ("/channels/a?nowait=1&last=1001", '{"id":1001,"gaps":[]}'),
        ("/channels/a?nowait=1", NEW),
    ],
)
def test_what_is_there_is_answered_directly(target: str, body: str) -> None:
    outcome, taken = send(publish(ONE), get(target), get(target))
    assert (statuses(outcome), bodies(outcome)[1:], taken) == ([200] * 3, [body] * 2, 3)
    assert "keep-alive: timeout=75" in outcome.answers[1]


@pytest.mark.parametrize("target", ["/channels/a?last=1000", "/channels/a|b", "/channels/a?max=2&last=1000"])
def test_what_comes_is_answered_in_the_step_in_which_it_is_written(target: str) -> None:
    seen: list[tuple[int, int]] = []

    async def play(client: Client) -> None:
        await client.ask(get(target))
        assert client.socket.written == b""
        seen.append(listeners(client))
        await post(client)
        seen.append(listeners(client))
        await client.ask(get("/healthz"))

    outcome, taken = compare(play, far_end=VISITOR)
    assert (statuses(outcome), taken) == ([200, 200], 2)
    assert NEW in bodies(outcome)[0]
    assert seen == [(1, 1), (0, 1)] * 2  # its place is held for the next one


@pytest.mark.parametrize("lines", [(), ("Accept-Encoding: gzip",), ("Accept-Encoding: gzip;q=0",)])
@pytest.mark.parametrize("size", [2000, 200_000])
def test_a_long_answer_is_compressed_for_who_likes_it_so(lines: tuple[str, ...], size: int) -> None:
    async def play(client: Client) -> None:
        polls = [Client(client.road, ("127.0.0.1", 10 + number)) for number in range(2)]
        for poll in (client, *polls):
            await poll.ask(get("/channels/a", f"Origin: {PAGE}", *lines))
        await post(client, b'{"channel":"a","message":"%b"}' % (b"x" * size))
        for poll in (client, *polls):
            await poll.work()
            assert poll.socket.written
            poll.leave()

    outcome, taken = compare(play, settings=PAGES)
    assert (statuses(outcome), taken) == ([200], 4 if size < 32_768 else 3)
    assert "vary: origin, accept-encoding" in outcome.answers[0]
    assert ("content-encoding: gzip" in outcome.answers[0]) is (lines == ("Accept-Encoding: gzip",))
    assert len(bodies(outcome)[0]) > size


def test_a_page_may_read_it() -> None:
    async def play(client: Client) -> None:
        await client.ask(get("/channels/a?nowait=1", f"Origin: {PAGE}"), get("/channels/a?nowait=1", "Origin: null"))

    outcome, taken = compare(play, settings=PAGES)
    assert (statuses(outcome), taken) == ([200, 403], 1)
    assert f"access-control-allow-origin: {PAGE}" in outcome.answers[0]
    assert "access-control-expose-headers: oyez-gap" in outcome.answers[0]


def test_gaps_are_told_in_the_head() -> None:
    outcome, taken = send(publish(ONE), get("/channels/a?last=5&notify=1", "Last-Event-ID: 7"))
    assert (statuses(outcome), taken) == ([200, 200], 2)
    assert any(line.startswith("oyez-gap: ") for line in outcome.answers[1])


# --- ends -------------------------------------------------------------------------------------------------------------


def test_whoever_waits_in_vain_is_told_so() -> None:
    async def play(client: Client) -> None:
        await client.ask(get("/channels/a"))
        (poll,) = client.road.assembly.polls._waiting
        poll.tick(60.0)
        await client.turn()

    outcome, taken = compare(play)
    assert (statuses(outcome), bodies(outcome), taken) == ([504], ['{"error": "timeout"}'], 1)


def test_a_stop_sends_those_away_who_wait() -> None:
    async def play(client: Client) -> None:
        await client.ask(get("/channels/a"))
        client.connection.shutdown()
        client.road.assembly.polls.close()
        await client.turn()

    outcome, taken = compare(play)
    assert (statuses(outcome), outcome.closed, taken) == ([503], True, 1)
    assert {"retry-after: 1", "connection: close"} <= set(outcome.answers[0])


def test_whoever_goes_away_is_forgotten_at_once() -> None:
    seen: list[tuple[int, int]] = []

    async def play(client: Client) -> None:
        await client.ask(get("/channels/a"))
        client.leave()
        await client.turn()
        seen.append(listeners(client))
        await post(client)

    outcome, taken = compare(play)
    assert (outcome.answers, taken) == ((), 2)
    assert seen == [(0, 0)] * 2


def test_who_finds_no_place_is_told_when_to_come_back() -> None:
    narrow = replace(SETTINGS, limits=LimitSettings(max_connections_per_address=1))

    async def play(client: Client) -> None:
        other = Client(client.road, VISITOR)
        await other.ask(get("/channels/a"))
        await client.ask(get("/channels/a"))
        other.leave()
        await client.turn()

    outcome, taken = compare(play, far_end=VISITOR, settings=narrow)
    assert (statuses(outcome), taken) == ([429], 2)
    assert "retry-after: 5" in outcome.answers[0]
    assert outcome.refusals == {"address-connections": 1}


def test_who_may_not_follow_a_channel_is_told_so() -> None:
    closed = replace(SETTINGS, channels=(ChannelSettings(match="a", listen="grant"),))

    async def play(client: Client) -> None:
        await client.ask(get("/channels/b|a"), get("/channels/b?nowait=1"))
        assert client.road.assembly.places.listeners == 0

    outcome, taken = compare(play, settings=closed)
    assert (statuses(outcome), taken) == ([403, 200], 2)
    assert outcome.refusals == {"refused-command": 1}


# --- one behind the other ---------------------------------------------------------------------------------------------


def test_what_comes_behind_a_poll_waits_for_its_answer() -> None:
    async def play(client: Client) -> None:
        await client.ask(get("/channels/a") + get("/channels/a?nowait=1&last=1001") + get("/healthz"))
        assert client.socket.written == b""
        await post(client)
        await client.work()

    outcome, _ = compare(play)
    assert bodies(outcome) == [NEW, '{"id":1001,"gaps":[]}', '{"status":"ok"}']


def test_the_last_one_ends_the_connection() -> None:
    async def play(client: Client) -> None:
        await client.ask(get("/channels/a", "Connection: close"))
        await post(client)

    outcome, taken = compare(play)
    assert (statuses(outcome), outcome.closed, taken) == ([200], True, 2)


# --- what is not plain ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        get("/channels/a?nowait=1", method="HEAD"),
        get("/channels/a?nowait=1", method="POST"),
        get("/channels/a?nowait=1", method="OPTIONS"),
        get("/channels/a%?nowait=1"),
        get("/channels/a?nowait=1&callback=f"),
        get("/channels/?nowait=1"),
        get("/channel/a?nowait=1"),
        get("/channels/a?nowait=1", "Cookie: a=1", "Cookie: b=2"),
        get("/channels/a?nowait=1", "Content-Length: 1") + b"x",
        get("/channels/a?nowait=1").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_all_else_goes_the_usual_way(request_: bytes) -> None:
    outcome, taken = send(request_)
    assert (len(outcome.answers), taken) == (1, 0)


SLOW = replace(SETTINGS, limits=LimitSettings(commands_per_second_per_address="50 burst 10"))


def test_an_address_that_asks_for_too_much_waits() -> None:
    async def play(client: Client) -> None:
        for _ in range(3):
            await client.ask(get("/channels/a?nowait=1"))
        assert client.socket.written.count(b"200 OK") == 2
        await asyncio.sleep(0.15)
        await client.turn()

    outcome, taken = compare(play, far_end=VISITOR, settings=SLOW)
    assert (statuses(outcome), taken) == ([200] * 3, 3)
    assert outcome.refusals == {"address-commands": 1}


def test_who_would_wait_beside_too_many_is_told_so_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_waits, "_MOST_WAITING", 2)

    async def play(client: Client) -> None:
        others = [Client(client.road, VISITOR) for _ in range(4)]
        for other in others:
            await other.ask(get("/channels/a?nowait=1"))
        await client.ask(get("/channels/a?nowait=1"))
        await asyncio.sleep(0.25)
        for other in others:
            await other.turn()
            assert other.socket.written.count(b"200 OK") == 1
            other.leave()

    outcome, taken = compare(play, far_end=VISITOR, settings=SLOW)
    assert (statuses(outcome), outcome.closed, taken) == ([429], True, 4)
    assert "retry-after: 1" in outcome.answers[0]


def test_who_goes_away_while_it_waits_asks_for_nothing() -> None:
    async def play(client: Client) -> None:
        for _ in range(2):
            await client.ask(get("/channels/a?nowait=1"))
        await client.ask(get("/channels/a"))
        client.leave()
        await asyncio.sleep(0.15)
        await client.turn()
        assert listeners(client) == (0, 0)

    compare(play, far_end=VISITOR, settings=SLOW)


# --- turns of the loop ------------------------------------------------------------------------------------------------


async def fill_turn(client: Client) -> None:
    """Have the address use up its slice of this turn."""
    assembly = client.road.assembly
    share = assembly.places.shares.of_host(VISITOR[0])
    assert share is not None
    assert assembly.turns.begin(share) is not None
    assembly.turns.count(share, 1.0)


@pytest.mark.parametrize("stays", [True, False])
def test_a_poll_waits_for_the_turn_of_its_address(stays: bool) -> None:
    async def play(client: Client) -> None:
        await fill_turn(client)
        client.connection.data_received(get("/channels/a?nowait=1"))
        assert client.socket.written == b""
        if not stays:
            client.leave()
        await client.turn()
        assert listeners(client) == (0, 0)

    outcome, taken = compare(play, far_end=VISITOR)
    assert (statuses(outcome), taken) == ([200] if stays else [], 1)


def test_an_error_of_ours_in_its_turn_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(client: Client) -> None:
        monkeypatch.setattr(client.road.assembly.polls, "begin", lambda *_: 1 / 0)
        await fill_turn(client)
        await client.ask(get("/channels/a"))

    outcome, taken = play_on(play, direct=True, far_end=VISITOR)
    assert (statuses(outcome), outcome.closed, taken) == ([500], True, 1)


def test_an_answer_that_cannot_be_written_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oyez.endpoints.waiting_polls._as_header", lambda _: 1 / 0)

    async def play(client: Client) -> None:
        await client.ask(get("/channels/a"))
        await post(client)
        assert listeners(client) == (0, 0)

    outcome, taken = play_on(play, direct=True)
    assert (statuses(outcome), outcome.closed, taken) == ([500], True, 2)
    assert statuses(play_on(play, direct=False)[0]) == [500]


# --- memory -----------------------------------------------------------------------------------------------------------


def test_no_poll_is_left_to_the_collector() -> None:
    async def run() -> Outcome:
        client = await Road(direct=True).connect(VISITOR)
        await client.ask(get("/channels/a"))
        await post(client)
        await client.ask(get("/channels/a?last=1001"))
        other = Client(client.road, VISITOR)
        await other.ask(get("/channels/a?last=1001"))
        other.leave()
        await post(client)
        await client.ask(get("/healthz"))
        client.leave()
        return client.outcome()

    gc.collect()
    gc.disable()
    try:
        assert statuses(asyncio.run(run())) == [200] * 3
        assert [thing for thing in gc.get_objects() if isinstance(thing, (DirectCycle, Poll, Subscription))] == []
    finally:
        gc.enable()
