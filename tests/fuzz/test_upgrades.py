"""A wish for another protocol changes nothing: each request is answered as it would have been without it."""

import asyncio
import re

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from oyez.limits import LimitSettings
from oyez.net.http.connection import HttpConnection
from oyez.net.http.settings import HttpSettings
from oyez.net.ticker import Ticker
from oyez.notes import Notes
from oyez.server.routes import Routes
from tests.fake_sockets import Socket
from tests.fakes import Clock, places_for
from tests.fuzz import fuzz

WISH = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"

wishes = st.sampled_from([b"h2c", b"H2C", b"TLS/1.0", b"websocket2", b"h2c, irc/6.9", b"websocket/13", b"", b","])
heads = st.sampled_from([b"POST /api/publish", b"PUT /", b"DELETE /a?b=c", b"POST http://x:1/a"])
bodies = st.binary(max_size=200) | st.just(b"GET / HTTP/1.1\r\n\r\n") | st.just(b"0\r\n\r\n")


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """Make a request: its line, the fields that frame its body, and the body as it is sent."""
    body = draw(bodies)
    if draw(st.booleans()):
        return draw(heads), b"Content-Length: %d\r\n" % len(body), body
    size = draw(st.integers(1, 50))
    pieces = [body[begin : begin + size] for begin in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    trailer = draw(st.sampled_from([b"", b"X-Sum: 1\r\n"]))
    return draw(heads), b"Transfer-Encoding: chunked\r\n", chunks + b"0\r\n" + trailer + b"\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was understood."""
    request = Request(scope, receive)
    path, host = request.scope["raw_path"].decode(), request.headers["host"]
    understood = (
        f"{request.method} {path}?{request.url.query} at {host}: ".encode() + (await request.body()).hex().encode()
    )
    await Response(understood)(scope, receive, send)


async def answers(data: bytes, cuts: list[int], count: int) -> list[bytes]:
    """Feed a connection, cut into segments; gives the bodies of its answers."""
    routes = Routes(Ticker(clock=Clock()), HttpSettings(), LimitSettings(), 10, Notes(), places_for(5))
    config = Config(echo, lifespan="off", log_config=None)
    config.load()
    connection = HttpConnection(routes, None, config=config, server_state=ServerState(), app_state={})
    socket = Socket()
    socket.get_extra_info = lambda *_: None  # type: ignore[method-assign]
    connection.connection_made(socket)
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        connection.data_received(data[begin:end])
    for _ in range(20 * count):
        await asyncio.sleep(0)
    assert not routes.note.counts, routes.note.counts
    return re.findall(rb"HTTP/1\.1 200 OK\r\n.*?\r\n\r\n([^\r]*?)(?=HTTP/|\Z)", socket.written, re.DOTALL)


@given(
    st.lists(st.tuples(requests(), st.none() | wishes), min_size=1, max_size=4),
    st.lists(st.integers(0, 400), max_size=6),
)
@fuzz
def test_wishes_are_passed_over(asked: list[tuple[tuple[bytes, bytes, bytes], bytes | None]], cuts: list[int]) -> None:
    plain = wishing = b""
    for (head, framing, body), wish in asked:
        begin, end = head + b" HTTP/1.1\r\nHost: judge.example\r\n", framing + b"\r\n" + body
        plain += begin + end
        wishing += begin + (b"" if wish is None else WISH % wish) + end
    at = [cut % len(wishing) for cut in cuts]
    understood = asyncio.run(answers(wishing, at, len(asked)))
    assert len(understood) == len(asked)
    assert understood == asyncio.run(answers(plain, [], len(asked)))
