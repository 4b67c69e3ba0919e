"""Can a request be found that is answered in another way because it is answered directly?"""

import json
from collections.abc import Awaitable, Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from oyez.limits import LimitSettings
from tests.fuzz import fuzz
from tests.unit.two_roads import KEY, Client, play_on

BEARER = b"Authorization: Bearer " + KEY.encode()

request_lines = st.sampled_from(
    [b"POST /api/publish HTTP/1.1"] * 12
    + [b"GET /healthz HTTP/1.1"] * 3
    + [b"GET /channels/a?nowait=1 HTTP/1.1", b"GET /socket.io/channels/a%7Cb?nowait=1&last=1001&max=2 HTTP/1.1"] * 3
    + [
        b"POST /api/publish HTTP/1.0",
        b"POST /api/publish? HTTP/1.1",
        b"POST /api/publish?a=b HTTP/1.1",
        b"POST /%61pi/publish HTTP/1.1",
        b"POST http://judge.example/api/publish HTTP/1.1",
        b"PUT /api/publish HTTP/1.1",
        b"GET /socket.io/?EIO=4&transport=polling&sid=gone HTTP/1.1",
        b"GET /socket.io/?EIO=4&transport=polling&sid=gone&j=0 HTTP/1.1",
        b"GET /channels/a%?nowait=1 HTTP/1.1",
        b"GET /channels/a#b?nowait=1 HTTP/1.1",
        b"GET /channels/%C3%A9|b?nowait=1&notify=1&last=1001 HTTP/1.1",
        b"GET /channels/ HTTP/1.1",
        b"GET http://judge.example/channels/a?nowait=1 HTTP/1.1",
        b"HEAD /channels/a?nowait=1 HTTP/1.1",
        b"POST /channels/a?nowait=1 HTTP/1.1",
        b"GET /api/publish HTTP/1.1",
        b"HEAD /healthz HTTP/1.1",
        b"POST /healthz HTTP/1.1",
        b"OPTIONS /api/publish HTTP/1.1",
        b"POST /api/publish HTTP/2.0",
        b"POST  /api/publish HTTP/1.1",
    ]
)
keys = st.sampled_from(
    [BEARER] * 12
    + [
        b"authorization: bearer " + KEY.encode(),
        b"Authorization: Bearer some-key",
        b"Authorization: Bearer far-key",
        b"Authorization: Bearer wrong",
        b"Authorization: Basic wrong",
        b"Authorization: Bearer \xff",
        b"Authorization:Bearer  " + KEY.encode() + b" ",
        b"X: none",
    ]
)
fields = st.sampled_from(
    [
        b"Host: judge.example",
        b"Host: localhost:15100",
        b"User-Agent: python-urllib3/2.5.0",
        b"Content-Type: application/json",
        b"Accept-Encoding: identity",
        b"Accept-Encoding: gzip, deflate",
    ]
    * 6
    + [
        b"Host: a/b",
        b"Accept-Encoding: gzip;q=0, *",
        b"Connection: keep-alive",
        b"Connection: close",
        b"Connection: Close, x",
        b"Connection: upgrade",
        b"Connection: Upgrade\r\nUpgrade: h2c",
        b"Expect: 100-continue",
        b"Expect: much",
        b"Content-Encoding: gzip",
        b"Content-Encoding: identity",
        b"Transfer-Encoding: chunked",
        b"Idempotency-Key: k",
        b"Idempotency-Key: l",
        b"Idempotency-Key:",
        b"X-Forwarded-For: 203.0.113.9",
        b"X-Forwarded-For: 203.0.113.9, 10.0.0.9",
        b"Origin: https://other.example",
        b"Last-Event-ID: 1001",
        BEARER,
        b"Content-Length: 2",
        b"Name : x",
        b"X: \x00",
        b"X: \xff",
        b" folded",
    ]
)

channels = st.sampled_from(["a", "ab", "b", "é", "\ud800", "x" * 300, ""])
messages = st.sampled_from([1, None, {"type": "update"}, "\ud800", [[1]], "x" * 2000])
event_keys = st.sampled_from(["k", "l", "m", "", "\udfff"])
events = st.fixed_dictionaries(
    {"channel": channels}, optional={"message": messages, "key": event_keys, "x": st.just(1)}
)
bodies = st.one_of(
    events,
    st.fixed_dictionaries({"channel": channels}, optional={"message": messages, "key": event_keys}),
    st.fixed_dictionaries({"channels": st.lists(channels, max_size=100)}, optional={"message": messages}),
    st.fixed_dictionaries({"events": st.lists(events, max_size=5)}),
    st.builds(lambda count: {"events": [{"channel": f"a{number}"} for number in range(count)]}, st.integers(0, 260)),
).map(lambda body: json.dumps(body).encode())
texts = bodies | bodies | bodies | st.sampled_from([b"", b"{", b"[]", b"{}", b'{"channel":"\xff"}', b"x" * 40_000])


@st.composite
def repetitions(draw: st.DrawFn) -> list[bytes]:
    """Requests with the same head, but for the length of the body."""
    lines = [draw(request_lines), draw(keys), *draw(st.lists(fields, max_size=4))]
    length_at = draw(st.integers(1, len(lines)))
    return [draw(requests(lines, length_at)) for _ in range(draw(st.integers(1, 4)))]


@st.composite
def requests(draw: st.DrawFn, lines: list[bytes], length_at: int) -> bytes:
    body, lines = draw(texts), lines[:]
    if b"Transfer-Encoding: chunked" in lines:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif not (lines[0].startswith((b"GET", b"HEAD")) and draw(st.booleans())):
        wrong = draw(st.sampled_from([0] * 20 + [1, -1]))
        lines.insert(length_at, b"Content-Length: %d" % max(len(body) + wrong, 0))
    else:
        body = b""
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


@given(
    st.lists(repetitions(), min_size=1, max_size=3).map(lambda lists: [one for some in lists for one in some]),
    st.lists(st.integers(0, 2**15), max_size=4),
    st.booleans(),
    st.booleans(),
    st.sampled_from([("127.0.0.1", 5), ("203.0.113.9", 5), ("", 0)]),
)
@fuzz
def test_both_ways_answer_the_same(
    asked: list[bytes], cuts: list[int], pipelined: bool, trusted: bool, far_end: tuple[str, int]
) -> None:
    def play(*parts: bytes) -> Callable[[Client], Awaitable[None]]:
        segments = [segment for part in parts for segment in cut(part, cuts)]

        async def send(client: Client) -> None:
            await client.send(*segments)

        return send

    usual, _ = play_on(play(*asked), direct=False, trusted=trusted, far_end=far_end)
    answered, _ = play_on(play(*asked), direct=True, trusted=trusted, far_end=far_end)
    assert answered == usual
    # What is broken, or the last one, ends a connection sooner where answers wait; and not too much may wait.
    if pipelined and not usual.closed and sum(map(len, asked)) < LimitSettings().max_header_bytes / 2:
        answered, _ = play_on(play(b"".join(asked)), direct=True, trusted=trusted, far_end=far_end)
        assert answered == usual


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut data at some places."""
    places = [0, *sorted(at % (len(data) + 1) for at in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(places) if begin < end]
