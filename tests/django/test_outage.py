"""Is a failure remembered, for as long as it lasts and no longer, and does one alone find out?"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from oyez.client import BadAnswer, BadEvent, PosterError, Refused, TimedOut, Unauthorized, Unreachable
from oyez.django.outage import Outage, is_lasting
from tests.inbox import PATIENCE_S

REFUSED = Unreachable("connection refused")


class Backend:
    """One that is away until the test says otherwise, and counts how often it is asked."""

    def __init__(self) -> None:
        self.is_back = False
        self.asked = threading.Semaphore(0)

    def __call__(self) -> None:
        self.asked.release()
        if not self.is_back:
            raise REFUSED


def is_on(outage: Outage) -> bool:
    try:
        outage.check(1.0)
    except Unreachable:
        return True
    return False


def await_end(outage: Outage) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while is_on(outage):
        assert time.monotonic() < deadline


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def make(backend: Backend) -> Iterator[Callable[..., Outage]]:
    made: list[Outage] = []

    def make(*, has_threads: bool = True) -> Outage:
        made.append(Outage(backend, has_threads=has_threads))
        return made[-1]

    yield make
    for outage in made:
        outage.close()


def test_it_is_over_when_the_backend_is_back(backend: Backend, make: Callable[..., Outage]) -> None:
    outage = make()
    assert not is_on(outage)
    outage.begin(REFUSED)
    assert is_on(outage)
    for _ in range(2):
        assert backend.asked.acquire(timeout=PATIENCE_S)
        assert is_on(outage)
    backend.is_back = True
    await_end(outage)
    outage.begin(REFUSED)
    assert is_on(outage), "a second one was not noticed"
    await_end(outage)


def test_a_success_ends_it(make: Callable[..., Outage]) -> None:
    outage = make()
    outage.begin(REFUSED)
    outage.end()
    assert not is_on(outage)
    outage.begin(REFUSED)
    assert is_on(outage)


def test_what_is_raised_names_the_cause(make: Callable[..., Outage]) -> None:
    outage = make()
    outage.begin(REFUSED)
    with pytest.raises(Unreachable, match="connection refused") as caught:
        outage.check(1.0)
    assert caught.value.__cause__ is REFUSED
    assert not caught.value.uncertain


def test_without_threads_one_caller_at_a_time_tries(backend: Backend, make: Callable[..., Outage]) -> None:
    outage = make(has_threads=False)
    outage.begin(REFUSED)
    for _ in range(2):
        assert is_on(outage), "nobody tries at once"
        tried = 0
        deadline = time.monotonic() + PATIENCE_S
        while not tried:
            assert time.monotonic() < deadline
            with ThreadPoolExecutor(8) as threads:
                tried = list(threads.map(lambda _: is_on(outage), range(8))).count(False)
        assert tried == 1
        outage.begin(REFUSED)
    assert not backend.asked.acquire(blocking=False)


@pytest.mark.parametrize(
    "error",
    [REFUSED, TimedOut("no answer", uncertain=True), BadAnswer("no JSON"), Unauthorized(401, "unauthorized", ""),
     Refused(502, "", "", uncertain=True), Refused(429, "", ""), PosterError("the exchange is gone")],
)  # fmt: skip
def test_what_the_next_call_would_meet_with_too_is_remembered(error: PosterError) -> None:
    assert is_lasting(error)


@pytest.mark.parametrize(
    "error",
    [Refused(400, "invalid-channel", ""), Refused(413, "too-large", ""), Refused(503, "unavailable", ""),
     BadEvent(0, "not JSON"), Unreachable("the connection broke", uncertain=True)],
)  # fmt: skip
def test_what_concerns_one_call_is_not(make: Callable[..., Outage], error: PosterError) -> None:
    assert not is_lasting(error)
    outage = make()
    outage.begin(error)
    assert not is_on(outage)
