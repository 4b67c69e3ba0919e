"""Where a client really is, when a proxy stands in between.

Knows addresses and the forwarding header. Must not know what anyone is allowed to do.
"""

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Peer(NamedTuple):
    """Who is at the other end, as far as it can be told."""

    address: str
    """The client's address; of a chain of trusted proxies the last one that is not trusted. Empty: a Unix socket."""
    direct: bool
    """No forwarding header: the request was made on this machine or network, not passed on by a proxy."""
    local: bool
    """The socket's other end is this machine."""


# A chain of a dozen proxies; what is longer was made up, and only its end counts.
_LONGEST_REMEMBERED = 500

PROXY_HEADERS = frozenset(
    ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via", "cf-connecting-ip")
)
"""With any of these a request was passed on by a proxy. Only the first of them says for whom in a way that is read."""

FindPeer = Callable[[], Peer]
"""Asking the system for an address is not free, and for most sessions nobody needs it."""


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks in CIDR notation.

    Raises:
        ValueError: one is neither.
    """
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address lies in one of the networks; what is no address does not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


_LOOPBACK = parse_networks(("127.0.0.0/8", "::1"))


def find_peer(socket_address: str, forwarded_for: str | None, trusted: tuple[Network, ...]) -> Peer:
    """Find the client behind a socket.

    Args:
        socket_address: the socket's other end; empty for a Unix socket, which counts as trusted.
        forwarded_for: the header ``X-Forwarded-For``, a list whose last entry was added by the nearest proxy; empty if
            the request came through a proxy that did not say for whom; None if it came through none.
        trusted: the proxies whose header is believed.
    """
    if forwarded_for is not None and len(forwarded_for) > _LONGEST_REMEMBERED:
        return _find_peer(socket_address, forwarded_for[-_LONGEST_REMEMBERED:], trusted)
    return _remembered(socket_address, forwarded_for, trusted)


def _find_peer(socket_address: str, forwarded_for: str | None, trusted: tuple[Network, ...]) -> Peer:
    local = not socket_address or is_within(socket_address, _LOOPBACK)
    if forwarded_for is None:
        return Peer(socket_address, direct=True, local=local)
    address = socket_address
    hops = [hop for hop in map(str.strip, forwarded_for.split(",")) if hop]
    while hops and (not address or is_within(address, trusted)):
        address = hops.pop()
    return Peer(address, direct=False, local=local)


# From this machine, and through a proxy, the same words come again and again.
_remembered = lru_cache(maxsize=4096)(_find_peer)
