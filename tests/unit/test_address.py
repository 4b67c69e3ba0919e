"""Is a client found behind proxies that are trusted, and only behind those?"""

import pytest

from oyez.address import Peer, find_peer, is_within, parse_networks

TRUSTED = parse_networks(["127.0.0.1", "::1", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("socket_address", "forwarded_for", "peer"),
    [
        ("127.0.0.1", None, Peer("127.0.0.1", direct=True, local=True)),
        ("203.0.113.9", None, Peer("203.0.113.9", direct=True, local=False)),
        ("", None, Peer("", direct=True, local=True)),
        ("127.0.0.1", "203.0.113.9", Peer("203.0.113.9", direct=False, local=True)),
        ("", "203.0.113.9", Peer("203.0.113.9", direct=False, local=True)),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", Peer("203.0.113.9", direct=False, local=False)),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9 ,10.0.0.2", Peer("203.0.113.9", direct=False, local=True)),
        ("127.0.0.1", "10.0.0.3, 10.0.0.2", Peer("10.0.0.3", direct=False, local=True)),
        ("203.0.113.9", "127.0.0.1", Peer("203.0.113.9", direct=False, local=False)),
        ("127.0.0.1", "nonsense", Peer("nonsense", direct=False, local=True)),
        ("::1", "2001:db8::1", Peer("2001:db8::1", direct=False, local=True)),
        ("::ffff:127.0.0.1", "203.0.113.9", Peer("203.0.113.9", direct=False, local=True)),
    ],
)
def test_peers(socket_address: str, forwarded_for: str | None, peer: Peer) -> None:
    assert find_peer(socket_address, forwarded_for, TRUSTED) == peer


@pytest.mark.parametrize("forwarded_for", ["", ",", "203.0.113.9,", " , "])
def test_an_empty_hop_makes_nobody_a_unix_socket(forwarded_for: str) -> None:
    assert find_peer("127.0.0.1", forwarded_for, TRUSTED).address != ""


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("10.255.0.1", True),
        ("11.0.0.1", False),
        ("::1", True),
        ("::ffff:10.0.0.1", True),
        ("", False),
        ("10.0.0.1:80", False),
        ("example.org", False),
    ],
)
def test_networks(address: str, within: bool) -> None:
    assert is_within(address, TRUSTED) is within


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError):
        parse_networks(["10.0.0.0/33"])
    assert parse_networks(["10.1.2.3/8"]) == parse_networks(["10.0.0.0/8"])
