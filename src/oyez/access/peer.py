"""Who a client is, and where it really is when proxies stand in between: one judgement for all doors.

Knows the headers of a request and the other end of its socket. Must not know what anyone is allowed to do.
"""

from collections.abc import Callable, MutableMapping, Sequence
from enum import Enum
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

from oyez.access.ip_addresses import IpAddress, Network, host_key, host_network, is_loopback, is_within, parse_address
from oyez.access.locality import BY_PROXY, FORWARDED_FOR, FROM_AFAR, RawHeaders, find_doubt

FarEnd = tuple[str, int]
"""The other end of a socket as the system names it, address and port; the address is empty for a Unix socket."""


class Proxy(Enum):
    """What is known of a proxy between a client and the daemon."""

    NONE = "none"
    NAMES = "names"  # the client, in a header that is believed
    HIDES = "hides"  # it; or nobody believes this proxy: the client's address is the proxy's


class Peer(NamedTuple):
    """Who is at the other end, as far as it can be told."""

    address: IpAddress | None
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
        return None if self.address is None else host_network(host_key(self.address))

    @property
    def key(self) -> int | None:
        """Return the number of its host, see `host_key`; None: it cannot be told."""
        return None if self.address is None or not self.named else host_key(self.address)

    def __str__(self) -> str:
        """Name it for the log: ``192.0.2.1``, ``somebody behind 192.0.2.1``, ``a Unix socket``."""
        if self.address is None and self.socket:
            return "an address that could not be told"
        where = "a Unix socket" if self.address is None else str(self.address)
        return where if self.named else f"somebody behind {where}"


FindPeer = Callable[[], Peer]
"""Asking the system for an address is not free, and for most sessions nobody needs it."""


class Noted(Protocol):
    """Who is noted, a peer or the share of its address; as text, the name of it for the log."""

    @property
    def key(self) -> int | None:
        """The number of its host, see `host_key`; None: it cannot be told."""
        ...


Who = Noted | Callable[[], Noted | None]
"""Who is noted, or what finds out."""


class Note(Protocol):
    """Counts what a peer did wrong: a reason, a detail for the log, and who it was, if it was a peer."""

    def __call__(self, reason: str, detail: str, who: Who | None = None, /) -> None:
        """Count one more of ``reason``; ``detail`` has to be free of secrets."""
        ...


# A chain of a dozen proxies; what is longer was made up, and only its end counts.
_LONGEST_CHAIN = 500

# One or two proxies. What is longer is read anew each time, so that what others make up takes little memory.
_LONGEST_REMEMBERED = 100
_CLIENTS_REMEMBERED = 512
_HOSTS_REMEMBERED = 1024


class SocketRequest(Protocol):
    """A request that asks for its whole socket."""

    @property
    def headers(self) -> RawHeaders:
        """Its headers, names in lower case."""
        ...

    @property
    def find_far_end(self) -> Callable[[], FarEnd | None]:
        """Asks the system for the socket's other end."""
        ...


_GONE = Peer(None, named=False, doubt="its socket is closed", socket="?")


def peer_at(far_end: FarEnd | None) -> Peer:
    """Return what a socket's other end alone tells: somebody there, or behind it; None: it is closed already."""
    if far_end is None:
        return _GONE
    return Peer(parse_address(far_end[0]), named=False, doubt=FROM_AFAR, socket=_written(far_end))


# What a scope has besides ASGI's own: its `Peer`.
_FOUND = "oyez.peer"


