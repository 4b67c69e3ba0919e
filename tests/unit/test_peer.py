"""Is a client found behind proxies that are trusted, and only behind those?"""

import pytest

from oyez.access.ip_addresses import parse_address, parse_networks
from oyez.access.peer import Peer, find_client

TRUSTED = parse_networks(["127.0.0.1", "::1", "10.0.0.0/8"])


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
