"""Does the daemon serve everyone else while somebody sends it the worst?"""

import contextlib
import time

import pytest

from tests.daemon import Daemon
from tests.integration.links import Sender, eventually, listen, rss_mb
from tests.raw import (
    NO_CODE,
    Polling,
    dial,
    read_to_end,
    request,
    upgrade_request,
)

pytestmark = pytest.mark.slow

# --- packets that killed the daemon of old ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "packet",
    ['42["set-filter"]', '42["set-filter",null]', '42["start-msg"]', '42["start-msg",null]', '42["set-filter",5]',
     '421["set-filter",null,7]', '42["set-filter",{"filter":[{"toString":null}]}]', '42["__proto__",{}]',
     '42["constructor"]', '42["start-msg",{"start":{"valueOf":1}}]', '42["start-msg",{"start":"' + "9" * 5000 + '"}]'],
    ids=lambda packet: packet[:30],
)  # fmt: skip
def test_listeners_killers_are_ordinary_mistakes(target: Daemon, packet: str) -> None:
    with listen(target.port) as link:
        link.send(packet)
        link.emit("last-msg")
        while link.event()[0] != "last-response":
            pass


@pytest.mark.parametrize(
    "packet",
    ['42["post"]', '42["post",null]', '421["post",{"channel":"x"},5]', '421["last-msg",{}]', '42["post",5]',
     '42["post",{"channel":{"length":5}}]', '42["post",{"channel":["x"]}]', '42["last-msg",null]'],
)  # fmt: skip
def test_senders_killers_are_ordinary_mistakes(target: Daemon, packet: str) -> None:
    with Sender(target.port) as sender:
        sender.send(packet)
        assert '"status":' in str(sender.receive())
        assert sender.post("x", 1)


@pytest.mark.parametrize("depth", [8000, 400_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"":', "}"), ("[", "")])
def test_deep_nesting_ends_only_its_link(target: Daemon, depth: int, opening: str, closing: str) -> None:
    message = opening * (depth // len(opening)) + "1" + closing * (depth // len(opening))
    with Sender(target.port) as sender:
        sender.send(f'42["post",{{"channel":"deep","message":{message}}}]')
        assert sender.close_code() == NO_CODE


# --- HTTP -------------------------------------------------------------------------------------------------------------

MALFORMED = [
    b"\r\n\r\n\r\n\r\n", b"\0\1\2\3\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n",
    b"GET  HTTP/1.1\r\n\r\n", b"GET http:// HTTP/1.1\r\n\r\n", b"GET http://[::1 HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", b"G\xc3\x89T / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\n\r\n", b"GET / HTTP/1.1\r\nA\0B: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST /api/publish HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST /api/publish HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("data", MALFORMED, ids=lambda data: ascii(data[:24]))
def test_what_is_not_http_is_refused_and_closed(target: Daemon, data: bytes) -> None:
    link = dial(target.port)
    link.sendall(data)
    answer = read_to_end(link)
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"404", b"408"), answer


@pytest.mark.parametrize(
    "begin",
    [b"", b"G", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x", b"GET / HTTP/1.1\r\nHost: x\r\n",
     upgrade_request("/socket.io/?EIO=4&transport=websocket")[:-2]],
    ids=ascii,
)  # fmt: skip
def test_headers_that_stop_are_given_up_in_time(target: Daemon, begin: bytes) -> None:
    link = dial(target.port)
    link.sendall(begin)
    assert read_to_end(link)[:12] in (b"", b"HTTP/1.1 408")


def test_headers_that_trickle_are_given_up_in_time(target: Daemon) -> None:
    link = dial(target.port)
    with pytest.raises(ConnectionError):  # noqa: PT012 - long before all of it is sent, which takes ten seconds
        for byte in upgrade_request("/socket.io/?EIO=4&transport=websocket&x=" + "y" * 1000):
            link.sendall(bytes((byte,)))
            time.sleep(0.01)


@pytest.mark.parametrize("kind", ["headers", "path", "one header", "trailers", "chunk extension"])
def test_head_that_never_ends_is_cut_off(target: Daemon, kind: str) -> None:
    chunked = b"POST /api/publish HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    begin, more = {
        "headers": (b"GET / HTTP/1.1\r\n", b"X-Some: " + b"y" * 90 + b"\r\n"),
        "path": (b"GET /", b"x" * 100),
        "one header": (b"GET / HTTP/1.1\r\nX: ", b"x" * 100),
        "trailers": (chunked + b"0\r\n", b"X-Some: " + b"y" * 90 + b"\r\n"),
        "chunk extension": (chunked + b"1;", b"x" * 100),
    }[kind]
    before, deadline = rss_mb(target.pid), time.monotonic() + 8
    link = dial(target.port)
    link.settimeout(2)
    with pytest.raises(OSError), link:  # noqa: PT012 - which of them is refused is not the point
        link.sendall(begin)
        while time.monotonic() < deadline:
            link.sendall(more * 1000)
            assert rss_mb(target.pid) - before < 25
            time.sleep(0.005)


@pytest.mark.parametrize("path", ["/api/publish", "/socket.io/?EIO=4&transport=polling", "/healthz", "session"])
def test_body_that_stops_is_given_up_in_time(target: Daemon, path: str) -> None:
    at = Polling(target.port).target if path == "session" else path
    link = dial(target.port)
    key = f"Authorization: Bearer {target.key}\r\n"
    link.sendall(f"POST {at} HTTP/1.1\r\nHost: x\r\n{key}Content-Length: 5000\r\n\r\n4".encode())
    with contextlib.suppress(ConnectionError):
        link.sendall(b"x")
    read_to_end(link)


def test_requests_of_every_size_of_segment(target: Daemon) -> None:
    for size in (1, 2, 3, 7):
        link = dial(target.port)
        data = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        for begin in range(0, len(data), size):
            link.sendall(data[begin : begin + size])
        assert read_to_end(link).endswith(b'{"status":"ok"}')


def test_pipelined_polls_and_garbage(target: Daemon) -> None:
    session = Polling(target.port)
    one = f"GET {session.target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    link = dial(target.port)
    link.sendall(one * 500 + b"garbage\r\n\r\n")
    link.close()
    eventually(lambda: session.is_gone, "end of the session")


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [
        ("", "right", 400), ("{", "right", 400), ("null", "right", 400), ("[]", "right", 400), ("5", "right", 400),
        ('{"channel":5}', "right", 400), ('{"channel":"x","message":NaN}', "right", 400), ("{}" * 2, "right", 400),
        ('{"channel":"x","message":' + "[" * 100_000, "right", 400), (b'{"channel":"\xff"}', "right", 400),
        ('{"channel":"' + "😀" * 51 + '"}', "right", 400), ('{"channel":"x","message":"\\ud800"}', "right", 200),
        ('{"channel":"x"}', "wrong", 401), ('{"channel":"x"}', "né", 401), ('{"channel":"x"}', "", 401),
        ('{"channel":"x","message":"' + "x" * (2**20 - 100) + '"}', "right", 200),
        ('{"channel":"x","message":"' + "x" * (2**20 + 100) + '"}', "right", 413),
    ],
    ids=lambda value: ascii(value)[:30],
)  # fmt: skip
def test_publish_answers_every_mistake(target: Daemon, body: str | bytes, key: str, status: int) -> None:
    bearer = "Bearer " + (target.key if key == "right" else key)
    answer = request(target.port, "POST", "/api/publish", body, Authorization=bearer)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
