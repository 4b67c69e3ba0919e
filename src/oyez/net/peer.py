"""Who sends a request: one judgement for all doors.

Knows where sockets and requests say it. Must not know what anyone is allowed to do.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial

from starlette.requests import Request

from oyez.access.peer import (
    FarEnd,
    FindPeer,
    Network,
    Peer,
    Proxy,
    find_client,
    is_loopback,
    is_within,
    parse_address,
)
from oyez.net.http.handshake import Handshake
from oyez.net.locality import BY_PROXY, FORWARDED_FOR, FROM_AFAR, RawHeaders, find_doubt

_GONE = Peer(None, named=False, doubt="its socket is closed", socket="?")


class Peers:
    """How clients are told apart.

    Args:
        trusted_proxies: whose forwarding header is believed.
        local_hosts: names of this machine, besides localhost and its loopback addresses.
    """

    def __init__(self, trusted_proxies: tuple[Network, ...] = (), local_hosts: Sequence[str] = ()) -> None:
        self._trusted = trusted_proxies
        self._local_hosts = frozenset(name.lower().removesuffix(".") for name in local_hosts)

    def finder(
        self, headers: RawHeaders, find_far_end: Callable[[], FarEnd | None], http_version: str = "1.1"
    ) -> FindPeer:
        """Give the function that finds out who is at the other end; it keeps no more of the headers than it needs.

        Args:
            headers: those of the request.
            find_far_end: asks the system for the socket's other end.
            http_version: "1.0" or "1.1".
        """
        doubt = find_doubt(headers, http_version, self._local_hosts)
        if doubt != BY_PROXY:
            return partial(_find_direct, find_far_end, doubt)
        entries = b",".join([value for name, value in headers if name == FORWARDED_FOR]).decode("latin-1")
        return partial(_find_behind_proxy, find_far_end, entries, self._trusted)

    def of_handshake(self, handshake: Handshake) -> FindPeer:
        """Give the function that finds out who asks for a socket."""
        return self.finder(handshake.headers, handshake.find_far_end)

    def of_handshake_at_need(self, handshake: Handshake) -> FindPeer:
        """Give a function that begins to look only when it is called; it keeps the handshake for as long as it lives.

        For those who ask while the request is judged, if at all: that saves a twentieth of what a connect costs.
        """

        def find() -> Peer:
            return self.of_handshake(handshake)()

        return find

    def of_request(self, request: Request) -> Peer:
        """Find who sends a request."""
        client = request.client
        far_end = None if client is None else (client.host, client.port)
        return self.finder(request.headers.raw, lambda: far_end, request.scope.get("http_version", "1.1"))()


def _find_behind_proxy(find_far_end: Callable[[], FarEnd | None], entries: str, trusted: tuple[Network, ...]) -> Peer:
    far_end = find_far_end()
    if far_end is None:
        return _GONE
    address, named = find_client(far_end[0], entries, trusted)
    proxy = Proxy.NAMES
    if not named or not entries.strip(", ") or (far_end[0] and not _is_trusted(far_end[0], trusted)):
        proxy = Proxy.HIDES
    return Peer(address, named, BY_PROXY, proxy, _written(far_end))


def _is_trusted(far_end: str, trusted: tuple[Network, ...]) -> bool:
    address = parse_address(far_end)
    return address is not None and is_within(address, trusted)


def _find_direct(find_far_end: Callable[[], FarEnd | None], doubt: str) -> Peer:
    far_end = find_far_end()
    if far_end is None:
        return _GONE
    if far_end[0] and not is_loopback(far_end[0]):
        doubt = FROM_AFAR
    return Peer(parse_address(far_end[0]), doubt=doubt, socket=_written(far_end))


def _written(far_end: FarEnd) -> str:
    host, port = far_end
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}" if host else ""


def far_end_of(transport: asyncio.BaseTransport) -> FarEnd | None:
    """Ask the system who is at the other end of a socket; None: it is closed already, so nobody can tell any more."""
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        return name[0], name[1]
    own = transport.get_extra_info("socket")
    return ("", 0) if own is not None and own.family == socket.AF_UNIX else None
