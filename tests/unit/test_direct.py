"""Is a plain request answered directly, in the very words of the usual way, and all else the usual way?"""

import json
import logging
from collections.abc import Sequence

import pytest

from oyez.errors import BrokerError
from oyez.hub.broker import Settle
from oyez.hub.publication import Post
from tests.unit.two_roads import KEY, ONE, Client, Road, bodies, compare, play_on, publish, send, statuses

# --- what is plain ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (ONE, '{"id":1001,"listeners":0}'),
        (b' { "channel" : "\xc3\xa9" } ', '{"id":1001,"listeners":0}'),
        (b'{"channels":["a","b","a"],"message":1}', '{"ids":[1001,1002,1001],"listeners":[0,0,0]}'),
        (b'{"events":[{"channel":"a"},{"channel":"b","key":"k"}]}', '{"ids":[1001,1002],"listeners":[0,0]}'),
        (b'{"events":[]}', '{"ids":[],"listeners":[]}'),
        (b'{"channel":"a","message":"\\ud800"}', '{"id":1001,"listeners":0}'),
    ],
)
def test_a_plain_post_is_answered_directly(body: bytes, answer: str) -> None:
    outcome, taken = send(publish(body))
    assert (statuses(outcome), bodies(outcome), taken) == ([200], [answer], 1)
    assert "keep-alive: timeout=75" in outcome.answers[0]
    assert any(line.startswith("date: ") for line in outcome.answers[0])


@pytest.mark.parametrize("cut", [1, 30, -len(ONE), -len(ONE) + 1, -1])
def test_it_may_come_in_pieces(cut: int) -> None:
    request = publish(ONE)
    outcome, taken = send(request[:cut], request[cut:], request)
    assert (bodies(outcome), taken) == (['{"id":1001,"listeners":0}', '{"id":1002,"listeners":0}'], 2)


def test_several_may_come_in_one_segment() -> None:
    outcome, taken = send(publish(ONE) * 3 + b"GET /healthz HTTP/1.1\r\n\r\n" + publish(ONE))
    assert (statuses(outcome), taken) == ([200] * 5, 5)


def test_the_same_key_gets_the_same_answer_and_another_content_a_refusal() -> None:
    keyed = b'{"channel":"a","message":%b,"key":"k"}'
    outcome, taken = send(publish(keyed % b"1"), publish(keyed % b"1"), publish(keyed % b"2"))
    assert (statuses(outcome), taken) == ([200, 200, 422], 2)
    assert bodies(outcome)[0] == bodies(outcome)[1]
    outcome, taken = send(*[publish(ONE, f"Idempotency-Key: {key}") for key in "kkl"])
    assert (bodies(outcome), taken) == (
        ['{"id":1001,"listeners":0}', '{"id":1001,"listeners":0}', '{"id":1002,"listeners":0}'],
        3,
    )


def test_a_long_answer_says_by_what_it_varies_and_is_compressed_the_usual_way() -> None:
    body = json.dumps({"channels": ["a"] * 250}).encode()
    outcome, taken = send(publish(body), publish(body, "Accept-Encoding: gzip"), publish(ONE, "Accept-Encoding: gzip"))
    assert taken == 2
    assert ["vary: accept-encoding" in answer for answer in outcome.answers] == [True, True, False]
    assert ["content-encoding: gzip" in answer for answer in outcome.answers] == [False, True, False]
    outcome, _ = send(publish(body), trusted=True)
    assert "vary: accept-encoding" not in outcome.answers[0]  # nothing is compressed there


def test_whether_it_serves_is_answered_directly_to_whoever_is_not_counted() -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    outcome, taken = send(request)
    assert (bodies(outcome), taken) == (['{"status":"ok"}'], 1)
    assert send(request, far_end=("203.0.113.9", 5))[1] == 0


# --- who asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "channel", "status"),
    [
        (KEY, "b", 200),
        ("some-key", "a1", 200),
        ("some-key", "b", 403),
        ("far-key", "a", 401),
        ("wrong", "a", 401),
        ("", "a", 401),
    ],
)
def test_keys_are_judged_as_ever(key: str, channel: str, status: int) -> None:
    outcome, taken = send(publish(b'{"channel":"%b"}' % channel.encode(), key=key), far_end=("203.0.113.9", 5))
    assert (statuses(outcome), taken) == ([status], int(status == 200))


