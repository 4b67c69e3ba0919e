"""Is a request with the head of the one before answered as if that had been parsed, and any other judged anew?"""

from itertools import pairwise

import pytest
from httptools import HttpRequestParser

from tests.fakes import Clock
from tests.unit.two_roads import ONE, Client, bodies, compare, play_on, publish, send, statuses

LONGER = b'{"channel":"ab","message":{"type":"grading-end","id":12}}'


@pytest.mark.parametrize("cuts", [[], [-1], [-len(LONGER)], [-len(LONGER), -3], [-len(LONGER) + 1]])
def test_a_head_that_comes_again_is_not_parsed(cuts: list[int]) -> None:
    async def play(client: Client) -> None:
        await client.send(publish(ONE))
        if client.road.doors:
            client.connection.parser = None  # type: ignore[assignment]
        request = publish(LONGER)
        for begin, end in pairwise([None, *cuts, None]):
            await client.send(request[begin:end])
        await client.send(publish(ONE))
        client.connection.parser = HttpRequestParser(client.connection)

    outcome, taken = compare(play)
    assert (bodies(outcome), taken) == (
        ['{"id":1001,"listeners":0}', '{"id":1002,"listeners":0}', '{"id":1003,"listeners":0}'],
        3,
    )


def test_another_head_is_judged_anew() -> None:
    outcome, taken = send(publish(ONE), publish(ONE, key="wrong-key"), publish(ONE, key="some-key"), publish(ONE))
    assert (statuses(outcome), taken) == ([200, 401, 200, 200], 3)
    assert outcome.posts == {"": 2, "some": 1, "far": 0}


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"{}", 400), (b'{"channel":"a","message":"' + b"x" * 40_000 + b'"}', 200)]
)
def test_a_body_that_is_not_plain_behind_a_known_head_goes_the_usual_way(body: bytes, status: int) -> None:
    request = publish(body)
    head = len(request) - len(body)
    outcome, taken = send(publish(ONE), request, request[:head], request[head:], publish(ONE))
    assert (statuses(outcome), taken) == ([200, status, status, 200], 2)


def test_more_may_come_behind_a_known_head() -> None:
    request = publish(LONGER)
    outcome, taken = send(publish(ONE), request + request, request[:-5], request[-5:] + request[:9], request[9:])
    assert (statuses(outcome), taken) == ([200] * 5, 5)


def test_a_key_that_has_to_wait_meanwhile_is_judged_anew() -> None:
    async def play(client: Client) -> None:
        await client.send(publish(ONE))
        guesser = Client(client.road, ("203.0.113.9", 6))
        for _ in range(11):
            await guesser.send(publish(ONE, key="wrong"))
        client.connection.data_received(publish(ONE))

    outcome, taken = play_on(play, direct=True, far_end=("203.0.113.9", 5))
    assert (len(outcome.answers), taken) == (1, 1)


@pytest.mark.parametrize("end", ["tick", "shutdown", "leave", "unread"])
def test_a_body_that_does_not_come_behind_a_known_head_is_waited_for_the_usual_way(end: str) -> None:
    async def play(client: Client) -> None:
        request = publish(LONGER)
        await client.send(publish(ONE), request[:-5])
        if end == "leave":
            client.leave()
            return
        if end == "unread":
            client.connection.pause_writing()
            client.connection.data_received(request[-5:])
            client.connection.resume_writing()
            await client.work()
            return
        if end == "shutdown":
            client.connection.shutdown()
        elif client.road.doors:
            client.connection.tick(0.0)
        await client.send(request[-5:])

    outcome, taken = compare(play)
    assert (statuses(outcome), taken) == ([200] if end == "leave" else [200, 200], 1)
    assert outcome.refusals == ({"bad-request": 1} if end == "leave" else {})


def test_a_body_that_trickles_behind_a_known_head_has_no_more_time_for_each_piece() -> None:
    clock, slots = Clock(1e9), []

    async def play(client: Client) -> None:
        client.road.assembly.ticker.clock = clock
        await client.send(publish(ONE))
        for begin, end in pairwise([0, -len(LONGER), -9, -5, -2]):
            await client.send(publish(LONGER)[begin:end])
            slots.append(client.connection.tick_slot)
            clock.now += 0.1

    play_on(play, direct=True)
    assert len(slots) == 4
    assert len(set(slots)) == 1
