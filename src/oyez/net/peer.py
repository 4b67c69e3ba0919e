"""Who sends an HTTP request.

Knows where a request says it. Must not know what anyone is allowed to do.
"""

from starlette.requests import Request

from oyez.address import PROXY_HEADERS, Network, Peer, find_peer


def peer_of(request: Request, trusted: tuple[Network, ...]) -> Peer:
    """Find the client behind a request; ``trusted`` are the proxies whose forwarding header is believed."""
    client = request.client.host if request.client is not None else ""
    forwarded = None
    if not PROXY_HEADERS.isdisjoint(request.headers):
        forwarded = ",".join(request.headers.getlist("X-Forwarded-For"))
    return find_peer(client, forwarded, trusted)
