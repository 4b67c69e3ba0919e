"""Is there room for whom there should be, and is each place given back as often as it was taken?"""

from functools import partial

import pytest

from oyez.access.capacity import Capacity
from oyez.access.enforcement import Enforcement
from oyez.access.ip_addresses import parse_address, parse_networks
from oyez.access.keys import KeyHolder
from oyez.access.peer import Peer, Who
from oyez.access.places import NoPlace, Places, SessionPlace, derive_bounds, unlimited
from oyez.access.shares import Share, Shares
from oyez.limits import LimitSettings
from tests.fakes import Clock

CAPACITY = Capacity(sockets=120, sessions=100, listeners=80)


class World:
    """Places of a daemon that behind 127.0.0.1 has a proxy."""

    def __init__(self, capacity: Capacity = CAPACITY, **limits: object) -> None:
        self.clock, self.notes, self.serving = Clock(), list[str](), True
        settings = LimitSettings(**limits)  # type: ignore[arg-type]
        self.shares = Shares(settings, parse_networks(("127.0.0.1",)), self.clock)
        enforcement = Enforcement(settings, self.note, self.observe)
        self.places = Places(capacity, settings, self.shares, enforcement, is_serving=lambda: self.serving)

    def note(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        self.notes.append(reason)

    def observe(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        self.notes.append(f"only observed: {reason}")

    def share(self, address: str) -> Share:
        share = self.shares.of_host(address)
        assert share is not None
        return share

    def take(
        self, address: str = "192.0.2.1", *, listens: bool = False, doubt: str = "from afar"
    ) -> SessionPlace | NoPlace:
        find_peer = partial(Peer, parse_address(address), doubt=doubt)
        take = self.places.take_listener if listens else self.places.take
        return take(find_peer, "a session")

    def fill(self, count: int, address: str = "192.0.2.1", *, listens: bool = True) -> list[SessionPlace]:
        taken = [self.take(address, listens=listens) for _ in range(count)]
        assert all(isinstance(place, SessionPlace) for place in taken), taken
        return taken  # type: ignore[return-value]


def reason_of(answer: SessionPlace | NoPlace) -> str:
    return answer.reason if isinstance(answer, NoPlace) else ""


@pytest.mark.parametrize(
    ("setting", "bounds"), [(0, (60, 44, 40)), (10, (28, 14, 10)), (60, (66, 66, 60)), (1, (10, 5, 1))]
)
def test_an_address_may_have_what_is_set_or_half_of_all(setting: int, bounds: tuple[int, int, int]) -> None:
    assert derive_bounds(CAPACITY, setting) == bounds


def test_listeners_of_one_address_end_at_its_limit_and_others_come_in() -> None:
    world = World(max_connections_per_address=3)
    taken = world.fill(3)
    assert reason_of(world.take(listens=True)) == "address-connections"
    assert world.take("192.0.2.2", listens=True)
    assert world.notes == ["address-connections"]
    assert world.share("192.0.2.1").refusals == {"address-connections": 1}
    taken[0].leave()
    world.fill(1)


def test_sessions_that_do_not_listen_count_too() -> None:
    world = World(max_connections_per_address=3)
    world.fill(7, listens=False)
    assert reason_of(world.take()) == "address-connections"


def test_a_refused_listener_leaves_nothing_behind() -> None:
    world = World(max_connections_per_address=1)
    world.fill(1)
    for _ in range(9):
        world.take(listens=True)
    share = world.share("192.0.2.1")
    assert (world.places.sessions, world.places.listeners, share.sessions, share.listeners) == (1, 1, 1, 1)


def test_a_place_may_be_left_again_and_again() -> None:
    world = World()
    place, other = world.fill(2)
    for _ in range(3):
        place.leave()
        place.leave_seat()
        place.stop_posting()
    share = world.share("192.0.2.1")
    assert (world.places.sessions, world.places.listeners, share.sessions, share.listeners) == (1, 1, 1, 1)
    other.leave()
    assert (world.places.sessions, world.places.listeners, share.sessions, share.listeners) == (0, 0, 0, 0)


def test_half_of_everything_is_left_to_others() -> None:
    world = World()
    world.fill(40)
    assert reason_of(world.take(listens=True)) == "address-connections"
    world.fill(40, "192.0.2.2")
    assert reason_of(world.take("192.0.2.3", listens=True)) == "at-capacity"
    assert world.share("192.0.2.3").refusals == {"at-capacity": 1}


def test_the_last_places_are_for_programs_on_this_machine() -> None:
    world = World(max_connections_per_address=1000)
    world.fill(100, listens=False)
    assert reason_of(world.take("192.0.2.2")) == "at-capacity"
    assert world.share("192.0.2.2").refusals == {"at-capacity": 1}
    assert isinstance(world.take("127.0.0.1", doubt=""), SessionPlace)
    assert isinstance(world.take("127.0.0.2", doubt=""), SessionPlace)


def test_a_local_poster_gets_in_where_its_address_has_had_its_share() -> None:
    world = World(max_connections_per_address=1)
    world.fill(5, "127.0.0.2", listens=False)
    assert reason_of(world.take("127.0.0.2")) == "address-connections"
    assert isinstance(world.take("127.0.0.2", doubt=""), SessionPlace)


def test_nobody_comes_in_while_the_daemon_stops() -> None:
    world = World()
    world.serving = False
    assert reason_of(world.take("127.0.0.1", doubt="")) == "at-capacity"


def test_connects_that_come_too_fast_are_told_when_to_come_back() -> None:
    world = World(connects_per_second_per_address="0.25 burst 2")
    world.fill(2)
    refused = world.take()
    assert isinstance(refused, NoPlace)
    assert refused == NoPlace("address-connects", 4, world.share("192.0.2.1"))
    world.clock.now = 4.0
    world.fill(1)
    assert isinstance(world.take("192.0.2.2"), SessionPlace)


def test_whose_refusals_are_paced_is_told_with_them_and_a_full_daemon_tells_at_once() -> None:
    world = World(max_connections_per_address=40, connects_per_second_per_address="100 burst 1000")
    world.fill(40)
    too_many = world.take(listens=True)
    assert isinstance(too_many, NoPlace)
    assert (too_many.reason, too_many.share) == ("address-connections", world.share("192.0.2.1"))
    world.fill(40, "192.0.2.2")
    full = world.take("192.0.2.3", listens=True)
    assert isinstance(full, NoPlace)
    assert (full.reason, full.share) == ("at-capacity", None)


def test_who_has_shown_the_key_counts_for_no_address() -> None:
    world = World(max_connections_per_address=1, connects_per_second_per_address="1 burst 8")
    for _ in range(20):
        world.clock.now += 1
        (place,) = world.fill(1, listens=False)
        place.become_poster(KeyHolder())
        place.become_poster(KeyHolder())
        assert place.share is None
    share = world.share("192.0.2.1")
    assert (share.sessions, world.places.sessions) == (0, 20)
    assert share.is_posters(world.clock())
    place.stop_posting()
    assert (share.sessions, place.share) == (1, share)
    place.leave()
    assert (share.sessions, world.places.sessions) == (0, 19)


def test_who_posts_with_a_key_that_is_none_any_more_counts_again_and_pays() -> None:
    world, holder = World(commands_per_second_per_connection="1 burst 1"), KeyHolder()
    left, stays = world.fill(2, listens=False)
    for place in (left, stays):
        place.become_poster(holder)
    left.leave()
    assert stays.charge(9) == 0
    holder.void()
    share = world.share("192.0.2.1")
    assert (stays.share, stays.is_poster, left.share, share.sessions) == (share, False, None, 1)
    assert stays.charge(9) > 0
    assert not holder.places


def test_posters_may_connect_as_fast_as_they_like() -> None:
    world = World(connects_per_second_per_address="1 burst 2")
    world.places.remember_poster(Peer(parse_address("192.0.2.1")))
    for _ in range(20):
        world.fill(1, listens=False)
        assert isinstance(world.places.take_socket(("192.0.2.1", 1)), Share)


@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_proxy_that_names_nobody_may_have_all_there_is(address: str) -> None:
    world = World(max_connections_per_address=1, connects_per_second_per_address="1 burst 1")
    find_peer = partial(Peer, parse_address(address) if address else None, doubt="behind a proxy")
    taken = [world.places.take_listener(find_peer, "a session") for _ in range(80)]
    assert all(isinstance(place, SessionPlace) and place.share is None for place in taken)
    assert all(world.places.take_socket((address, 1)) is None for _ in range(99))


def test_sockets_without_a_session_are_counted_where_they_come_from() -> None:
    world = World(max_connections_per_address=1)
    taken = [world.places.take_socket(("192.0.2.1", number)) for number in range(11)]
    assert [reason.reason for reason in taken if isinstance(reason, NoPlace)] == ["address-sockets"]
    assert isinstance(world.places.take_socket(("192.0.2.2", 1)), Share)
    assert world.places.take_socket(None) is None


class Spare:
    """A socket that nobody can miss."""

    def __init__(self, share: Share, *, makes_room: bool = True) -> None:
        self.share = share
        self.makes_room = makes_room
        share.spare[self] = None

    def close_idle(self) -> bool:
        del self.share.spare[self]
        self.share.sockets -= 1
        return self.makes_room


def test_over_the_limit_a_socket_of_the_same_address_goes_that_nobody_can_miss() -> None:
    world = World(max_connections_per_address=1)
    taken = [world.places.take_socket(("192.0.2.1", number)) for number in range(10)]
    share = world.share("192.0.2.1")
    spare = [Spare(share) for _ in range(2)]
    assert isinstance(world.places.take_socket(("192.0.2.1", 10)), Share)
    assert (list(share.spare), share.sockets) == ([spare[1]], len(taken))
    assert isinstance(world.places.take_socket(("192.0.2.1", 11)), Share)
    assert isinstance(world.places.take_socket(("192.0.2.1", 12)), NoPlace)
    assert world.notes == ["address-sockets"] * 3


def test_sockets_that_come_too_fast_are_refused() -> None:
    world = World(connects_per_second_per_address="1 burst 2")
    taken = [world.places.take_socket(("192.0.2.1", number)) for number in range(3)]
    assert [reason.reason for reason in taken if isinstance(reason, NoPlace)] == ["address-connects"]


def test_a_server_without_limits_lets_everybody_in() -> None:
    places = unlimited(Clock())
    for _ in range(10_000):
        assert isinstance(places.take_listener(partial(Peer, parse_address("192.0.2.1")), "a session"), SessionPlace)


def test_limits_that_only_observe_count_and_let_everybody_in() -> None:
    world = World(
        max_connections_per_address=1,
        connects_per_second_per_address="1 burst 1",
        observe=("max_connections_per_address", "connects_per_second_per_address"),
    )
    world.fill(3)
    assert world.notes == [
        "only observed: address-connects", "only observed: address-connections",
        "only observed: address-connects", "only observed: address-connections",
    ]  # fmt: skip
    for number in range(12):
        assert isinstance(world.places.take_socket(("192.0.2.1", number)), Share)
    assert world.share("192.0.2.1").refusals["address-sockets"] == 2
