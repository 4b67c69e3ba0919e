"""Does everybody pay for what it asks for, and who has the key for nothing?"""

import pytest

from oyez.access.capacity import Capacity
from oyez.access.enforcement import Enforcement
from oyez.access.keys import KeyHolder
from oyez.access.peer import Who, peer_at
from oyez.access.places import Places, SessionPlace
from oyez.access.shares import Rates, Share, Shares
from oyez.access.work import COMMAND, REQUEST, weigh_bytes, weigh_filter
from oyez.limits import LimitSettings
from tests.fakes import Clock

HIDDEN = peer_at(("127.0.0.1", 40_312))


class Site:
    """Places with small rates: a session 10 commands a second, 20 at once; an address 20, and 30 at once."""

    def __init__(self, *observe: str) -> None:
        self.clock = Clock()
        self.counted: list[str] = []
        self.named: list[Who | None] = []
        self.observed: list[str] = []
        limits = LimitSettings(
            commands_per_second_per_connection="10 burst 20",
            commands_per_second_per_address="20 burst 30",
            observe=observe,
        )

        def note(reason: str, detail: str, who: Who | None = None, /) -> None:
            self.counted.append(reason)
            self.named.append(who)

        def see(reason: str, detail: str, who: Who | None = None, /) -> None:
            self.observed.append(reason)

        self.shares = Shares(limits, (), self.clock)
        everything = Capacity(100, 100, 100)
        self.places = Places(everything, limits, self.shares, Enforcement(limits, note, see))

    def share(self) -> Share:
        share = self.shares.of_host("192.0.2.1")
        assert share is not None
        return share

    def open(self, share: Share | None) -> SessionPlace:
        return SessionPlace(self.places, share)


def test_a_burst_is_free_and_then_each_command_has_to_be_paid_for() -> None:
    site = Site()
    place = site.open(None)
    assert [place.charge(COMMAND) for _ in range(20)] == [0.0] * 20
    assert place.charge(COMMAND) == pytest.approx(0.1)
    assert place.charge(COMMAND) == pytest.approx(0.2)
    site.clock.now += 0.3
    assert place.charge(COMMAND) == 0.0
    site.clock.now += 1000
    assert [place.charge(COMMAND) for _ in range(20)] == [0.0] * 20
    assert place.charge(COMMAND) > 0
    assert site.counted == ["connection-commands"] * 3


def test_who_asks_for_too_much_is_named_also_where_nothing_is_shared_out() -> None:
    site = Site()
    site.open(None).charge(25, lambda: HIDDEN)
    site.open(site.share()).charge(25, lambda: HIDDEN)
    assert [str(who() if callable(who) else who) for who in site.named] == ["somebody behind 127.0.0.1", "192.0.2.1"]


def test_an_address_pays_for_all_of_its_sessions() -> None:
    site = Site()
    places = [site.open(site.share()) for _ in range(3)]
    assert [place.charge(10 * COMMAND) for place in places] == [0.0] * 3
    assert places[0].charge(COMMAND) == pytest.approx(1 / 20)
    assert site.counted == ["address-commands"]
    assert site.share().refusals == {"address-commands": 1}
    assert site.share().asked == 31
    assert site.open(site.shares.of_host("192.0.2.2")).charge(COMMAND) == 0.0


def test_what_is_added_is_paid_for_with_the_next_charge() -> None:
    site = Site()
    place = site.open(site.share())
    place.add_work(29 * COMMAND)
    assert site.counted == []
    assert place.charge(COMMAND) == pytest.approx(1.0)
    assert site.share().asked == 30


def test_who_has_shown_the_key_pays_nothing_until_it_stops_posting() -> None:
    site = Site()
    place = site.open(site.share())
    place.become_poster(KeyHolder())
    place.add_work(1000)
    assert place.charge(1000) == 0.0
    place.stop_posting()
    assert place.charge(25) > 0


def test_a_request_is_charged_to_its_address() -> None:
    site = Site()
    assert [site.places.work.charge_address(site.share(), REQUEST) for _ in range(6)] == [0.0] * 6
    assert site.places.work.charge_address(site.share(), REQUEST) == pytest.approx(REQUEST / 20)
    assert site.counted == ["address-commands"]


@pytest.mark.parametrize(
    ("observed", "reason", "cost"),
    [
        ("commands_per_second_per_connection", "connection-commands", 25),
        ("commands_per_second_per_address", "address-commands", 35),
    ],
)
def test_what_is_observed_holds_nobody(observed: str, reason: str, cost: int) -> None:
    site = Site(observed, "commands_per_second_per_connection")
    place = site.open(site.share())
    assert place.charge(cost) == 0.0
    assert reason in site.observed
    assert site.counted == []
    before = len(site.observed)
    assert place.charge(COMMAND) == 0.0
    assert len(site.observed) == before  # it has a full bucket again


def test_a_filter_weighs_what_it_replays() -> None:
    last_msg = weigh_bytes(12)
    assert last_msg < 1.1
    assert weigh_filter(1, 0) == 1
    assert weigh_filter(10, 2560) > 300
    assert weigh_bytes(10_000) > 20
    assert weigh_bytes(0, frames=7) == 7


@pytest.mark.parametrize(
    ("taken", "rate", "wait_s"),
    [
        (15, "10 burst 5", 0.0),  # 5 were left, and nobody owes anything for a smaller burst
        (16, "10 burst 5", 0.1),
        (30, "10 burst 5", 1.5),  # what was owed still is
        (20, "10 burst 25", 0.0),
        (30, "10 burst 25", 1.0),
    ],
)
def test_at_another_rate_a_session_has_what_was_left(taken: int, rate: str, wait_s: float) -> None:
    site = Site()
    place = site.open(None)
    place.charge(taken)
    site.places.work.change_rates(Rates(LimitSettings(commands_per_second_per_connection=rate)))
    assert place.charge(5) == pytest.approx(wait_s)
    assert site.open(None).charge(5) == 0.0
