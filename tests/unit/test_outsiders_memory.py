"""Whatever outsiders make up, is it forgotten again, but for a few hundred KB over all of them?"""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from oyez.access.locality import find_doubt
from oyez.access.origins import Origins
from oyez.access.peer import Peers, find_client
from oyez.hub.publication import Channel
from oyez.limits import LimitSettings
from oyez.net.engineio.http import EngineHttp
from oyez.net.engineio.session import EngineServer
from oyez.net.engineio.settings import SocketioSettings
from oyez.net.http.handshake import Handshake
from oyez.net.ticker import Ticker
from tests.fakes import Clock, Listener, World

MOST_BYTES = 400_000
TRIES = 3000  # enough for what is remembered of each to show, were it 140 bytes


def grown(do: Callable[[int], object]) -> int:
    """Return by how many bytes memory has grown after many tries, each with something else made up."""
    for warm in range(50):
        do(-1 - warm)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(TRIES):
            do(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def ask_with_queries(length: int) -> Callable[[int], object]:
    server = EngineServer(SocketioSettings(), LimitSettings(), Ticker(clock=Clock()), lambda _: None, lambda *_: None)  # type: ignore[arg-type,return-value]  # nothing is opened
    engine = EngineHttp(server)
    some = "&".join(f"{number:02}={number:02}" for number in range(length // 6))

    def ask(number: int) -> object:
        return engine.admit(Handshake("/socket.io/", f"{number:06}=1&{some}"[:length], [], lambda: None))

    return ask


def ask_for_addresses(number: int) -> object:
    hops = f"10.{number >> 8 & 255}.{number & 255}.1"
    return find_client("127.0.0.1", f"2001:db8::{number & 65535:x}, " + f"x{number}," * 50 + hops, ())


def ask_for_short_chains(number: int) -> object:
    return find_client("127.0.0.1", f"2001:db8:1111:2222:3333:4444:5555:{number & 65535:x}", ())


def ask_with_pages(number: int) -> object:
    host = b"x" * 240 + b"%06d.example" % abs(number)
    page = b"https://" + b"y" * 300 + b"%d" % number
    return find_doubt([(b"host", host), (b"origin", page), (b"referer", page)], "1.1", frozenset())


def ask_with_origins() -> Callable[[int], object]:
    origins = Origins(["https://judge.example"])
    return lambda number: origins.allows(f"https://{'x.' * 120}{number:06}.example")


@pytest.mark.parametrize(
    "do",
    [
        ask_with_queries(64),
        pytest.param(ask_with_queries(500), marks=pytest.mark.slow),
        ask_for_addresses,
        ask_for_short_chains,
        ask_with_pages,
        ask_with_origins(),
    ],
    ids=["short queries", "long queries", "long chains", "short chains", "pages", "origins"],
)
def test_what_is_remembered_of_requests_is_little(do: Callable[[int], object]) -> None:
    assert grown(do) < MOST_BYTES


def test_a_session_keeps_the_end_of_a_chain_of_proxies_alone() -> None:
    chain = b"203.0.113.9, " * 1200
    found = []
    headers, peers = [(b"x-forwarded-for", chain)], Peers()
    tracemalloc.start()
    try:
        found += [peers.finder(list(headers), lambda: ("127.0.0.1", 1)) for _ in range(100)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 100 * 1500
    assert str(found[0]().address) == "127.0.0.1"


@pytest.mark.parametrize("name", ["x" * 94, "\N{GRINNING FACE}" * 47, "\u1ed9" * 94], ids=["ascii", "emoji", "accents"])
def test_channels_that_a_listener_has_left_cost_a_few_kb(name: str) -> None:
    world = World()
    listener = Listener()

    def wander(number: int) -> None:
        world.follow(listener, *(Channel(f"{name}{number % 1000}{place}") for place in range(10)))

    wander(0)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(200):
            wander(number)
        listener.statuses.clear()
        listener.gaps.clear()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 16_000  # with the filter itself
