"""Does every path lead to the door that it should, and to no other?"""

from collections.abc import Callable

import pytest

from oyez.limits import LimitSettings
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.http.settings import HttpSettings
from oyez.net.ticker import Ticker
from oyez.net.websocket.connection import FrameReceiver
from oyez.notes import Notes
from oyez.server.routes import Routes
from tests.fakes import Clock, places_for


def names(name: str) -> Callable[[Handshake], FrameReceiver | Refusal]:
    """Make a door that refuses everybody with its name."""
    return lambda _: Refusal(403, name, b"")


@pytest.fixture
def routes() -> Routes:
    return Routes(
        Ticker(clock=Clock()),
        HttpSettings(),
        LimitSettings(),
        100,
        Notes(Clock()),
        places_for(5),
        at={"/": names("root"), "/event": names("event"), "/deep/er": names("deeper")},
        below={"/socket.io/": names("below")},
        streams={"/sse": lambda _: Refusal(403, "stream", b"")},
    )


def answer_at(routes: Routes, path: str) -> str:
    answer = routes.admit(Handshake(path, "", (), lambda: None))
    assert isinstance(answer, Refusal)
    return f"{answer.status} {answer.reason}"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/", "403 root"), ("//", "403 root"), ("", "403 root"), ("/event", "403 event"), ("/event/", "403 event"),
        ("/deep/er", "403 deeper"), ("/deep/er/", "403 deeper"), ("/socket.io/", "403 below"),
        ("/socket.io/more", "403 below"), ("/socket.io", "404 Not Found"), ("/events", "404 Not Found"),
        ("/event/more", "404 Not Found"), ("/deep", "404 Not Found"), ("/Event", "404 Not Found"),
        ("event", "404 Not Found"), ("/%65vent", "404 Not Found"), ("/x/socket.io/", "404 Not Found"),
    ],
)  # fmt: skip
def test_websockets_are_admitted_by_their_path(routes: Routes, path: str, reason: str) -> None:
    assert answer_at(routes, path) == reason


def test_where_no_websocket_is_that_is_noted(routes: Routes) -> None:
    answer_at(routes, "/nowhere")
    assert routes.note.counts == {"bad-handshake": 1}
    answer_at(routes, "/event")
    assert routes.note.counts == {"bad-handshake": 1}


def test_a_door_of_all_other_paths_comes_last(routes: Routes) -> None:
    routes.elsewhere = names("elsewhere")
    assert answer_at(routes, "/nowhere") == answer_at(routes, "*") == "403 elsewhere"
    assert answer_at(routes, "/socket.io/x") == "403 below"
    assert answer_at(routes, "/event") == "403 event"


@pytest.mark.parametrize(
    ("target", "is_stream"),
    [
        (b"/sse", True), (b"/sse?channel=x", True), (b"/sse?", True), (b"/sse/", False), (b"/sse/x", False),
        (b"/SSE", False), (b"/", False), (b"", False), (b"/x?/sse", False), (b"http://x/sse", False),
    ],
)  # fmt: skip
def test_streams_are_known_by_their_whole_path(routes: Routes, target: bytes, *, is_stream: bool) -> None:
    assert routes.is_stream(target) is is_stream
    routes.streams = {}
    assert not routes.is_stream(target)


def test_streams_have_doors_of_their_own(routes: Routes) -> None:
    answer = routes.admit_stream(Handshake("/sse", "channel=x", (), lambda: None))
    assert isinstance(answer, Refusal)
    assert answer.reason == "stream"
