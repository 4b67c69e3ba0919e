"""Does the daemon serve everyone else while somebody sends the worst to the raw doors, polls and streams?"""

import json
from collections.abc import Callable

import pytest

from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.integration.dialects import RawLink, RawListener, RawPoster, begin_poll, poll_target
from tests.integration.hostile.test_links import flood_for
from tests.integration.links import eventually, metrics, rss_mb
from tests.raw import Call, dial, frame, request, text_frame, upgrade_request

pytestmark = pytest.mark.slow

COMMAND = b'{"command":"last-msg"}'

OPENERS: dict[str, Callable[[Daemon], RawLink]] = {
    "listener": lambda target: RawListener(target.port, "x"),
    "poster": lambda target: RawPoster(target.port),
    "stranger": lambda target: RawPoster(target.port, key=None),
}


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Callable[[Daemon], RawLink]:
    return OPENERS[request.param]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(1, b'{"command":"\xff"}'), 1007), (frame(1, b"\xed\xa0\x80"), 1007),
        (frame(1, b"\xc3", fin=False) + frame(0, b"x"), 1007), (frame(1, COMMAND, masked=False), 1002),
        (frame(1, COMMAND, rsv=4), 1002), (frame(1, COMMAND, rsv=1), 1002), (frame(3, b"x"), 1002),
        (frame(0, b"x"), 1002), (frame(9, b"x" * 126), 1002), (frame(8, b"x"), 1002),
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 1009), (b"\x82\xff\0\0\0\0\x7f\xff\xff\xff", 1009),
        (frame(2, b"x" * 1_100_000)[:2000], 1009), (frame(8, b"\x03\xe8"), 1000),
    ],
    ids=lambda value: ascii(value[:12]) if isinstance(value, bytes) else str(value),
)  # fmt: skip
def test_broken_frames_close_with_the_code_of_the_rfc(
    target: Daemon, opener: Callable[[Daemon], RawLink], data: bytes, code: int
) -> None:
    with opener(target) as link:
        link.raw(data)
        assert link.close_code() == code


KILLERS: list[str | bytes] = [
    "null", "5", "{}", '{"command":1}', '{"command":"__proto__"}', '{"command":"__defineGetter__"}', '{"command":null}',
    '{"command":{"toString":1}}', '{"command":"set-filter","filter":[{"toString":null}]}', '{"command":"set-filter"}',
    '{"command":"start-msg","start":{"valueOf":1}}', '{"command":"post","channel":{"length":5}}', "{" * 9000,
    '{"command":"set-filter","filter":' + "9" * 5000 + "}", '{"command":"set-filter","filter":' + "[" * 9000,
    '{"command":"auth","key":' + "[" * 4000 + "]" * 4000 + "}", '{"command":"' + "x" * 9000 + '"}',
    '{"command":"' + "\\ud800" * 1500 + '"}', b"\xff", b'{"command":"\xff"}', COMMAND.decode().encode("utf-16"), b"",
]  # fmt: skip


def test_what_killed_the_daemon_of_old_is_answered_and_the_link_goes_on(
    target: Daemon, opener: Callable[[Daemon], RawLink]
) -> None:
    with opener(target) as link:
        link.send(*KILLERS)
        link.send('{"command":"the-last"}')
        heard = [link.value()]
        while heard[-1].get("message") != "bad command: the_last":
            heard.append(link.value())
        assert all(reply["status"] == "error" for reply in heard)
        assert len(json.dumps(heard)) < 20_000
        if isinstance(link, RawPoster):
            assert len(heard) == len(KILLERS) + 1