@pytest.mark.parametrize(
    ("host", "key", "status"),
    [("localhost", "", 200), ("localhost", KEY, 200), ("localhost", "wrong", 401), ("judge.example", "", 401)],
)
def test_where_this_machine_needs_no_key_it_needs_none(host: str, key: str, status: int) -> None:
    request = publish(ONE, key=key).replace(b"judge.example", host.encode())
    outcome, taken = send(request, trusted=True)
    assert (statuses(outcome), taken) == ([status], int(status == 200))


def test_whoever_has_to_wait_is_not_answered_directly() -> None:
    async def play(client: Client) -> None:
        for _ in range(11):
            await client.send(publish(ONE, key="wrong").replace(b"\r\n\r\n", b"\r\nContent-Type: x\r\n\r\n"))
        road = client.road
        later = Client(road, ("203.0.113.9", 6))
        later.connection.data_received(publish(ONE))
        assert b"HTTP/1.1 200" not in later.socket.written
        later.connection.connection_lost(None)

    outcome, taken = play_on(play, direct=True, far_end=("203.0.113.9", 5))
    assert (statuses(outcome), taken) == ([401] * 10 + [429], 0)


@pytest.mark.parametrize("direct", [False, True])
def test_whoever_posts_is_known_as_a_poster_there(direct: bool) -> None:
    found: list[bool] = []

    async def play(client: Client) -> None:
        shares = client.road.assembly.places.shares
        await client.send(publish(ONE), publish(ONE))
        found.extend(share.is_posters(shares.clock()) for share in shares.all())

    play_on(play, direct=direct, far_end=("203.0.113.9", 5))
    assert found == [True]


# --- answers that take their time -------------------------------------------------------------------------------------


def test_a_store_that_takes_its_time_is_waited_for() -> None:
    async def play(client: Client) -> None:
        await client.send(publish(ONE) + publish(ONE))
        assert client.socket.written == b""
        await client.settle()
        await client.settle()
        await client.send(publish(ONE))
        await client.settle()

    outcome, taken = compare(play, hold=True)
    assert bodies(outcome) == ['{"id":1001,"listeners":0}', '{"id":1002,"listeners":0}', '{"id":1003,"listeners":0}']
    assert taken == 2  # the one that waited for another's answer goes the usual way


def test_a_request_with_a_key_that_somebody_is_acting_on_waits() -> None:
    async def play(client: Client) -> None:
        request = publish(b'{"channel":"a","key":"k"}')
        other = Client(client.road, ("127.0.0.1", 6))
        await other.send(request)
        await client.send(request)
        await client.settle()
        other.leave()

    outcome, taken = compare(play, hold=True)
    assert (bodies(outcome), taken) == (['{"id":1001,"listeners":0}'], 1)
    assert outcome.channels == ("a: [1001]",)


@pytest.mark.parametrize("end", ["shutdown", "tick", "leave"])
def test_a_connection_ends_with_the_answer_that_is_due(end: str) -> None:
    async def play(client: Client) -> None:
        await client.send(publish(ONE))
        if end == "tick":
            client.connection.tick(0.0)
        else:
            client.connection.shutdown() if end == "shutdown" else client.leave()
        await client.settle()

    outcome, taken = compare(play, hold=True)
    assert taken == 1
    assert outcome.channels == ("a: [1001]",)
    assert outcome.closed is (end != "leave")
    assert ["connection: close" in answer for answer in outcome.answers] == ([] if end == "leave" else [True])


def test_behind_the_last_request_nothing_is_done() -> None:
    last = publish(ONE, "Connection: close")
    outcome, taken = send(last + publish(ONE))
    assert (statuses(outcome), outcome.closed, taken) == ([200], True, 1)
    assert outcome.channels == ("a: [1001]",)
    assert not outcome.refusals


