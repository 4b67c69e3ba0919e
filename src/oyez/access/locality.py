"""Whether a request was made on this machine: proved by what is in it, not inferred from what is missing.

Knows how the headers of proxies, browsers and back ends differ. Must not know what a local request may do.

A socket from this machine proves little: a proxy here, and a browser that shows somebody's page, have such sockets too.
Where no key is asked for, or one that everybody knows, a request therefore has to name this machine as its host, as a
program does that was told to connect here; and nothing in it may be a proxy's work, or a page's of another site.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from oyez.access.ip_addresses import is_loopback
from oyez.wire.authority import split_authority

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values."""

FORWARDED_FOR = b"x-forwarded-for"

_PROXY_HEADERS = frozenset(
    name.encode()
    for name in (
        "via", "x-original-host", "x-scheme", "x-real-ip", "x-remote-ip", "x-remote-addr", "x-client-ip", "client-ip",
        "proxy-client-ip", "wl-proxy-client-ip", "x-proxyuser-ip", "x-originating-ip", "x-cluster-client-ip",
        "x-nginx-proxy", "true-client-ip", "cf-connecting-ip", "cf-ray", "cf-visitor", "cdn-loop", "fastly-client-ip",
        "fly-client-ip", "x-azure-clientip", "x-azure-socketip", "x-envoy-external-address", "x-appengine-user-ip",
    )
)  # fmt: skip

# Forwarded, X-Forwarded-For, some twenty companions of that, and misspellings: whatever has this in its name.
_FORWARD = b"forward"

# Who connects to these connects to the own machine.
_ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - nothing listens here
_LAST_PORT = 65_535
_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

# What a request says once, or means to deceive.
_SINGLE = frozenset((b"host", b"origin", b"referer", b"sec-fetch-site"))

# Names have 253 characters at most (RFC 1035 §3.1), and what is remembered has to have a bound.
_LONGEST_HOST = 260
_LONGEST_PAGE = 300

# What sites have nginx say upstream of each request. Others write it with a capital, or name the host first.
_CONNECTION_BY_NGINX = (b"upgrade", b"close")

# What a browser says of where a page comes from that asks (Fetch Metadata Request Headers §2.4).
_OTHER_SITES = (b"cross-site", b"same-site")

BY_PROXY = "it came through a proxy"
BY_PAGE = "it came from a page of another site"
WITHOUT_HOST = "its header Host does not name this machine, as localhost or one of auth.local_hosts does"
REPEATED = "it has a header twice that may be there once"
FROM_AFAR = "it came over the network, not over loopback"


def find_doubt(headers: RawHeaders, http_version: str, local_hosts: frozenset[str]) -> str:
    """Return what speaks against a request's having been made here, by its headers, in words; empty: nothing.

    Args:
        headers: those of one request.
        http_version: nginx asks in HTTP/1.0 unless it is told otherwise; back ends have not for twenty years.
        local_hosts: names of this machine besides localhost, in lower case.
    """
    found = dict(headers)
    if http_version == "1.0" or not _PROXY_HEADERS.isdisjoint(found) or _FORWARD in b" ".join(found):
        return BY_PROXY
    connection, host = found.get(b"connection", b""), found.get(b"host", b"")
    if connection.lower() in _CONNECTION_BY_NGINX and _is_nginx(connection, found):
        return BY_PROXY
    if len(host) > _LONGEST_HOST:
        return WITHOUT_HOST
    if len(found) < len(headers) and not _SINGLE.isdisjoint(_repeated(headers)):
        return REPEATED
    pages = _cut(found.get(b"origin")), _cut(found.get(b"referer"))
    return _judge(host, pages, found.get(b"sec-fetch-site") in _OTHER_SITES, local_hosts)


@lru_cache(maxsize=128)  # most requests say the same; what others make up takes a KB each
def _judge(
    host: bytes, pages: tuple[bytes | None, bytes | None], is_other_site: bool, local_hosts: frozenset[str]
) -> str:
    if not is_local_host(host, local_hosts):
        return WITHOUT_HOST
    is_foreign = is_other_site or not all(_is_of_host(page, host) for page in pages if page is not None)
    return BY_PAGE if is_foreign else ""


def _cut(page: bytes | None) -> bytes | None:
    return None if page is None else page[:_LONGEST_PAGE]


def is_local_host(host: bytes, local_hosts: frozenset[str]) -> bool:
    """Return whether a Host header names this machine: by an address that only it reaches, or by a name of its own.

    Any other name may have been made to lead here by whoever owns it ("DNS rebinding"), and any other address may be
    the one that a proxy is known by.
    """
    parsed = _parse_authority("http", host.decode("latin-1"))
    if parsed is None:
        return False
    name = parsed[0]
    return is_loopback(name) or name in local_hosts or name in _ANY_ADDRESS


def _is_of_host(url: bytes, host: bytes) -> bool:
    """Return whether a page's URL or origin is that of the host that it asks; client libraries name the host itself."""
    scheme, _, rest = url.decode("latin-1").partition("://")
    if scheme.lower() not in _DEFAULT_PORTS:
        return False  # "null", for one: a page in a sandbox, or out of a file
    try:
        authority = urlsplit(f"//{rest}").netloc
    except ValueError:
        return False
    page = _parse_authority(scheme.lower(), authority)
    return page is not None and page == _parse_authority(scheme.lower(), host.decode("latin-1"))


def _parse_authority(scheme: str, text: str) -> tuple[str, int] | None:
    """Read ``host:port``; None: it is none. A name is returned in lower case, without the root's dot."""
    host, digits = split_authority(text) or ("", "")
    name = host.lower()
    if host.startswith("["):
        try:
            name = str(ip_address(name[1:-1].partition("%")[0]))
        except ValueError:
            return None
    port = int(digits) if digits else _DEFAULT_PORTS[scheme]
    return (name.removesuffix("."), port) if name and port <= _LAST_PORT else None


def _is_nginx(connection: bytes, found: Mapping[bytes, bytes]) -> bool:
    """Recognise what nginx sends upstream by the lines that sites have for WebSockets.

    Some say ``upgrade`` also of a request that asks for none; and what is configured comes ahead of Host, which is not.
    """
    if connection.lower() == b"upgrade" and b"upgrade" not in found:
        return True
    if connection not in _CONNECTION_BY_NGINX or b"host" not in found:
        return False
    names = list(found)
    return names.index(b"connection") < names.index(b"host")


def _repeated(headers: RawHeaders) -> Iterator[bytes]:
    """Return the names that come once more."""
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen:
            yield name
        seen.add(name)
