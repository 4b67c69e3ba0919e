"""Does a request leave anything behind that only the collector can free, while the event loop stands still?"""

import asyncio
import gc

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from oyez.endpoints.longpoll import LongPollEndpoint
from oyez.endpoints.waiting_polls import Poll, WaitingPolls
from oyez.hub.subscriber import Subscription
from oyez.limits import LimitSettings
from oyez.net.http.connection import HttpConnection
from oyez.net.http.settings import HttpSettings
from oyez.net.ticker import Ticker
from oyez.notes import Notes
from oyez.server.routes import Routes
from tests.fake_sockets import Socket
from tests.fakes import Clock, World, context_of, places_for

KINDS = (RequestResponseCycle, HttpConnection, Poll, Subscription)


def long_poll() -> ASGIApp:
    world = World()
    context = context_of(world.hub, Notes(), places=places_for(5))
    return LongPollEndpoint(context, WaitingPolls(context, HttpSettings()))


async def ask(app: ASGIApp, target: bytes, count: int) -> bytes:
    """Ask over one connection, which is lost then; returns the answers."""
    routes = Routes(Ticker(clock=Clock()), HttpSettings(), LimitSettings(), 10, Notes(), places_for(5))
    config = Config(app, lifespan="off", log_config=None)
    config.load()
    connection = HttpConnection(routes, None, config=config, server_state=ServerState(), app_state={})
    socket = Socket()
    socket.get_extra_info = lambda *_: None  # type: ignore[method-assign]
    connection.connection_made(socket)
    for _ in range(count):
        connection.data_received(b"GET %b HTTP/1.1\r\nHost: judge.example\r\n\r\n" % target)
        for _ in range(20):
            await asyncio.sleep(0)
    connection.connection_lost(None)
    return socket.written


@pytest.mark.parametrize(
    ("app", "target"), [(Response(b"here"), b"/"), (long_poll(), b"/channels/a?nowait=1")], ids=["plain", "long poll"]
)
def test_no_request_is_left_to_the_collector(app: ASGIApp, target: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        before = [thing for thing in gc.get_objects() if isinstance(thing, KINDS)]
        assert asyncio.run(ask(app, target, 5)).count(b"HTTP/1.1 200") == 5
        left = [thing for thing in gc.get_objects() if isinstance(thing, KINDS)]
        assert len(left) == len(before), left
    finally:
        gc.enable()
