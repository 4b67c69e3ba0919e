"""Is an address read in every dress, and does a network hold what it should?"""

from ipaddress import ip_address

import pytest

from oyez.access.ip_addresses import is_loopback, is_within, networks, parse_address, parse_networks

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


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("10.0.0.0/8", None),
        ("fe80::1", None),
        ("fe80::1%eth0", "fe80::1, without a zone: those of clients are not known"),
        ("fe80::%2/64", "fe80::/64, without a zone: those of clients are not known"),
        ("fe80::1%", "fe80::1, without a zone: those of clients are not known"),
        ("proxy", "a list of addresses or networks, such as 10.0.0.0/8"),
        ("proxy%eth0", "a list of addresses or networks, such as 10.0.0.0/8"),
    ],
)
def test_a_list_of_networks_says_what_would_be_right(text: str, right: str | None) -> None:
    setting = networks("Whose they are.")
    value = ("192.0.2.1", text)
    assert setting.accepts((), value) is (right is None)
    assert right is None or setting.expected((), value) == right


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
