"""Proxies that do not say for whom they ask: found, counted and logged once each.

Knows what a proxy shows of itself, and what the operator has to write. Must not know doors, nor limits.

Behind a trusted proxy that names nobody the whole site has one address, so nothing can be shared out there. Behind one
that is not trusted, all visitors have its address, and the share of one. The operator has to know of either.
"""

import logging
from collections.abc import Sequence

from oyez.access.ip_addresses import Network, is_within, parse_address
from oyez.access.peer import Peer, Proxy

logger = logging.getLogger(__name__)

# Of each kind, this many are remembered: a site has one or two.
_MOST = 16

UNIX_SOCKET = "a Unix socket"

_CURE = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"


class HidingProxy:
    """One of them.

    Attributes:
        address: where its requests come from.
        trusted: whether `http.trusted_proxies` names it, so that its word would be believed.
        requests: how many listeners it has brought.
    """

    __slots__ = ("address", "requests", "trusted")

    def __init__(self, address: str, *, trusted: bool) -> None:
        self.address = address
        self.trusted = trusted
        self.requests = 0


class HidingProxies:
    """All that were met.

    Args:
        trusted: the proxies whose header is believed.
    """

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self.change(trusted)
        self._found: dict[tuple[str, bool], HidingProxy] = {}

    def change(self, trusted: Sequence[Network]) -> None:
        """Believe other proxies from now on; the argument is the class's."""
        self._trusted = tuple(trusted)

    def all(self) -> list[HidingProxy]:
        """Return those that were met, in the order of the first time."""
        return list(self._found.values())

    def brought(self, peer: Peer, *, has_share: bool) -> bool:
        """Return whether a client may have come by such a proxy; cheap, for everyone is asked about.

        Args:
            peer: the client.
            has_share: whether anything is shared out at its address.
        """
        return peer.proxy is Proxy.HIDES or (not has_share and bool(peer.doubt) and peer.proxy is Proxy.NONE)

    def count(self, peer: Peer) -> None:
        """Count a listener that `brought` was true of; the first of each proxy is logged."""
        address = parse_address(peer.socket)
        is_trusted = not peer.socket or (address is not None and is_within(address, self._trusted))
        if not is_trusted and (address is None or address.is_global or peer.proxy is Proxy.NONE):
            return  # a visitor's own machine: whoever likes can write what a proxy does
        name = str(address) if address is not None else UNIX_SOCKET
        found = self._found.get((name, is_trusted))
        if found is None:
            if sum(one.trusted == is_trusted for one in self._found.values()) >= _MOST:
                return
            found = self._found[name, is_trusted] = HidingProxy(name, trusted=is_trusted)
            logger.warning("%s", _describe(name, peer, is_trusted=is_trusted))
        found.requests += 1


def _describe(name: str, peer: Peer, *, is_trusted: bool) -> str:
    if not is_trusted:
        return (
            f"the proxy at {name} is not believed when it says for whom it asks, since http.trusted_proxies does not"
            f" name it: all visitors behind it count as one address, and have the limits of one together"
        )
    if peer.proxy is Proxy.NONE:
        return (
            f"a listener at {name}, which http.trusted_proxies names, came without a header X-Forwarded-For, and it is"
            f" not proved to be from this machine ({peer.doubt}): if that is a proxy, limits of one address do not hold"
            f" for its visitors, and it needs what nginx writes as: {_CURE}"
        )
    return (
        f"the proxy at {name} does not say for whom it asks: there is no header X-Forwarded-For that names an address,"
        f" and X-Real-IP is not believed. Limits of one address do not hold for visitors behind it, and the log names"
        f" none of them. In nginx's location: {_CURE}"
    )
