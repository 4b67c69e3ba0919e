"""Addresses: how they are read, and where a client really is when proxies stand in between.

Knows addresses and the header X-Forwarded-For. Must not know what anyone is allowed to do.
"""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, Protocol

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FarEnd = tuple[str, int]
"""The other end of a socket as the system names it, address and port; the address is empty for a Unix socket."""


class Proxy(Enum):
    """What is known of a proxy between a client and the daemon."""

    NONE = "none"
    NAMES = "names"  # the client, in a header that is believed
    HIDES = "hides"  # it; or nobody believes this proxy: the client's address is the proxy's


class Peer(NamedTuple):
    """Who is at the other end, as far as it can be told."""

    address: Address | None
    """The client's; of a chain of trusted proxies the last one that is not trusted. None: there is none to be told."""
    named: bool = True
    """Whether a trusted proxy, if there is one, said for whom it asks in a way that could be read."""
    doubt: str = ""
    """Why it is not proved that the request was made on this machine, in words; empty: it is proved."""
    proxy: Proxy = Proxy.NONE
    """Whether a proxy stands in between, as far as it shows, and says for whom it asks."""
    socket: str = ""
    """The socket's other end, which may be a proxy: ``192.0.2.1:40312``; empty for a Unix socket."""

    @property
    def local(self) -> bool:
        """Whether the request was made on this machine, by what was not brought here by a proxy or a browser's page."""
        return not self.doubt

    @property
    def counted_as(self) -> Network | None:
        """For whom a failure counts. One host of IPv6 has all of its /64, with as many addresses as it likes."""
        if isinstance(self.address, IPv6Address):
            return IPv6Network((int(self.address) >> 64 << 64, 64))
        return None if self.address is None else IPv4Network(self.address)

    def __str__(self) -> str:
        """Name it in a log."""
        if self.address is None and self.socket:
            return "an address that could not be told"
        where = "a Unix socket" if self.address is None else str(self.address)
        return where if self.named else f"somebody behind {where}"


FindPeer = Callable[[], Peer]
"""Asking the system for an address is not free, and for most sessions nobody needs it."""


class Note(Protocol):
    """Counts what a peer did wrong: a reason, a detail for the log, and who tells which peer, if that is known."""

    def __call__(self, reason: str, detail: str, find_peer: FindPeer | None = None, /) -> None:
        """Count one."""
        ...


# A chain of a dozen proxies; what is longer was made up, and only its end counts.
_LONGEST_REMEMBERED = 500

# RFC 7239 §6 has a name for a port that is to be hidden: an underscore and what follows.
_PORT = r"(?::(?:\d{0,5}|_[\w.-]{1,20}))?"
_WITH_PORT = re.compile(rf"\[([^\[\]]+)\]{_PORT}|([\d.]+){_PORT}", re.ASCII)


def parse_address(text: str) -> Address | None:
    """Read an address in whatever dress proxies and the system put it; None: it is none.

    Quotes, brackets, a port and a zone (``fe80::1%eth0``) are no part of it, and an IPv4 address within an IPv6 one
    (``::ffff:192.0.2.1``, RFC 4291 §2.5.5.2) is the IPv4 address.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    dressed = _WITH_PORT.fullmatch(text)
    if dressed is not None:
        text = dressed[1] or dressed[2]
    try:
        address = ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


_LOOPBACK_NAMES = frozenset(("localhost", "ip6-localhost", "ip6-loopback"))


def is_loopback(host: str) -> bool:
    """Tell whether a host, named or by its address and without a port, is to each machine that machine itself."""
    name = host.lower().removesuffix(".")
    address = parse_address(name)
    return name in _LOOPBACK_NAMES or name.endswith(".localhost") or (address is not None and address.is_loopback)


NETWORKS = "addresses or networks, such as 10.0.0.0/8"


def is_network(text: str) -> bool:
    """Accept an IP address, or a network in CIDR notation."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks in CIDR notation.

    Raises:
        ValueError: one is neither.
    """
    return tuple(_fold(ip_network(text, strict=False)) for text in texts)


def _fold(network: Network) -> Network:
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if mapped is None or network.prefixlen < 96 else IPv4Network((mapped, network.prefixlen - 96))


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Tell whether an address lies in one of the networks."""
    return any(address in network for network in networks)


def find_client(far_end: str, forwarded_for: str, trusted: tuple[Network, ...]) -> tuple[Address | None, bool]:
    """Find who asks by way of proxies.

    A hop that is no address, such as ``unknown``, ends the search: whoever is behind the proxy that wrote it counts as
    that proxy.

    Args:
        far_end: the address of the socket's other end; empty for a Unix socket, which counts as trusted.
        forwarded_for: the header ``X-Forwarded-For``, a list whose last entry was added by the nearest proxy.
        trusted: the proxies whose header is believed.

    Returns:
        The address, None if none can be told; and whether it is that of the client rather than of a proxy that did not
        name the client.
    """
    if len(forwarded_for) > _LONGEST_REMEMBERED:  # the first of what is left may be half an address
        forwarded_for = forwarded_for[-_LONGEST_REMEMBERED:].partition(",")[2]
    return _remembered(far_end, forwarded_for, trusted)


def _find_client(far_end: str, forwarded_for: str, trusted: tuple[Network, ...]) -> tuple[Address | None, bool]:
    address = parse_address(far_end)
    hops = [hop for hop in map(str.strip, forwarded_for.split(",")) if hop]
    while hops and (address is None or is_within(address, trusted)):
        hop = parse_address(hops.pop())
        if hop is None:
            return address, False
        address = hop
    return address, address is not None


# From this machine, and through a proxy, the same words come again and again.
_remembered = lru_cache(maxsize=4096)(_find_client)
