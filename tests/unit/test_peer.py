"""Is an address read in every dress, and a client found behind proxies that are trusted, and only behind those?"""

from ipaddress import ip_address

import pytest

from oyez.access.ip_addresses import is_loopback, is_within, parse_address, parse_networks
from oyez.access.peer import Peer, find_client

TRUSTED = parse_networks(["127.0.0.1", "::1", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("203.0.113.9:", "203.0.113.9"),
        ("203.0.113.9:_hidden-port", "203.0.113.9"),
        ('"203.0.113.9:80"', "203.0.113.9"),
        (" 203.0.113.9\t", "203.0.113.9"),
        ("[203.0.113.9]:80", "203.0.113.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("2001:DB8:0:0::9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:443", "2001:db8::9"),
        ('"[2001:db8::9]:443"', "2001:db8::9"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:cb00:7109", "203.0.113.9"),
        ("0:0:0:0:0:ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:4711", "203.0.113.9"),
    ],
)
def test_addresses_are_read_in_every_dress(text: str, address: str) -> None:
    assert parse_address(text) == ip_address(address)


@pytest.mark.parametrize(
    "text",
    ["", "unknown", "_hidden", "example.org", "203.0.113", "203.0.113.9:port", "203.0.113.9:123456", "203.0.113.9 1",
     "203.0.113.9%eth0", "0203.0.113.9", "3405803785", "0x7f.1", "127.1", "\u0661.2.3.4", "[203.0.113.9", "::1]:80",
     "[[::1]]", "[::1]x", "::1::", "for=203.0.113.9", '"', '""', "\x1b[31m", "\u202e1.2.3.4", "9" * 5000],
    ids=lambda text: ascii(text)[:20],
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("far_end", "forwarded_for", "address", "named"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9", True),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9", True),
        ("127.0.0.1", "[2001:db8::1]:443", "2001:db8::1", True),
        ("", "203.0.113.9", "203.0.113.9", True),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9", True),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9:5 ,10.0.0.2:80", "203.0.113.9", True),
        ("127.0.0.1", "203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9", True),
        ("127.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", True),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9", True),
        ("::1", "2001:db8::1", "2001:db8::1", True),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9", True),
        # Who writes no address has named nobody, and is the last that is known.
        ("127.0.0.1", "nonsense", "127.0.0.1", False),
        ("127.0.0.1", "1.1.1.1, unknown", "127.0.0.1", False),
        ("127.0.0.1", "1.1.1.1, _hidden, 10.0.0.2", "10.0.0.2", False),
        ("", "unknown", None, False),
        # Nor has who writes nothing.
        ("127.0.0.1", "", "127.0.0.1", True),
        ("127.0.0.1", " , ", "127.0.0.1", True),
        ("127.0.0.1", "203.0.113.9,", "203.0.113.9", True),
        ("", "", None, False),
    ],
)
def test_clients_behind_proxies(far_end: str, forwarded_for: str, address: str | None, named: bool) -> None:
    found, is_named = find_client(far_end, forwarded_for, TRUSTED)
    assert (None if found is None else str(found), is_named) == (address, named)


@pytest.mark.parametrize("cut", range(12))
def test_an_entry_that_is_cut_is_no_address(cut: int) -> None:
    """The list is longer than what is read of it, and what is read begins within an address."""
    entries = ["203.0.113.9", *["10.0.0.2"] * 49, " " * cut + "10.0.0.2"]
    found, _ = find_client("127.0.0.1", ",".join(entries), TRUSTED)
    assert str(found) in ("203.0.113.9", "10.0.0.2")


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.9", "203.0.113.9/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9/32"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_failures_count_for_an_address_or_for_all_that_one_host_has(address: str, counted_as: str) -> None:
    assert str(Peer(parse_address(address)).counted_as) == counted_as


def test_a_unix_socket_counts_as_itself() -> None:
    assert Peer(None).counted_as is None


@pytest.mark.parametrize(
    ("address", "within"),
    [("10.255.0.1", True), ("11.0.0.1", False), ("::1", True), ("::ffff:10.0.0.1", True), ("::ffff:11.0.0.1", False)],
)
def test_networks(address: str, within: bool) -> None:
    parsed = parse_address(address)
    assert parsed is not None
    assert is_within(parsed, TRUSTED) is within


def test_networks_are_folded_as_addresses_are() -> None:
    folded = parse_networks(["::ffff:10.0.0.0/104", "::ffff:203.0.113.9"])
    assert folded == parse_networks(["10.0.0.0/8", "203.0.113.9"])


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError):
        parse_networks(["10.0.0.0/33"])
    assert parse_networks(["10.1.2.3/8"]) == parse_networks(["10.0.0.0/8"])


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("LocalHost", True),
        ("localhost.", True),
        ("judge.localhost", True),
        ("127.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("0.0.0.0", False),
        ("::", False),
        ("judge.example", False),
        ("", False),
    ],
)
def test_who_is_to_each_machine_itself(host: str, is_own: bool) -> None:
    assert is_loopback(host) is is_own
