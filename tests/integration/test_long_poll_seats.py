"""Does a listener that polls keep its place among others, between one poll and the next?"""

import json
from collections.abc import Iterator

import pytest

from tests.daemon import Daemon
from tests.integration.dialects import CAPACITY, RawPoster, poll_target
from tests.integration.links import eventually, metrics
from tests.raw import Answer, Call, request
from tests.scenarios import new_channel

ME, STRANGER = "192.0.2.1", "192.0.2.2"  # as nginx on this machine would name them


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with room for one listener."""
    with Daemon(tmp_path_factory.mktemp("small"), settings={"limits.max_connections": 1}) as daemon:
        yield daemon


def begin(daemon: Daemon, channel: str, last: int, visitor: str | None = None) -> Call:
    return Call(daemon.port, "GET", poll_target([channel], last=last), X_Forwarded_For=visitor)


def ask(daemon: Daemon, channel: str, last: int, visitor: str | None = None) -> Answer:
    return begin(daemon, channel, last, visitor).answer()


def let_in(daemon: Daemon, channel: str, visitor: str | None) -> bool:
    """Return whether there is room for a visitor's poll, which is answered at once and keeps the place if so."""
    with RawPoster(daemon.port) as poster:
        (event,) = poster.post(channel, "there")
    return ask(daemon, channel, event["id"] - 1, visitor).status == 200


def free(daemon: Daemon, visitor: str | None) -> None:
    """Have a visitor take its place, and go away while it waits."""
    waiter = begin(daemon, new_channel(), 2**52, visitor)
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 1, "a poll that waits")
    waiter.drop()
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 0, "its end")


@pytest.mark.parametrize("visitor", [ME, None], ids=["behind nginx", "direct"])
def test_a_place_is_kept_between_two_polls(small: Daemon, visitor: str | None) -> None:
    channel = new_channel()
    with RawPoster(small.port) as poster:
        last = poster.last()
        for n in range(3):
            waiter = begin(small, channel, last, visitor)
            eventually(lambda: metrics(small.port)["oyez_listeners"] == 1, "a poll that waits")
            assert ask(small, channel, last, STRANGER).error == (503, CAPACITY)
            (event,) = poster.post(channel, n)
            assert json.loads(waiter.answer().body) == event
            eventually(lambda: metrics(small.port)["oyez_listeners"] == 0, "no poll that waits")
            assert ask(small, channel, last, STRANGER).error == (503, CAPACITY)  # or it would have the event now
            last = event["id"]
    free(small, visitor)


def test_who_goes_away_leaves_the_place_to_others_at_once(small: Daemon) -> None:
    channel = new_channel()
    assert let_in(small, channel, ME)
    assert not let_in(small, channel, STRANGER)
    free(small, ME)
    assert let_in(small, channel, STRANGER)
    assert not let_in(small, channel, ME)
    free(small, STRANGER)


def test_one_visitor_holds_no_more_places_than_it_has_polls(small: Daemon) -> None:
    for _ in range(20):
        assert let_in(small, new_channel(), ME)
    free(small, ME)
    assert let_in(small, new_channel(), STRANGER)
    free(small, STRANGER)


def test_who_only_looks_keeps_a_place_and_takes_none(small: Daemon) -> None:
    def look(visitor: str) -> int:
        target = poll_target([new_channel()], nowait=True)
        return request(small.port, "GET", target, X_Forwarded_For=visitor).status

    assert (look(ME), look(STRANGER), look(ME)) == (200, 200, 200)
    assert let_in(small, new_channel(), ME)
    assert (look(STRANGER), look(ME), look(ME), look(STRANGER)) == (503, 200, 200, 503)
    free(small, ME)