class Peers:
    """How clients are told apart.

    Args:
        trusted_proxies: whose forwarding header is believed.
        local_hosts: names of this machine, besides localhost and its loopback addresses.
    """

    def __init__(self, trusted_proxies: tuple[Network, ...] = (), local_hosts: Sequence[str] = ()) -> None:
        self.change(trusted_proxies, local_hosts)

    def change(self, trusted_proxies: tuple[Network, ...], local_hosts: Sequence[str]) -> None:
        """Tell whoever comes from now on apart by other proxies and names; the arguments are the class's."""
        # The same hosts and headers come again and again; to read them takes longer than all else that a connect needs.
        self._find_client = lru_cache(maxsize=_CLIENTS_REMEMBERED)(partial(find_client, trusted=trusted_proxies))
        self._is_trusted = lru_cache(maxsize=_HOSTS_REMEMBERED)(partial(_is_trusted, trusted=trusted_proxies))
        self._trusted = trusted_proxies
        self._local_hosts = frozenset(name.lower().removesuffix(".") for name in local_hosts)

    def finder(
        self, headers: RawHeaders, find_far_end: Callable[[], FarEnd | None], http_version: str = "1.1"
    ) -> FindPeer:
        """Return the function that finds out who is at the other end; it keeps no more of the headers than it needs.

        Args:
            headers: those of the request.
            find_far_end: asks the system for the socket's other end.
            http_version: "1.0" or "1.1".
        """
        doubt = find_doubt(headers, http_version, self._local_hosts)
        if doubt != BY_PROXY:
            return _DirectFinder(find_far_end, doubt)
        entries = b",".join([value for name, value in headers if name == FORWARDED_FOR]).decode("latin-1")
        return _ProxyFinder(self, find_far_end, _end_of_chain(entries))

    def find_behind_proxy(self, far_end: FarEnd | None, entries: str) -> Peer:
        """Find who asks by way of a proxy that is at the socket's other end, and has written these entries."""
        if far_end is None:
            return _GONE
        host = far_end[0]
        if len(entries) <= _LONGEST_REMEMBERED:
            address, named = self._find_client(host, entries)
        else:
            address, named = find_client(host, entries, self._trusted)
        proxy = Proxy.NAMES
        if not named or not entries.strip(", ") or (host and not self._is_trusted(host)):
            proxy = Proxy.HIDES
        return Peer(address, named, BY_PROXY, proxy, _written(far_end))

    def of_handshake(self, handshake: SocketRequest) -> FindPeer:
        """Return the function that finds out who asks for a socket."""
        return self.finder(handshake.headers, handshake.find_far_end)

    def of_handshake_at_need(self, handshake: SocketRequest) -> FindPeer:
        """Return a function that begins to look only when it is called; it keeps the handshake for as long as it lives.

        For those who ask while the request is judged, if at all: that saves a twentieth of what a connect costs.
        """

        def find() -> Peer:
            return self.of_handshake(handshake)()

        return find

    def of_scope(self, scope: MutableMapping[str, Any]) -> Peer:
        """Find who sends a request, by the scope that ASGI has for it; the scope keeps the answer for who asks next."""
        found: Peer | None = scope.get(_FOUND)
        if found is None:
            client = scope.get("client")
            far_end = None if client is None else (client[0], client[1])
            found = self.finder(scope["headers"], lambda: far_end, scope.get("http_version", "1.1"))()
            scope[_FOUND] = found
        return found


def _is_trusted(far_end: str, trusted: tuple[Network, ...]) -> bool:
    address = parse_address(far_end)
    return address is not None and is_within(address, trusted)


# Each session keeps one of these: as a `partial` it would take three times the memory.
class _DirectFinder:
    """Finds a client that no proxy stands before: a `FindPeer`."""

    __slots__ = ("_doubt", "_find_far_end")

    def __init__(self, find_far_end: Callable[[], FarEnd | None], doubt: str) -> None:
        self._find_far_end = find_far_end
        self._doubt = doubt

    def __call__(self) -> Peer:
        far_end = self._find_far_end()
        if far_end is None:
            return _GONE
        address, is_here = _read_host(far_end[0])
        return Peer(address, doubt=self._doubt if is_here else FROM_AFAR, socket=_written(far_end))


class _ProxyFinder:
    """Finds a client behind a proxy: a `FindPeer`."""

    __slots__ = ("_entries", "_find_far_end", "_peers")

    def __init__(self, peers: Peers, find_far_end: Callable[[], FarEnd | None], entries: str) -> None:
        self._peers = peers
        self._find_far_end = find_far_end
        self._entries = entries

    def __call__(self) -> Peer:
        return self._peers.find_behind_proxy(self._find_far_end(), self._entries)


@lru_cache(maxsize=_HOSTS_REMEMBERED)
def _read_host(host: str) -> tuple[IpAddress | None, bool]:
    """Read a socket's other end: its address, and whether it is on this machine."""
    return parse_address(host), not host or is_loopback(host)


def _written(far_end: FarEnd) -> str:
    host, port = far_end
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}" if host else ""


def find_client(far_end: str, forwarded_for: str, trusted: tuple[Network, ...]) -> tuple[IpAddress | None, bool]:
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
    forwarded_for = _end_of_chain(forwarded_for)
    address = parse_address(far_end)
    hops = [hop for hop in map(str.strip, forwarded_for.split(",")) if hop]
    while hops and (address is None or is_within(address, trusted)):
        hop = parse_address(hops.pop())
        if hop is None:
            return address, False
        address = hop
    return address, address is not None


def _end_of_chain(forwarded_for: str) -> str:
    if len(forwarded_for) <= _LONGEST_CHAIN:
        return forwarded_for
    return forwarded_for[-_LONGEST_CHAIN:].partition(",")[2]  # the first of what is left may be half an address
