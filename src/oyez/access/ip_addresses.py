"""IP addresses and networks: how they are read, and which of them are this machine's own.

Knows how proxies, the system and operators write them. Must not know whose they are.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from oyez.setting import Setting

IpAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# RFC 7239 §6 has a name for a port that is to be hidden: an underscore and what follows.
_PORT = r"(?::(?:\d{0,5}|_[\w.-]{1,20}))?"
_WITH_PORT = re.compile(rf"\[([^\[\]]+)\]{_PORT}|([\d.]+){_PORT}", re.ASCII)


def parse_address(text: str) -> IpAddress | None:
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
    """Return whether a host, named or by its address and without a port, is to each machine that machine itself."""
    name = host.lower().removesuffix(".")
    address = parse_address(name)
    return name in _LOOPBACK_NAMES or name.endswith(".localhost") or (address is not None and address.is_loopback)


def networks(doc: str) -> Setting:
    """Declare a setting: a list of addresses and of networks in CIDR notation, whose meaning is a sentence."""
    return Setting(doc, valid=_is_network, problem=_problem_of_zone, form="addresses or networks, such as 10.0.0.0/8")


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _problem_of_zone(text: str) -> str:
    """Return what would be right instead of ``fe80::1%eth0``; nothing if there is no zone.

    To pass over it would let in who has the same address on another interface: of clients no zone is known.
    """
    address, mark, rest = text.partition("%")
    without = address + "".join(rest.partition("/")[1:])
    return f"{without}, without a zone: those of clients are not known" if mark and _is_network(without) else ""


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks in CIDR notation.

    Raises:
        ValueError: one is neither.
    """
    return tuple(_fold(ip_network(text, strict=False)) for text in texts)


def _fold(network: Network) -> Network:
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if mapped is None or network.prefixlen < 96 else IPv4Network((mapped, network.prefixlen - 96))


def is_within(address: IpAddress, networks: Sequence[Network]) -> bool:
    """Return whether an address lies in one of the networks."""
    return any(address in network for network in networks)


def host_key(address: IpAddress) -> int:
    """Return a number for the host that has an address: IPv4's own; for IPv6 one below 0 for all of a /64."""
    return int(address) if isinstance(address, IPv4Address) else -1 - (int(address) >> 64)


def host_network(key: int) -> Network:
    """Return what a number of `host_key` stands for: 32 bits of IPv4, 64 of IPv6."""
    return IPv6Network((-1 - key << 64, 64)) if key < 0 else IPv4Network(key)


def host_name(key: int) -> str:
    """Write what a number of `host_key` stands for: ``192.0.2.1`` or ``2001:db8:0:1::/64``."""
    return str(host_network(key)) if key < 0 else str(IPv4Address(key))
