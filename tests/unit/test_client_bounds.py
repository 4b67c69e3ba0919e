"""Does a call of the poster end in time and with the right error, whatever the other side does?"""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from oyez.client import (
    AsyncPoster,
    BadAnswer,
    BadEvent,
    Poster,
    PosterError,
    Refused,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from oyez.client.sockets import idle_time_s
from oyez.errors import ConfigError
from tests.peer import Behaviour, Peer, Start, always, answer, peers

LIMIT_S = 0.4
GRACE_S = 5.0  # for a busy machine; far below what an unbounded call would take

Call = Callable[[Poster], int]


@pytest.fixture
def start() -> Iterator[Start]:
    with peers() as start_peer:
        yield start_peer


def echo_number(peer: Peer, connection: socket.socket) -> None:
    """Take the message for the id, so that a mixed-up answer shows."""
    file = connection.makefile("rb")
    while request := peer.read_request(file):
        connection.sendall(answer({"id": json.loads(request[2])["message"] if request[2] else 5}))


def silence(peer: Peer, connection: socket.socket) -> None:
    peer.stop.wait()


def trickle_head(peer: Peer, connection: socket.socket) -> None:
    peer.trickle(connection, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 10_000)


def trickle_body(peer: Peer, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    peer.trickle(connection, b" " * 10_000)


def trickle_chunks(peer: Peer, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.trickle(connection, b"1\r\n \r\n" * 10_000)


def trickle_continues(peer: Peer, connection: socket.socket) -> None:
    peer.trickle(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)


def trickle_handshake(peer: Peer, connection: socket.socket) -> None:
    peer.trickle(connection, b"\x16\x03\x03\x40\x00" + b"\x00" * 10_000)


def post(poster: Poster) -> int:
    return poster.post("news", 7)


def post_much(poster: Poster) -> int:
    return poster.post("news", "x" * 2**24)  # more than the socket buffers of both sides hold


def last(poster: Poster) -> int:
    return poster.last()


def failure(poster: Poster, call: Call, limit_s: float = LIMIT_S) -> PosterError:
    before = time.monotonic()
    with pytest.raises(PosterError) as caught:
        call(poster)
    assert time.monotonic() - before < limit_s + GRACE_S
    return caught.value


@pytest.mark.parametrize("call", [post, last])
@pytest.mark.parametrize("behave", [silence, trickle_head, trickle_body, trickle_chunks, trickle_continues])
def test_no_answer_outlasts_the_call(start: Start, behave: Behaviour, call: Call) -> None:
    error = failure(Poster(start(behave).url, "k", timeout_s=LIMIT_S), call)
    assert isinstance(error, TimedOut)
    assert error.uncertain is (call is post)


@pytest.mark.parametrize("behave", [silence, trickle_handshake])
def test_no_handshake_outlasts_the_call(start: Start, behave: Behaviour) -> None:
    peer = start(behave)
    assert isinstance(failure(Poster(f"https://127.0.0.1:{peer.port}", "k", timeout_s=LIMIT_S), post), TimedOut)


def test_peer_that_does_not_read_cannot_hold_a_post(start: Start) -> None:
    assert isinstance(failure(Poster(start(silence).url, "k", timeout_s=LIMIT_S), post_much), TimedOut)


@pytest.mark.parametrize(("timeout_s", "limit_s"), [(LIMIT_S, LIMIT_S), (5.0, 1.0)])
def test_connect_that_is_not_taken_ends_in_time(timeout_s: float, limit_s: float) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address):  # fills the queue of the listener, who never accepts
            error = failure(Poster(f"http://127.0.0.1:{address[1]}", "k", timeout_s=timeout_s), post, limit_s)
    assert isinstance(error, TimedOut)
    assert not error.uncertain


@pytest.mark.parametrize("call", [post, last])
def test_refused_connection_is_unreachable_at_once(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    error = failure(Poster(url, "k"), call, 0.0)
    assert isinstance(error, Unreachable)
    assert not error.uncertain


def test_missing_unix_socket_is_unreachable(tmp_path: Path) -> None:
    assert isinstance(failure(Poster(f"http+unix://{tmp_path}/none", "k"), last, 0.0), Unreachable)


def hang_up(peer: Peer, connection: socket.socket) -> None:
    peer.read_request(connection.makefile("rb"))


@pytest.mark.parametrize("call", [post, last])
def test_broken_link_is_tried_once_more_with_the_same_request(start: Start, call: Call) -> None:
    peer = start(hang_up)
    error = failure(Poster(peer.url, "k"), call, 0.0)
    assert isinstance(error, Unreachable)
    assert error.uncertain is (call is post)
    first, second = peer.requests
    assert first == second


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 200 OK\r\nContent-Ty",
        b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"id"',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"id"',
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 8\r\n\r\n<html",
    ],
)
@pytest.mark.parametrize("call", [post, last])
def test_link_that_breaks_within_an_answer_is_tried_once_more(start: Start, part: bytes, call: Call) -> None:
    def break_off_first(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection.makefile("rb"))
        connection.sendall(part if len(peer.requests) == 1 else answer({"id": 7}))

    peer = start(break_off_first)
    with Poster(peer.url, "k") as poster:
        assert call(poster) == 7
    first, second = peer.requests
    assert first == second


def test_post_that_may_have_arrived_is_uncertain_though_the_daemon_is_gone_at_the_second_try(start: Start) -> None:
    def die(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection.makefile("rb"))
        peer.listener.shutdown(socket.SHUT_RDWR)  # nobody is let in any more, before the link breaks
        peer.listener.close()

    error = failure(Poster(start(die).url, "k"), post, 0.0)
    assert isinstance(error, Unreachable)
    assert "cannot connect" in str(error)
    assert error.uncertain


def test_second_try_draws_on_the_time_of_the_first(start: Start) -> None:
    def hang_up_late(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection.makefile("rb"))
        peer.stop.wait(LIMIT_S / 2 if len(peer.requests) == 1 else None)

    peer = start(hang_up_late)
    error = failure(Poster(peer.url, "k", timeout_s=LIMIT_S), post)
    assert isinstance(error, TimedOut)
    assert error.uncertain
    assert len(peer.requests) == 2


def test_link_that_breaks_under_tls_is_tried_once_more_and_a_bad_certificate_is_no_post(
    start: Start, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def secured(peer: Peer, connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with context.wrap_socket(connection, server_side=True) as secure:
            peer.read_request(secure.makefile("rb"))
            if len(peer.requests) == 2:
                secure.sendall(answer({"id": 7}))
            else:  # what follows is no TLS
                os.write(secure.fileno(), b"HTTP/1.1 400 Bad Request\r\n\r\n")

    peer = start(secured)
    url = peer.url.replace("http", "https")
    unknown = failure(Poster(url, "k"), post)
    assert isinstance(unknown, Unreachable)
    assert not unknown.uncertain
    assert "certificate" in str(unknown)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert Poster(url, "k").post("news", 1) == 7
    assert len(peer.requests) == 2


@pytest.mark.parametrize(
    ("keep_alive", "seconds"),
    [("timeout=75", 60), ("max=100, Timeout = 5", 4), ("", 4), ("timeout=soon", 4), ("timeout=0", 0),
     ("max=5", 4), ("timeout=" + "9" * 5000, 2880), ("timeout=999999999", 2880), ("mytimeout=1", 4)],
)  # fmt: skip
def test_idle_connection_is_retired_before_the_server_gives_it_up(keep_alive: str, seconds: float) -> None:
    assert idle_time_s(keep_alive) == seconds


def test_retired_connection_is_not_used_again(start: Start) -> None:
    respond = answer({"id": 7})
    peer = start(always(respond.replace(b"\r\n", b"\r\nKeep-Alive: timeout=0\r\n", 1)))
    with Poster(peer.url, "k") as poster:
        assert [poster.post("news", 1) for _ in range(3)] == [7, 7, 7]
    assert len(peer.connections) == 3


def test_kept_connection_that_was_closed_between_calls_is_replaced(start: Start) -> None:
    closed = threading.Semaphore(0)

    def answer_once(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection.makefile("rb"))
        connection.sendall(answer({"id": 7}))
        connection.shutdown(socket.SHUT_RDWR)
        closed.release()

    peer = start(answer_once)
    with Poster(peer.url, "k") as poster:
        for _ in range(3):
            assert poster.post("news", 1) == 7
            assert closed.acquire(timeout=5)
    assert len(peer.connections) == 3


def test_kept_connection_that_breaks_under_a_call_is_replaced(start: Start) -> None:
    def answer_one_of_two(peer: Peer, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        peer.read_request(file)
        connection.sendall(answer({"id": 7}))
        peer.read_request(file)

    peer = start(answer_one_of_two)
    with Poster(peer.url, "k") as poster:
        assert [poster.post("news", 1), poster.post("news", 2), poster.last()] == [7, 7, 7]
    assert len(peer.connections) == 3
    _, second, repeated, third, repeated_third = peer.requests
    assert second == repeated
    assert third == repeated_third


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
def test_strange_answers_have_clear_errors(start: Start, content: bytes, kind: type[PosterError], call: Call) -> None:
    peer = start(always(content))
    assert type(failure(Poster(peer.url, "k", timeout_s=LIMIT_S), call)) is kind
    assert len(peer.requests) == (2 if b"502" in content else 1), "a proxy's word that a link broke"


def test_refusal_carries_the_daemons_words(start: Start) -> None:
    peer = start(always(answer({"code": "invalid-channel", "message": "Invalid channel"}, "400 Bad Request")))
    error = failure(Poster(peer.url, "k"), post)
    assert isinstance(error, Refused)
    assert (error.status, error.code, error.message) == (400, "invalid-channel", "Invalid channel")
    assert str(error) == "Invalid channel (invalid-channel, HTTP status 400)"


def test_endless_answer_is_cut(start: Start) -> None:
    def flood(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not peer.stop.is_set():
            connection.sendall(b" " * 65_536)

    assert isinstance(failure(Poster(start(flood).url, "k"), last, 0.0), BadAnswer)


def key_of(body: bytes) -> str:
    return str(json.loads(body)["key"])


def without_key(body: bytes) -> bytes:
    return body.replace(b',"key":"%s"' % key_of(body).encode(), b"")


def test_what_is_sent(start: Start) -> None:
    peer = start(always(answer({"id": 7})))
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


def test_threads_share_a_poster(start: Start) -> None:
    numbers = range(2_000)
    with Poster(start(echo_number).url, "k") as poster, ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda number: poster.post("news", number), numbers)) == list(numbers)


def test_forked_child_opens_its_own_connection(start: Start) -> None:
    peer = start(echo_number)
    with Poster(peer.url, "k") as poster:
        assert poster.post("news", 1) == 1
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                os._exit(0 if poster.post("news", 2) == 2 else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert poster.post("news", 3) == 3
    assert len(peer.connections) == 2


def test_closed_poster_opens_again(start: Start) -> None:
    peer = start(echo_number)
    poster = Poster(peer.url, "k")
    assert poster.last() == 5
    poster.close()
    assert poster.last() == 5
    assert len(peer.connections) == 2


def test_web_worker_loads_nothing_more_than_urllib3() -> None:
    program = (
        "import sys, urllib3.connection\nbefore = set(sys.modules)\nimport oyez.client\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)\n"
        "print(*sorted({name for name in sys.modules if name.startswith('oyez.')}))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    strangers, ours = done.stdout.splitlines()
    assert strangers == "oyez"
    assert {name for name in ours.split() if not name.startswith("oyez.client")} == {"oyez.errors", "oyez.json_scan"}
