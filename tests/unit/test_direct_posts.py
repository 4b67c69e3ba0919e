"""Are handshakes and posts of sessions answered directly, in the very words of the usual way?"""

import asyncio
from dataclasses import replace

import pytest

from oyez.limits import LimitSettings
from oyez.net.engineio.session import EngineSession
from oyez.setting import put_in_force
from tests.unit.test_direct_polls import PAGE, PAGES, VISITOR, get
from tests.unit.test_direct_sessions import PATH, _known_ids, poll, send_packets
from tests.unit.two_roads import SETTINGS, Client, bodies, compare, play_on, statuses

__all__ = ("_known_ids",)  # a fixture that holds here too

LAST = '42["last-msg"]'


def send_body(body: bytes, *lines: str, query: str = "") -> bytes:
    return get(f"{PATH}&sid=s0{query}", *lines, f"Content-Length: {len(body)}", method="POST") + body


def test_a_handshake_is_answered_directly() -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH, f"Origin: {PAGE}", "Accept-Encoding: gzip"))

    outcome, taken = compare(play, settings=PAGES)
    assert (statuses(outcome), taken) == ([200], 1)
    assert bodies(outcome)[0].startswith('0{"sid":"s0","upgrades":["websocket"]')
    assert f"access-control-allow-origin: {PAGE}" in outcome.answers[0]


@pytest.mark.parametrize(("agent", "packets"), [("Mozilla/5.0", 20), ("python", 16)])
def test_browsers_get_any_number_of_packets(agent: str, packets: int) -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH, f"User-Agent: {agent}"), send_packets("40"), poll(), send_body(_many(20)), poll())

    outcome, _ = compare(play)
    assert bodies(outcome)[-1].count("\x1e") + 1 == packets


def _question(size: int) -> bytes:
    """Return one of so many bytes."""
    return b'42["last-msg","%b"]' % (b"x" * (size - 17))


def _many(questions: int) -> bytes:
    return "\x1e".join([LAST] * questions).encode()


@pytest.mark.parametrize("is_known", [False, True], ids=["another connection", "a head that comes again"])
def test_limits_that_are_read_again_count_for_the_next_post(is_known: bool) -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH), send_packets("40"), poll(), send_body(_question(200)))
        limits = client.road.assembly.settings.limits
        put_in_force(limits, replace(limits, max_receiver_message_bytes=100, body_timeout_s=7.0))
        if not is_known:
            client = await client.road.connect()
        await client.send(send_body(_question(100)), send_body(_question(101)))
        answers.append(client.socket.written.count(b"HTTP/1.1 413 "))

    answers: list[int] = []
    compare(play, settings=replace(SETTINGS, limits=LimitSettings(max_receiver_message_bytes=200)))
    assert answers == [1, 1]


def test_a_body_has_the_time_that_counts_now() -> None:
    async def play(client: Client) -> None:
        limits = client.road.assembly.settings.limits
        await client.send(get(PATH), send_packets("40"))
        for time_s in (7.0, 70.0):
            put_in_force(limits, replace(limits, body_timeout_s=time_s))
            client = await client.road.connect()
            await client.send(send_body(b"4")[:-1])
            patience.append(client.connection._patience_s)
            assert client.connection._is_patient

    patience: list[float] = []
    play_on(play, direct=True)
    assert patience == [7.0, 70.0]


def test_a_handshake_that_finds_no_place_is_told_when_to_come_back() -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH), get(PATH), get(PATH))

    hasty = replace(SETTINGS, limits=LimitSettings(connects_per_second_per_address="0.1 burst 2"))
    outcome, taken = compare(play, far_end=VISITOR, settings=hasty)
    assert (statuses(outcome), taken) == ([200, 200, 429], 3)
    assert "retry-after: 10" in outcome.answers[2]
    assert outcome.refusals == {"address-connects": 1}


@pytest.mark.parametrize("mark", ["", "&t=x"])
def test_a_post_is_carried_out_and_one_that_is_marked_alike_is_not(mark: str) -> None:
    async def play(client: Client) -> None:
        post = send_body(LAST.encode(), query=mark)
        await client.send(get(PATH), send_packets("40"), poll(), post, post, poll())

    outcome, taken = compare(play)
    assert (statuses(outcome), taken) == ([200] * 6, 6)
    assert bodies(outcome)[3:5] == ["ok", "ok"]
    assert bodies(outcome)[5].count("last-response") == (1 if mark else 2)
    assert {"content-type: text/html; charset=utf-8", "cache-control: no-store"} <= set(outcome.answers[3])


