"""Does the look-up of a host's name keep to a caller's time, also when the system's own does not?"""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from oyez.client import Poster, TimedOut, Unreachable
from oyez.client.names import look_up

LIMIT_S = 0.3


class SlowSystem:
    """Stands for the system's look-up, with a name server that answers when the test says so."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked: list[object] = []

    def __call__(self, host: object, *rest: object, **more: Any) -> list[object]:
        self.asked.append(host)
        self.answers.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowSystem]:
    system = SlowSystem()
    monkeypatch.setattr(socket, "getaddrinfo", system)
    yield system
    system.answers.set()


def test_a_call_ends_in_time_though_the_name_server_is_silent(system: SlowSystem) -> None:
    began = time.monotonic()
    with Poster("http://daemon.example", "k", timeout_s=LIMIT_S) as poster, pytest.raises(TimedOut) as caught:
        poster.post("news", 1)
    assert time.monotonic() - began < LIMIT_S + 10  # it never answers
    assert not caught.value.uncertain


def test_those_who_ask_again_share_the_look_up_and_its_late_answer(system: SlowSystem) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            look_up("other.example", 80, time.monotonic() + 0.02)
    assert system.asked == ["other.example"]
    system.answers.set()
    assert look_up("other.example", 80, time.monotonic() + 10)


def test_an_address_needs_no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread for an address"))
    assert look_up("127.0.0.1", 80, 0.0) == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert look_up("::1", 80, 0.0)


def test_a_name_that_nobody_has_is_unreachable() -> None:
    with Poster("http://nobody.invalid", "k", timeout_s=5) as poster, pytest.raises(Unreachable):
        poster.post("news", 1)