# --- what turns out not to be plain -----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["tick", "shutdown", "leave"])
def test_a_body_that_does_not_come_is_waited_for_the_usual_way(end: str) -> None:
    async def play(client: Client) -> None:
        request = publish(ONE)
        await client.send(request[:-5])
        if end == "leave":
            client.leave()
        elif end == "shutdown":
            client.connection.shutdown()
        elif client.road.doors:  # the usual way is on it already
            client.connection.tick(0.0)
        await client.send(*([] if end == "leave" else [request[-5:]]))

    outcome, taken = compare(play)
    assert (statuses(outcome), taken) == ([] if end == "leave" else [200], 0)
    assert outcome.refusals == ({"bad-request": 1} if end == "leave" else {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b'{"channel":""}',
        b'{"channel":"a","x":1}',
        b'{"channel":"\xff"}',
        b'{"channel":"a","key":""}',
        b'{"events":[' + b",".join([b'{"channel":"a"}'] * 201) + b"]}",
        b'{"channel":"a","message":"' + b"x" * 40_000 + b'"}',
    ],
)
def test_what_is_long_or_wrong_is_told_the_usual_way(body: bytes) -> None:
    outcome, taken = send(publish(body), publish(ONE))
    assert (len(outcome.answers), taken) == (2, 1)


@pytest.mark.parametrize(
    "line",
    ["Expect: 100-continue", "Content-Encoding: gzip", "Authorization: x"],
)
def test_a_request_with_a_wish_goes_the_usual_way(line: str) -> None:
    assert send(publish(ONE, line))[1] == 0


def test_a_client_that_leaves_answers_unread_is_waited_for() -> None:
    async def play(client: Client) -> None:
        client.connection.pause_writing()
        await client.send()
        client.connection.data_received(publish(ONE))
        for _ in range(5):
            assert client.socket.written == b""
        client.connection.resume_writing()
        await client.work()

    outcome, taken = compare(play)
    assert (statuses(outcome), taken) == ([200], 0)


# --- when something is out of order -----------------------------------------------------------------------------------


def test_a_store_that_takes_nothing_is_told_of() -> None:
    def refuse(posts: Sequence[Post], settle: Settle) -> None:
        settle(BrokerError("The store is down", temporary=True))

    async def play(client: Client) -> None:
        client.road.break_broker(refuse)
        await client.send(publish(ONE))

    outcome, taken = compare(play)
    assert (statuses(outcome), taken) == ([503], 1)
    assert "retry-after: 1" in outcome.answers[0]


@pytest.mark.parametrize("is_late", [False, True])
def test_an_error_of_ours_costs_one_connection_and_is_logged(is_late: bool, caplog: pytest.LogCaptureFixture) -> None:
    def fail(posts: Sequence[Post], settle: Settle) -> None:
        if is_late:
            settle([])  # fewer ids than posts
        else:
            raise ZeroDivisionError

    async def play(client: Client) -> None:
        client.road.break_broker(fail)
        await client.send(publish(ONE))

    outcome, taken = play_on(play, direct=True)
    assert (statuses(outcome), bodies(outcome)) == ([500], ["Internal Server Error"])
    assert "connection: close" in outcome.answers[0]
    assert (outcome.closed, taken) == (True, int(is_late))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.records[0].exc_info
    assert play_on(play, direct=False)[0].answers[0][0] == outcome.answers[0][0]


def test_a_judge_that_fails_leaves_the_request_to_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(client: Client) -> None:
        for door in client.road.doors:
            monkeypatch.setattr(door, "judge", lambda _: 1 / 0)
        await client.send(publish(ONE))

    assert statuses(play_on(play, direct=True)[0]) == [200]


def test_the_roads_differ() -> None:
    """The other tests compare something: one side answers directly, the other never does."""
    routes = Road(direct=False)._doors.routes
    assert (len(Road(direct=True).doors), routes.direct, routes.direct_below) == (5, {}, {})


def test_who_waits_for_an_answer_behind_one_that_was_direct_keeps_the_socket() -> None:
    found = []

    async def play(client: Client) -> None:
        await client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + publish(ONE))
        found.append(client.connection in client.road._doors.routes.spare)
        await client.settle()
        found.append(client.connection in client.road._doors.routes.spare)

    compare(play, hold=True)
    assert found == [False, True] * 2
