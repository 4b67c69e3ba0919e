"""Is there one ration for each address, which counts who waits, or only counts?"""

from collections import Counter

import pytest

from oyez.access.enforcement import Enforcement
from oyez.access.ip_addresses import parse_address
from oyez.access.peer import Peer
from oyez.access.rations import Rations
from oyez.access.shares import Share, Shares
from oyez.limits import LimitSettings
from oyez.notes import Notes
from tests.fakes import Clock


class Addresses:
    """Shares and rations, with a hundred bytes a second and a thousand at once."""

    def __init__(self, *observe: str) -> None:
        self.clock = Clock()
        self.notes = Notes(self.clock)
        limits = LimitSettings(replay_bytes_per_second_per_address="100 burst 1000", observe=observe)
        self.shares = Shares(limits, (), self.clock)
        self.rations = Rations(self.clock, Enforcement(limits, self.notes, self.notes.observe))

    def share(self, address: str) -> Share:
        share = self.shares.of_peer(Peer(parse_address(address)))
        assert share is not None
        return share


def test_an_address_has_one_ration_however_many_listen() -> None:
    addresses = Addresses()
    first, second, other = (addresses.share(f"192.0.2.{number}") for number in (1, 1, 2))
    ration = addresses.rations.of(first)
    assert addresses.rations.of(second) is ration
    assert addresses.rations.of(other) is not ration
    assert addresses.rations.of(None) is None


def test_what_is_over_is_lent_and_then_waited_for() -> None:
    addresses = Addresses()
    ration = addresses.rations.of(addresses.share("192.0.2.1"))
    assert ration is not None
    ration.spend(900)
    assert ration.wait_s() == 0
    ration.spend(299)
    assert ration.wait_s() == pytest.approx(2.0)
    addresses.clock.now += 2
    assert ration.wait_s() == pytest.approx(0.0)


def test_who_waits_is_counted_with_its_address() -> None:
    addresses = Addresses()
    share = addresses.share("192.0.2.1")
    ration = addresses.rations.of(share)
    assert ration is not None
    ration.count_wait()
    assert (ration.delays, share.refusals, addresses.notes.counts) == (True, *[Counter({"address-replay": 1})] * 2)


def test_what_is_only_observed_makes_no_debt() -> None:
    addresses = Addresses("replay_bytes_per_second_per_address")
    ration = addresses.rations.of(addresses.share("192.0.2.1"))
    assert ration is not None
    for _ in range(100):
        ration.spend(900)
    ration.count_wait()
    assert not ration.delays
    assert 0 < ration.wait_s() < 9
    assert (addresses.notes.counts, addresses.notes.observed) == (Counter(), Counter({"address-replay": 1}))
