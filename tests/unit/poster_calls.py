"""Calls of a blocking poster, and the errors that they end with, for the tests of it.

What the other side does is not known here: that is a `Behaviour` of `tests/peer.py`.
"""

import json
import socket
import time
from collections.abc import Callable

import pytest

from oyez.client import Poster, PosterError
from tests.peer import Peer, answer

LIMIT_S = 0.4
GRACE_S = 5.0  # for a busy machine; far below what an unbounded call would take

Call = Callable[[Poster], int]


def echo_number(peer: Peer, connection: socket.socket) -> None:
    """Take the message for the id, so that a mixed-up answer shows."""
    file = connection.makefile("rb")
    while request := peer.read_request(file):
        connection.sendall(answer({"id": json.loads(request[2])["message"] if request[2] else 5}))


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
