"""Is a call whose link broke tried once more, within its time, and is a kept connection used only while it can be?"""

import os
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from oyez.client import Poster, TimedOut, Unreachable
from oyez.client.sockets import idle_time_s
from tests.peer import Peer, StartPeer, always, answer
from tests.unit.poster_calls import Call, echo_number, failure, last, post


def hang_up(peer: Peer, connection: socket.socket) -> None:
    peer.read_request(connection.makefile("rb"))


@pytest.mark.parametrize("call", [post, last])
def test_broken_link_is_tried_once_more_with_the_same_request(start_peer: StartPeer, call: Call) -> None:
    peer = start_peer(hang_up)
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
def test_link_that_breaks_within_an_answer_is_tried_once_more(start_peer: StartPeer, part: bytes, call: Call) -> None:
    def break_off_first(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection.makefile("rb"))
        connection.sendall(part if len(peer.requests) == 1 else answer({"id": 7}))

    peer = start_peer(break_off_first)
    with Poster(peer.url, "k") as poster:
        assert call(poster) == 7
    first, second = peer.requests
    assert first == second


def test_post_that_may_have_arrived_is_uncertain_though_the_daemon_is_gone_at_the_second_try(
    start_peer: StartPeer,
) -> None:
    def die(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection.makefile("rb"))
        peer.listener.shutdown(socket.SHUT_RDWR)  # nobody is let in any more, before the link breaks
        peer.listener.close()

    error = failure(Poster(start_peer(die).url, "k"), post, 0.0)
    assert isinstance(error, Unreachable)
    assert "cannot connect" in str(error)
    assert error.uncertain


def test_second_try_draws_on_the_time_of_the_first(start_peer: StartPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, passed_s = time.monotonic, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: clock() + passed_s)

    def break_off_late(peer: Peer, connection: socket.socket) -> None:
        nonlocal passed_s
        peer.read_request(connection.makefile("rb"))
        passed_s += 40.0
        connection.sendall(b"HTTP/1.1 200 O")  # whoever reads on looks at the clock

    peer = start_peer(break_off_late)
    error = failure(Poster(peer.url, "k", timeout_s=60.0), post, 80.0)
    assert isinstance(error, TimedOut)
    assert error.uncertain
    assert len(peer.requests) == 2


def test_link_that_breaks_under_tls_is_tried_once_more_and_a_bad_certificate_is_no_post(
    start_peer: StartPeer, certificate: Path, monkeypatch: pytest.MonkeyPatch
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

    peer = start_peer(secured)
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


def test_retired_connection_is_not_used_again(start_peer: StartPeer) -> None:
    respond = answer({"id": 7})
    peer = start_peer(always(respond.replace(b"\r\n", b"\r\nKeep-Alive: timeout=0\r\n", 1)))
    with Poster(peer.url, "k") as poster:
        assert [poster.post("news", 1) for _ in range(3)] == [7, 7, 7]
    assert len(peer.connections) == 3


def test_kept_connection_that_was_closed_between_calls_is_replaced(start_peer: StartPeer) -> None:
    closed = threading.Semaphore(0)

    def answer_once(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection.makefile("rb"))
        connection.sendall(answer({"id": 7}))
        connection.shutdown(socket.SHUT_RDWR)
        closed.release()

    peer = start_peer(answer_once)
    with Poster(peer.url, "k") as poster:
        for _ in range(3):
            assert poster.post("news", 1) == 7
            assert closed.acquire(timeout=5)
    assert len(peer.connections) == 3


def test_kept_connection_that_breaks_under_a_call_is_replaced(start_peer: StartPeer) -> None:
    def answer_one_of_two(peer: Peer, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        peer.read_request(file)
        connection.sendall(answer({"id": 7}))
        peer.read_request(file)

    peer = start_peer(answer_one_of_two)
    with Poster(peer.url, "k") as poster:
        assert [poster.post("news", 1), poster.post("news", 2), poster.last()] == [7, 7, 7]
    assert len(peer.connections) == 3
    _, second, repeated, third, repeated_third = peer.requests
    assert second == repeated
    assert third == repeated_third


def test_threads_share_a_poster(start_peer: StartPeer) -> None:
    numbers = range(500)
    with Poster(start_peer(echo_number).url, "k") as poster, ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda number: poster.post("news", number), numbers)) == list(numbers)


def test_forked_child_opens_its_own_connection(start_peer: StartPeer) -> None:
    peer = start_peer(echo_number)
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


def test_closed_poster_opens_again(start_peer: StartPeer) -> None:
    peer = start_peer(echo_number)
    poster = Poster(peer.url, "k")
    assert poster.last() == 5
    poster.close()
    assert poster.last() == 5
    assert len(peer.connections) == 2
