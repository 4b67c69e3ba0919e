"""Who gets an Engine.IO session, and what are the others told?"""

import json
from typing import Any

import pytest

from tests.conformance.conftest import Echo
from tests.raw import BINARY, Answer, Call, WebSocket, frame, request

UNKNOWN_TRANSPORT = '{"code":0,"message":"Transport unknown"}'
UNKNOWN_SID = '{"code":1,"message":"Session ID unknown"}'
BAD_METHOD = '{"code":2,"message":"Bad handshake method"}'
BAD_REQUEST = '{"code":3,"message":"Bad request"}'
BAD_VERSION = '{"code":5,"message":"Unsupported protocol version"}'


def check_handshake(handshake: dict[str, Any], upgrades: list[str]) -> None:
    assert list(handshake) == ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]
    assert isinstance(handshake.pop("sid"), str)
    assert handshake == {"upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}


def test_polling_handshake_tells_session_and_timers(hasty: Echo) -> None:
    answer = request(hasty.port, "GET", "/engine.io/?EIO=4&transport=polling")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.body[0] == "0"
    check_handshake(json.loads(answer.body[1:]), ["websocket"])


def test_websocket_handshake_offers_no_upgrade(hasty: Echo) -> None:
    with hasty.dial() as websocket:
        assert websocket.status == 101
        message = str(websocket.receive())
        assert message[0] == "0"
        check_handshake(json.loads(message[1:]), [])


def test_sessions_have_their_own_ids(echo: Echo) -> None:
    assert len({echo.poll().sid for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("EIO=4", UNKNOWN_TRANSPORT),
        ("EIO=4&transport=", UNKNOWN_TRANSPORT),
        ("EIO=4&transport=abc", UNKNOWN_TRANSPORT),
        ("EIO=abc&transport=abc", UNKNOWN_TRANSPORT),
        ("transport=polling", BAD_VERSION),
        ("EIO=abc&transport=polling", BAD_VERSION),
        ("EIO=3&transport=polling", BAD_VERSION),
        ("EIO=5&transport=polling", BAD_VERSION),
        ("EIO=4&transport=polling&sid=unknown", UNKNOWN_SID),
        ("EIO=3&transport=polling&sid=unknown", UNKNOWN_SID),
        ("EIO=4&transport=abc&sid=unknown", UNKNOWN_TRANSPORT),
        ("EIO=4&transport=websocket", BAD_REQUEST),
        ("", UNKNOWN_TRANSPORT),
        ("&".join(["a=1"] * 40), UNKNOWN_TRANSPORT),
        ("%", UNKNOWN_TRANSPORT),
        ("EIO=%ff&transport=polling", BAD_VERSION),
    ],
)
def test_bad_polling_handshake_is_refused_in_words(echo: Echo, query: str, error: str) -> None:
    answer = request(echo.port, "GET", f"/engine.io/?{query}")
    assert answer.error == (400, error)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_handshake_needs_get(echo: Echo, method: str) -> None:
    assert request(echo.port, method, "/engine.io/?EIO=4&transport=polling").error == (400, BAD_METHOD)


def test_head_is_no_handshake(echo: Echo) -> None:
    assert request(echo.port, "HEAD", "/engine.io/?EIO=4&transport=polling").error == (400, "")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_unknown_method_leaves_the_session_alone(echo: Echo, method: str) -> None:
    session = echo.poll()
    assert request(echo.port, method, session.target).status == 500
    assert not session.is_gone


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("EIO=4", UNKNOWN_TRANSPORT),
        ("EIO=4&transport=abc", UNKNOWN_TRANSPORT),
        ("transport=websocket", BAD_VERSION),
        ("EIO=3&transport=websocket", BAD_VERSION),
        ("EIO=abc&transport=websocket", BAD_VERSION),
        ("EIO=4&transport=websocket&sid=unknown", UNKNOWN_SID),
        ("EIO=4&transport=polling", BAD_REQUEST),
    ],
)
def test_bad_websocket_handshake_is_refused_before_the_upgrade(echo: Echo, query: str, error: str) -> None:
    with WebSocket(echo.port, f"/engine.io/?{query}") as websocket:
        assert websocket.status == 400
        assert websocket.headers["access-control-allow-origin"] == "*"
        assert websocket.rest().decode() == error


def test_websocket_session_cannot_be_polled(echo: Echo) -> None:
    with echo.dial() as websocket:
        sid = json.loads(str(websocket.receive())[1:])["sid"]
        target = f"/engine.io/?EIO=4&transport=polling&sid={sid}"
        for method in ("GET", "POST"):
            assert request(echo.port, method, target, "4x" if method == "POST" else None).error == (400, BAD_REQUEST)
        websocket.send("4still here")
        assert websocket.receive() == "4still here"


def test_messages_before_the_handshake_is_read_count(echo: Echo) -> None:
    with echo.dial() as websocket:
        websocket.send("4one", "4two")
        websocket.raw(frame(BINARY, b"\x00\xff"))
        assert str(websocket.receive())[0] == "0"
        assert websocket.take(3) == ["4one", "4two", b"\x00\xff"]


def test_path_may_go_on_after_the_mount(echo: Echo) -> None:
    answer: Answer = Call(echo.port, "GET", "/engine.io/more?EIO=4&transport=polling").answer()
    assert answer.status == 200
    assert request(echo.port, "GET", "/other/?EIO=4&transport=polling").status == 404
