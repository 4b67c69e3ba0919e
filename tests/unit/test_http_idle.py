"""Which HTTP connections make room for others: those whose clients wait for nothing, or do not take what they get."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from oyez.limits import LimitSettings
from oyez.net.http.connection import HttpConnection
from oyez.net.http.settings import HttpSettings
from oyez.net.ticker import Ticker
from oyez.notes import Notes
from oyez.server.routes import Routes
from tests.fake_sockets import Messages, Socket
from tests.fakes import Clock, places_for

REQUEST = b"GET / HTTP/1.1\r\nHost: judge.example\r\n\r\n"
HANDSHAKE = REQUEST[:-2] + (
    b"Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Client:
    """A client of an application that answers in two pieces; the second one when it is let."""

    def __init__(self) -> None:
        self.routes = Routes(Ticker(clock=Clock()), HttpSettings(), LimitSettings(), 10, Notes(), places_for(5))
        self.may_end = asyncio.Event()
        config = Config(self._answer, interface="asgi3", lifespan="off", log_config=None)
        config.load()
        self.connection = HttpConnection(self.routes, None, config=config, server_state=ServerState(), app_state={})
        self.socket = Socket()
        self.socket.get_extra_info = lambda *_: None  # type: ignore[method-assign]
        self.connection.connection_made(self.socket)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.may_end.wait()
        await Response(b"here")(scope, receive, send)

    @property
    def may_make_room(self) -> bool:
        return self.connection in self.routes.spare

    async def ask(self) -> None:
        self.connection.data_received(REQUEST)
        await self.work()

    async def work(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


async def wait_for_an_answer(client: Client) -> None:
    await client.ask()
    assert not client.may_make_room
    client.may_end.set()
    await client.work()
    assert client.may_make_room


async def leave_it_unread(client: Client) -> None:
    await client.ask()
    client.connection.pause_writing()
    assert client.may_make_room
    await client.ask()  # to ask for more is no reason to stay
    assert client.may_make_room
    client.connection.resume_writing()
    assert not client.may_make_room


async def read_the_last_one_late(client: Client) -> None:
    client.may_end.set()
    client.connection.pause_writing()
    await client.ask()
    client.connection.resume_writing()
    await client.work()
    assert client.may_make_room


async def be_closed_with_an_answer_unread(client: Client) -> None:
    await client.ask()
    client.connection.pause_writing()
    client.socket.close = lambda: None  # type: ignore[method-assign]  # it would wait for what is unread
    client.connection.close_idle()
    assert client.socket.ended
    assert not client.may_make_room


@pytest.mark.parametrize(
    "play", [wait_for_an_answer, leave_it_unread, read_the_last_one_late, be_closed_with_an_answer_unread]
)
def test_a_client_that_does_not_take_its_answer_makes_room(
    play: Callable[[Client], Coroutine[None, None, None]],
) -> None:
    async def run() -> None:
        client = Client()
        await play(client)
        client.connection.connection_lost(None)
        assert not client.may_make_room

    asyncio.run(run())


@pytest.mark.parametrize("pieces", [1, 2], ids=["in one piece", "in two"])
def test_a_websocket_makes_no_room_however_its_handshake_came(pieces: int) -> None:
    async def run() -> None:
        client = Client()
        client.routes.elsewhere = lambda _: Messages(1000)
        for piece in (HANDSHAKE,) if pieces == 1 else (HANDSHAKE[:20], HANDSHAKE[20:]):
            client.connection.data_received(piece)
        assert client.socket.written.startswith(b"HTTP/1.1 101 ")
        assert len(client.routes.spare) == 0

    asyncio.run(run())
