"""Is a place kept for whoever polls again, for a while and no more of them than there were?"""

from oyez.access.held_places import HeldPlaces
from oyez.access.peer import Peer
from oyez.access.places import Places, SessionPlace, unlimited
from tests.fakes import Clock

ONE, OTHER = 7, -8


def listener(places: Places) -> SessionPlace:
    place = places.take_listener(lambda: Peer(None), "a long poll")
    assert isinstance(place, SessionPlace)
    return place


def world() -> tuple[Places, HeldPlaces]:
    return unlimited(Clock()), HeldPlaces(held_for_s=10)


def test_a_held_place_goes_to_the_next_from_the_same_host() -> None:
    places, held = world()
    place = listener(places)
    held.hold(place, ONE, 100)
    assert (len(held), places.listeners, held.deadline) == (1, 1, 110)
    assert held.take(OTHER) is None
    assert held.take(None) is None
    assert held.take(ONE) is place
    assert (len(held), places.listeners, held.deadline) == (0, 1, None)
    assert held.take(ONE) is None


def test_those_whose_address_cannot_be_told_are_one_host() -> None:
    places, held = world()
    place = listener(places)
    held.hold(place, None, 100)
    assert held.take(ONE) is None
    assert held.take(None) is place


def test_what_nobody_comes_for_is_given_back() -> None:
    places, held = world()
    for second, host in enumerate((ONE, OTHER, ONE, ONE)):
        held.hold(listener(places), host, 100 + second)
    held.expire(109.9)
    assert places.listeners == 4
    held.expire(110)
    assert (places.listeners, held.deadline) == (3, 111)
    assert held.take(ONE) is not None  # the newest
    held.expire(112)
    assert (places.listeners, len(held), held.deadline) == (1, 0, None)  # that of the one who came back
    held.expire(1000)
    assert (places.listeners, places.sessions) == (1, 1)


def test_one_poll_after_another_holds_one_place() -> None:
    places, held = world()
    for second in range(50):
        held.hold(held.take(ONE) or listener(places), ONE, second)
    assert (places.listeners, len(held)) == (1, 1)
    held.expire(58)
    assert places.listeners == 1  # the last answer was at 49
    held.expire(59)
    assert places.listeners == 0


def test_at_the_end_all_is_given_back() -> None:
    places, held = world()
    for host in (ONE, OTHER, None):
        held.hold(listener(places), host, 100)
    held.give_all_back()
    assert (places.listeners, places.sessions, len(held), held.deadline) == (0, 0, 0, None)
    held.hold(listener(places), ONE, 100)
    assert held.take(ONE) is not None
