"""What is read from the first bytes is what the HTTP parser would have read."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oyez.net.http.first_bytes import _read_plain_request
from oyez.wire.http_target import check_host, read_target
from tests.fuzz import fuzz

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
PLAIN = [
    b"Host: judge.example",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: " + KEY,
    b"Sec-WebSocket-Version: 13",
]
lines = st.sampled_from(
    [
        *PLAIN,
        b"upgrade: websocket",
        b"Connection: keep-alive, Upgrade",
        b"X-Forwarded-For:  10.0.0.1 , 10.0.0.2 ",
        b"Content-Length: 3",
        b"transfer-encoding: chunked",
        b"Expect: 100-continue",
        b" folded",
        b"Bad Name: x",
        b"Name : x",
        b"X: \x00",
        b"X: \xff",
        b"X:y",
        b"X: a\rb",
        b"Host: other.example",
        b"Host: u@judge.example",
        b"Upgrade: h2c",
        b"Upgrade: h2c, websocket",
        b"Sec-WebSocket-Protocol: json, v1",
        b"",
    ]
)
targets = st.sampled_from(
    [b"/", b"/socket.io/?EIO=4&transport=websocket", b"/a b", b"/\xff", b"*", b"http://x/", b"", b"/a#b", b"/%73se?%73"]
)
methods = st.sampled_from([b"GET", b"GET", b"GET", b"POST", b"get"])
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2"])


class Reader:
    """Listens to the HTTP parser."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


@given(methods, targets, versions, st.lists(lines, max_size=8), st.sampled_from([b"", b"\r\n", b"more"]))
@fuzz
def test_agrees_with_the_http_parser(
    method: bytes, target: bytes, version: bytes, headers: list[bytes], behind: bytes
) -> None:
    data = b"%s %s %s\r\n" % (method, target, version) + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + behind
    read = _read_plain_request(data)
    if read is None:
        return
    reader = Reader()
    parser = httptools.HttpRequestParser(reader)
    with pytest.raises(httptools.HttpParserUpgrade):
        parser.feed_data(data)
    assert (parser.get_method(), parser.get_http_version()) == (b"GET", "1.1")
    check_host(reader.headers)
    assert read == (read_target(b"GET", reader.url).path, reader.headers)


def test_reads_what_clients_write() -> None:
    data = b"GET /socket.io/?EIO=4 HTTP/1.1\r\n" + b"\r\n".join(PLAIN) + b"\r\n\r\n"
    read = _read_plain_request(data)
    assert read is not None
    assert read[0] == b"/socket.io/?EIO=4"
    assert dict(read[1])[b"sec-websocket-key"] == KEY


@pytest.mark.parametrize("cut", [1, 20, 60, -1])
def test_leaves_what_is_not_complete_to_the_http_side(cut: int) -> None:
    data = b"GET / HTTP/1.1\r\n" + b"\r\n".join(PLAIN) + b"\r\n\r\n"
    assert _read_plain_request(data[:cut]) is None
