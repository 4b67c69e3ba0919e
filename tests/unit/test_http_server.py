"""Does the server take many connects in one turn of the event loop, and tell the date?"""

import asyncio
import socket
from contextlib import ExitStack, closing
from email.utils import parsedate_to_datetime

import uvloop
from starlette.responses import Response

from oyez.limits import LimitSettings
from oyez.net.http.date import DatedState
from oyez.net.http.server import HttpServer, bind_tcp
from oyez.net.http.settings import HttpSettings
from oyez.net.ticker import Ticker
from oyez.notes import Notes
from oyez.server.routes import Routes
from tests.fakes import Clock, places_for

CONNECTS = 80


async def count_turns() -> int:
    """Count the turns until all are taken of those who came at once."""
    ticker = Ticker(clock=Clock())
    routes = Routes(ticker, HttpSettings(), LimitSettings(), 10 * CONNECTS, Notes(), places_for(CONNECTS))
    server, listener = HttpServer(ticker), bind_tcp("127.0.0.1", 0)
    await server.listen(listener, Response(), routes)
    with ExitStack() as stack:
        for _ in range(CONNECTS):
            stack.enter_context(closing(socket.create_connection(listener.getsockname())))
        turns = 0
        while len(routes.spare) < CONNECTS:
            turns += 1
            await asyncio.sleep(0)
    server.stop_listening()
    await server.drain(float("-inf"))
    return turns


def test_a_crowd_is_let_in_within_few_turns_of_the_loop() -> None:
    """Turns are as long as what others ask for takes; with one connect a turn a flood would keep everybody out."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(count_turns()) < CONNECTS / 4


def test_the_date_is_written_anew_in_each_second_and_only_then() -> None:
    clock = Clock(1_795_391_142.25)
    state = DatedState(clock)
    ((name, value),) = first = state.default_headers
    assert (name, parsedate_to_datetime(value.decode()).timestamp()) == (b"date", 1_795_391_142)
    clock.now += 0.7
    assert state.default_headers is first, "so whoever has made something of it sees that it is the same"
    clock.now += 0.1
    assert state.default_headers == [(b"date", value.replace(b":42 GMT", b":43 GMT"))] != first
