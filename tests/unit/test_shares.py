"""Whose share is whose? What is forgotten, and what is not?"""

from ipaddress import IPv4Network, IPv6Network

import pytest

from oyez.access.ip_addresses import parse_address, parse_networks
from oyez.access.peer import Peer
from oyez.access.shares import Rates, Share, Shares
from oyez.access.work import REQUEST, weigh_bytes, weigh_filter
from oyez.limits import LimitSettings
from tests.fakes import Clock


def shares(*exempt: str, clock: Clock | None = None, remembered: int = 100, **limits: str) -> Shares:
    return Shares(LimitSettings(**limits), parse_networks(exempt), clock or Clock(), remembered=remembered)  # type: ignore[arg-type]


def of(known: Shares, address: str) -> Share:
    share = known.of_host(address)
    assert share is not None
    return share


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::192.0.2.1", "192.0.2.1", False),
    ],
)
def test_an_address_is_one_of_four_bytes_or_half_of_sixteen(one: str, other: str, same: bool) -> None:
    known = shares()
    assert (of(known, one) is of(known, other)) is same


def test_a_share_says_whose_it_is() -> None:
    known = shares()
    assert (str(of(known, "192.0.2.1")), str(of(known, "2001:db8:0:1::9"))) == ("192.0.2.1", "2001:db8:0:1::/64")
    assert of(known, "192.0.2.1").network == IPv4Network("192.0.2.1/32")
    assert of(known, "2001:db8:0:1::9").network == IPv6Network("2001:db8:0:1::/64")


def test_the_visitor_counts_and_not_the_socket() -> None:
    known = shares("127.0.0.1")
    assert known.of_peer(Peer(parse_address("192.0.2.1"), socket="127.0.0.1:4711")) is of(known, "192.0.2.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "", "nobody"])
def test_nothing_is_shared_out_among_the_exempt_and_those_without_an_address(host: str) -> None:
    known = shares("127.0.0.1", "10.0.0.0/8")
    assert known.of_host(host) is None
    assert known.of_peer(Peer(parse_address(host) if host else None)) is None


def test_addresses_that_have_nothing_are_forgotten_once_there_are_many() -> None:
    clock = Clock()
    known = shares(clock=clock, remembered=10, commands_per_second_per_address="1 burst 5")
    busy, owing = of(known, "192.0.2.1"), of(known, "192.0.2.2")
    busy.sessions = 1
    owing.ask(clock(), 5)
    for number in range(100):
        of(known, f"198.51.100.{number}")
    assert len(known.all()) <= 20
    assert of(known, "192.0.2.1") is busy
    assert of(known, "192.0.2.2") is owing


def test_debts_of_ever_so_many_addresses_are_forgotten_too() -> None:
    known = shares(remembered=10)
    for number in range(1000):
        of(known, f"10.0.{number // 250}.{number % 250}").ask(0.0, 1)
    assert len(known.all()) <= 20


def test_who_has_shown_the_key_is_a_poster_for_a_while() -> None:
    known = shares()
    share = of(known, "192.0.2.1")
    assert not share.is_posters(0.0)
    share.remember_poster(0.0)
    assert share.is_posters(3599.0)
    assert not share.is_posters(3600.0)
    assert not share.is_idle(3599.0)


def test_commands_beyond_the_rate_cost_time() -> None:
    share = of(shares(commands_per_second_per_address="10 burst 20"), "192.0.2.1")
    assert share.ask(0.0, 20) == 0.0
    assert share.ask(0.0, 5) == 0.5
    assert share.asked == 25


def test_a_school_of_two_thousand_may_come_back_at_once_by_the_defaults() -> None:
    share = Share(1, Rates(LimitSettings()), 0.0)
    for _ in range(2000):
        assert share.connects.take(0.0)
        assert all(share.sockets_opened.take(0.0) for _ in range(2))
        assert not share.ask(0.0, 4 * REQUEST + weigh_bytes(200, 3) + weigh_filter(2, 0))