@pytest.mark.parametrize(
    ("request_", "status", "is_direct"),
    [
        (send_body(b"x"), 200, True),
        (send_body(b""), 200, True),
        (send_body(b"4\xff"), 200, True),
        (send_body(b"40\x1e9\x1e" + LAST.encode()), 200, True),
        (send_body(b"x" * 70_000), 413, False),
        (send_body(b"4" * 10_000), 200, True),
        (send_body(b"4" * 10_001), 413, False),
        (send_body(b"4", "Content-Type: application/octet-stream"), 400, False),
        (send_body(b"4", "Content-Type: text/plain;charset=UTF-8"), 200, True),
        (send_body(b"4", "Origin: https://other.example"), 403, True),
        (send_body(b"4", query="&j=1"), 400, True),
        (send_body(b"4").replace(b"sid=s0", b"sid=s9"), 400, True),
        (send_body(b"4").replace(b"&sid=s0", b""), 400, False),
        (send_body(b"4").replace(b"transport=polling", b"transport=websocket"), 400, False),
        (
            send_body(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
            + b"1\r\n4\r\n0\r\n\r\n",
            200,
            False,
        ),
    ],
)
def test_what_is_wrong_with_a_post_is_told_in_the_same_words(request_: bytes, status: int, is_direct: bool) -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH), request_)
        await client.ask(poll())

    outcome, taken = compare(play, settings=PAGES)
    assert (statuses(outcome)[1], taken) == (status, 2 + is_direct)


def test_what_is_longer_than_a_listener_may_send_goes_the_usual_way() -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH), send_body(b"4" * 2000), send_packets("40"))

    small = replace(SETTINGS, limits=LimitSettings(max_receiver_message_bytes=1000))
    outcome, taken = compare(play, settings=small)
    assert (statuses(outcome), taken) == ([200, 413, 200], 2)
    assert outcome.refusals == {"too-big": 1}


def test_two_posts_at_once_end_the_session_and_one_that_waits_is_carried_on() -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH), send_packets("40"))
        await client.ask(send_body(_many(1100)))
        answered = client.socket.written.count(b"HTTP/1.1 ")
        assert answered == 2, "the third waits until what it brought is fetched"
        other = Client(client.road, VISITOR)
        while client.socket.written.count(b"HTTP/1.1 ") < 3:
            await other.ask(poll())  # each is answered at once: a poll that is left ends its session
        other.leave()
        await client.ask(send_body(_many(1100)))
        other = Client(client.road, VISITOR)
        await other.ask(send_body(LAST.encode()))
        assert b"400 Bad Request" in other.socket.written
        other.leave()
        await client.turn()

    fast = replace(
        SETTINGS,
        limits=LimitSettings(
            max_receiver_message_bytes=2**16,
            commands_per_second_per_connection="100000 burst 100000",
            commands_per_second_per_address="100000 burst 100000",
        ),
    )
    outcome, _ = compare(play, settings=fast)
    assert statuses(outcome) == [200] * 4
    assert outcome.refusals == {"bad-request": 1}


def test_who_asks_for_too_much_is_answered_when_it_is_paid_for() -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH), send_packets("40"), poll())
        await client.ask(send_body(LAST.replace("[", "[" + " " * 9900).encode()))
        assert client.socket.written.count(b"HTTP/1.1 ") == 3
        for _ in range(20):
            await asyncio.sleep(0.05)
            await client.turn()
            if client.socket.written.count(b"HTTP/1.1 ") == 4:
                break

    slow = replace(SETTINGS, limits=LimitSettings(commands_per_second_per_connection="100 burst 10"))
    outcome, taken = compare(play, settings=slow)
    assert (statuses(outcome), taken) == ([200] * 4, 4)
    assert outcome.refusals == {"connection-commands": 1}


def test_a_body_that_does_not_end_is_told_so_in_its_time() -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH))
        await client.ask(send_body(LAST.encode())[:-5])
        client.connection.tick(0.0)
        for _ in range(60):
            await asyncio.sleep(0.05)
            await client.turn()
            if client.socket.ended:
                break

    short = replace(SETTINGS, limits=LimitSettings(body_timeout_s=0.2))
    usual, _ = play_on(play, direct=False, settings=short)
    outcome, _ = play_on(play, direct=True, settings=short)
    assert (statuses(outcome), statuses(usual)) == ([200, 408], [200, 408])
    assert outcome.refusals == usual.refusals == {"bad-request": 1}
    assert "connection: close" in outcome.answers[1]


def test_bodies_under_way_have_no_task() -> None:
    async def play(client: Client) -> None:
        await client.send(get(PATH))
        tasks = len(asyncio.all_tasks())
        for byte in send_body(LAST.encode())[:-1]:
            client.connection.data_received(bytes([byte]))
        await client.turn()
        assert len(asyncio.all_tasks()) == tasks
        client.leave()
        await client.turn()
        assert len(asyncio.all_tasks()) == tasks

    outcome, taken = play_on(play, direct=True)
    assert (statuses(outcome), taken, outcome.refusals) == ([200], 1, {})


def test_an_error_of_ours_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: EngineSession, data: bytes) -> None:
        raise RuntimeError("a bug")

    async def play(client: Client) -> None:
        await client.send(get(PATH))
        monkeypatch.setattr(EngineSession, "receive_text", fail)
        await client.send(send_packets("40"))
        assert not client.road.assembly.engine.sessions

    outcome, _ = compare(play)
    assert statuses(outcome) == [200, 200]
