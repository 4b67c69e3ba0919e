"""Does a call of the poster end in time and with the right error, whatever the other side does?"""

import socket
from pathlib import Path

import pytest

from oyez.client import BadAnswer, Poster, TimedOut, Unreachable
from tests.peer import Behaviour, Peer, StartPeer
from tests.unit.poster_calls import LIMIT_S, Call, failure, last, post, post_much


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


@pytest.mark.parametrize("call", [post, last])
@pytest.mark.parametrize("behave", [silence, trickle_head, trickle_body, trickle_chunks, trickle_continues])
def test_no_answer_outlasts_the_call(start_peer: StartPeer, behave: Behaviour, call: Call) -> None:
    error = failure(Poster(start_peer(behave).url, "k", timeout_s=LIMIT_S), call)
    assert isinstance(error, TimedOut)
    assert error.uncertain is (call is post)


@pytest.mark.parametrize("behave", [silence, trickle_handshake])
def test_no_handshake_outlasts_the_call(start_peer: StartPeer, behave: Behaviour) -> None:
    peer = start_peer(behave)
    assert isinstance(failure(Poster(f"https://127.0.0.1:{peer.port}", "k", timeout_s=LIMIT_S), post), TimedOut)


def test_peer_that_does_not_read_cannot_hold_a_post(start_peer: StartPeer) -> None:
    assert isinstance(failure(Poster(start_peer(silence).url, "k", timeout_s=LIMIT_S), post_much), TimedOut)


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


def test_endless_answer_is_cut(start_peer: StartPeer) -> None:
    def flood(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not peer.stop.is_set():
            connection.sendall(b" " * 65_536)

    assert isinstance(failure(Poster(start_peer(flood).url, "k"), last, 0.0), BadAnswer)