FLOODS: dict[str, tuple[str, bytes]] = {
    "mistakes": ("listener", text_frame("null")),
    "filters": ("listener", text_frame('{"command":"set-filter","filter":["flood"],"notify":true}')),
    "starts": ("listener", text_frame('{"command":"start-msg","start":1}')),
    "pings": ("listener", frame(9, b"x" * 125)),
    "strangers' posts": ("stranger", text_frame('{"command":"post","channel":"flood"}')),
    "wrong keys": ("stranger", text_frame('{"command":"auth","key":"x"}')),
    "posts": ("poster", text_frame('{"command":"post","channel":"flood","message":1}')),
    "questions": ("poster", text_frame(COMMAND.decode())),
    "fragments": ("poster", frame(1, b"", fin=False) + frame(0, b"null")),
}


@pytest.mark.parametrize(("who", "flood"), FLOODS.values(), ids=FLOODS.keys())
def test_floods_without_reading_an_answer(target: Daemon, who: str, flood: bytes) -> None:
    before = rss_mb(target.pid)
    with OPENERS[who](target) as one, OPENERS[who](target) as other:
        flood_for(one, flood * 200, 0.2)
        flood_for(other, flood * 200, 0.2)
        assert rss_mb(target.pid) - before < 20


def test_flood_of_filters_over_full_channels(target: Daemon) -> None:
    with RawPoster(target.port) as poster:
        for n in range(20):
            poster.post(f"full-door-{n}", *["x" * 5000] * 64)
    before = rss_mb(target.pid)
    links = [RawListener(target.port, start=1, receive_buffer=4096) for _ in range(3)]
    burst = b"".join(text_frame(f'{{"command":"set-filter","filter":["full-door-{n % 20}"]}}') for n in range(300))
    for link in links:
        flood_for(link, burst, 0.2)
    assert rss_mb(target.pid) - before < 25
    for link in links:
        link.drop()


def test_bodies_that_nobody_asked_for(target: Daemon) -> None:
    """A poll takes any method; what comes as its body is thrown away, and for a bounded time."""
    before = rss_mb(target.pid)
    whole = Call(target.port, "POST", poll_target(["body"]), b"x" * 3_000_000)
    link = dial(target.port)
    link.sendall(b"POST /channels/body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx")
    stream = Stream(target.port, "/sse?channel=body", Content_Length="0")
    with RawPoster(target.port) as poster:
        posted = poster.post("body", 1)
    assert [json.loads(whole.answer().body)] == posted
    assert stream.record().event == "status"
    stream.drop()
    link.close()
    assert rss_mb(target.pid) - before < 20


def test_thousands_who_come_and_go(target: Daemon) -> None:
    requests = [
        upgrade_request("/event/"), upgrade_request("/post"), b"GET /sse?channel=crowd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /channels/crowd HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /sse?channel=crowd HTTP/1.1\r\nHos",
    ]  # fmt: skip
    before = rss_mb(target.pid)
    for n in range(1500):
        link = dial(target.port)
        link.sendall(requests[n % 5])
        link.close()
    eventually(lambda: metrics(target.port)["oyez_sessions"] < 50, "end of those who went away")
    assert rss_mb(target.pid) - before < 40


def test_crowds_that_listen_to_one_channel(target: Daemon) -> None:
    before = rss_mb(target.pid)
    listeners = [RawListener(target.port, "crowd", start=1) for _ in range(150)]
    streams = [Stream(target.port, "/sse?channel=crowd&last=1") for _ in range(150)]
    polls = [begin_poll(target.port, "crowd", last=2**52) for _ in range(150)]
    eventually(lambda: metrics(target.port)["oyez_listeners"] >= 450, "crowd")
    with RawPoster(target.port) as poster:
        (event,) = poster.post("crowd", 1)
    assert {json.dumps(waiter.answer().body) for waiter in polls} == {
        json.dumps(json.dumps(event, separators=(",", ":")))
    }
    for listener in listeners:
        assert listener.value() == event
        listener.drop()
    for stream in streams:
        while stream.record().event != "message":
            pass
        stream.drop()
    assert rss_mb(target.pid) - before < 40
    assert request(target.port, "GET", "/healthz").status == 200
