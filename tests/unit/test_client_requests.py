"""Is what a poster sends what the API takes, and has every answer to it an id or a clear error?"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from oyez.client import AsyncPoster, BadAnswer, BadEvent, Poster, PosterError, Refused, Unauthorized
from oyez.errors import ConfigError
from tests.peer import Peer, StartPeer, always, answer
from tests.unit.poster_calls import LIMIT_S, Call, echo_number, failure, last, post


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"SSH-2.0-server\r\n", BadAnswer),
        (b"\x00" * 100 + b"\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", BadAnswer),
        (answer(b"<html>"), BadAnswer),
        (answer([1]), BadAnswer),
        (answer({}), BadAnswer),
        (answer({"id": "7"}), BadAnswer),
        (answer({"id": True}), BadAnswer),
        (answer({"id": -1}), BadAnswer),
        (answer(b"[" * 60_000), BadAnswer),
        (answer(b" " * 100_000 + b'{"id":7}'), BadAnswer),
        (answer({"code": "unavailable", "message": "Stopping"}, "503 Service Unavailable"), Refused),
        (answer(b"<h1>Bad Gateway</h1>", "502 Bad Gateway"), Refused),
        (answer(b"", "301 Moved\r\nLocation: http://127.0.0.1:1/"), Refused),
        (answer({"code": "slow-down", "message": "Later"}, "429 Too Many\r\nRetry-After: 60"), Refused),
        (answer({"code": "unauthorized", "message": "Wrong key"}, "401 Unauthorized"), Unauthorized),
    ],
    ids=lambda value: value[-20:].decode().strip() or "blank" if isinstance(value, bytes) else value.__name__,
)
@pytest.mark.parametrize("call", [post, last])
def test_strange_answers_have_clear_errors(
    start_peer: StartPeer, content: bytes, kind: type[PosterError], call: Call
) -> None:
    peer = start_peer(always(content))
    assert type(failure(Poster(peer.url, "k", timeout_s=LIMIT_S), call)) is kind
    assert len(peer.requests) == (2 if b"502" in content else 1), "a proxy's word that a link broke"


def test_refusal_carries_the_daemons_words(start_peer: StartPeer) -> None:
    peer = start_peer(always(answer({"code": "invalid-channel", "message": "Invalid channel"}, "400 Bad Request")))
    error = failure(Poster(peer.url, "k"), post)
    assert isinstance(error, Refused)
    assert (error.status, error.code, error.message) == (400, "invalid-channel", "Invalid channel")
    assert str(error) == "Invalid channel (invalid-channel, HTTP status 400)"


def key_of(body: bytes) -> str:
    return str(json.loads(body)["key"])


def without_key(body: bytes) -> bytes:
    return body.replace(b',"key":"%s"' % key_of(body).encode(), b"")


def test_what_is_sent(start_peer: StartPeer) -> None:
    peer = start_peer(always(answer({"id": 7})))
    with Poster(peer.url.replace("http", "ws") + "/events/", "clé") as poster:
        assert poster.post("news", {"a": "é", "b": [1.5, None]}) == 7
        assert poster.last() == 7
        assert poster.post("é", "\ud800") == 7
    (first, headers, body), (second, _, empty), (_, _, surrogate) = peer.requests
    assert first == "POST /events/api/publish HTTP/1.1"
    assert headers["authorization"] == "Bearer clé"
    assert without_key(body) == '{"channel":"news","message":{"a":"é","b":[1.5,null]}}'.encode()
    assert without_key(surrogate) == b'{"channel":"\\u00e9","message":"\\ud800"}'
    assert key_of(body) != key_of(surrogate)
    assert (second, empty) == ("GET /events/api/last HTTP/1.1", b"")
    assert len(peer.connections) == 1


def test_unix_socket(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "oyez.sock"))
    listener.listen()
    peer = Peer(listener, echo_number)
    with Poster(f"http+unix://{tmp_path}/oyez.sock", "k") as poster:
        assert [poster.post("news", 3), poster.last()] == [3, 5]
    peer.close()


@pytest.mark.parametrize(("channel", "kind"), [("\ud800", ValueError), ("a\udfffb", ValueError), (7, TypeError)])
def test_channel_that_is_no_text_is_not_sent(channel: str, kind: type[Exception]) -> None:
    poster, asynchronous = Poster("http://127.0.0.1:1", "k"), AsyncPoster("http://127.0.0.1:1", "k")
    calls: list[Callable[[], object]] = [
        lambda: poster.post(channel, 1),
        lambda: poster.publish(["news", channel], 1),
        lambda: asyncio.run(asynchronous.post(channel, 1)),
        lambda: asyncio.run(asynchronous.publish([channel], 1)),
    ]
    for call in calls:
        with pytest.raises(kind, match="channel"):
            call()
    with pytest.raises(BadEvent, match="channel") as caught:
        poster.post_many([("news", 1), (channel, 1)])
    assert caught.value.index == 1


@pytest.mark.parametrize("message", [object(), {1, 2}, float("nan"), {"a": float("inf")}, b"bytes"])
def test_what_is_not_json_is_not_sent(message: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        Poster("http://127.0.0.1:1", "k").post("news", message)


def test_bottomless_nesting_is_a_value_error() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValueError, match="nested too deeply"):
        Poster("http://127.0.0.1:1", "k").post("news", nested)


@pytest.mark.parametrize("url", ["127.0.0.1:15100", "ftp://host", "http://", "http://h:99999", "http+unix://relative"])
def test_unusable_url_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError):
        Poster(url, "k")


def test_unusable_key_is_a_config_error_that_keeps_it() -> None:
    with pytest.raises(ConfigError) as caught:
        Poster("http://127.0.0.1:1", "hush\r\nX: y")
    assert "hush" not in str(caught.value)


def test_web_worker_loads_nothing_more_than_urllib3() -> None:
    program = (
        "import sys, urllib3.connection\nbefore = set(sys.modules)\nimport oyez.client\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)\n"
        "print(*sorted({name for name in sys.modules if name.startswith('oyez.')}))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    strangers, ours = done.stdout.splitlines()
    assert strangers == "oyez"
    assert {name for name in ours.split() if not name.startswith("oyez.client")} == {
        "oyez.backoff",
        "oyez.errors",
        "oyez.grants",
        "oyez.json_scan",
    }
