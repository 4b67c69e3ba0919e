"""What an origin is, and which sites' pages may listen: the setting ``http.allowed_origins``.

Knows RFC 6454, the forms that browsers bring hosts into (URL standard, "host parsing"), and the headers by which they
let pages read an answer (Fetch standard, CORS). Must not know requests.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from oyez.wire.authority import split_authority

ANY = "*"
OPAQUE = "null"
"""What browsers call the origin of a page that has none: a file, a sandboxed frame."""

_WILDCARD = "*."
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OF_SOCKETS = {"ws": "http", "wss": "https"}
_OPAQUE_CURE = f'"{OPAQUE}", which is what browsers send for such a page'
_WITHOUT_ORIGIN = ("file", "data", "blob", "about", "javascript")
# Browsers keep these letters (UTS 46); the older rules that Python knows would write others for them.
_AMBIGUOUS = frozenset("\u00df\u03c2\u200c\u200d")
_LONGEST = 300  # a host has 253 characters at most

# Handshakes and polls of one site's pages all name the same. Anybody can name others: 400 bytes each.
_REMEMBERED = 128


class Origin(NamedTuple):
    """An origin in the one form that it is compared in."""

    scheme: str
    host: str
    port: int | None
    """None: the scheme's own."""

    def is_below(self, other: "Origin") -> bool:
        """Return whether this is a subdomain of the other, by the same scheme and port."""
        return (self.scheme, self.port) == (other.scheme, other.port) and self.host.endswith("." + other.host)


def parse_origin(text: str) -> Origin:
    """Read an origin, as a browser sends it or as a person writes it.

    Raises:
        ValueError: it can be none; the words say what would be right.
    """
    scheme, separator, rest = text.lower().partition("://")
    halves = split_authority(rest.removesuffix("/"))
    if len(text) > _LONGEST or not separator or not _SCHEME.fullmatch(scheme) or halves is None:
        raise ValueError(_cure(text))
    host, digits = halves
    if scheme in _OF_SOCKETS:
        raise ValueError(f"the page's own address: {_OF_SOCKETS[scheme]}://{host}")
    if scheme in _WITHOUT_ORIGIN:
        raise ValueError(_OPAQUE_CURE)
    port = int(digits) if digits else None
    if port is not None and not 1 <= port <= 65_535:
        raise ValueError("a port from 1 to 65535")
    return Origin(scheme, _parse_host(host), None if port == _DEFAULT_PORTS.get(scheme) else port)


def parse_pattern(text: str) -> tuple[Origin, bool]:
    """Read an origin, or ``https://*.judge.example``; returns it, and whether its subdomains are meant.

    Raises:
        ValueError: no origin can match it; the words say what would be right.
    """
    scheme, separator, rest = text.partition("://")
    is_below = rest.startswith(_WILDCARD)
    origin = parse_origin(scheme + separator + rest.removeprefix(_WILDCARD))
    if is_below and _is_address(origin.host):
        raise ValueError("an address without a star: only names have subdomains")
    return origin, is_below


def problem_of_pattern(text: str) -> str:
    """Return what would be right instead of this entry of a list of origins; nothing when it can match."""
    if text in (ANY, OPAQUE):
        return ""
    try:
        parse_pattern(text)
    except ValueError as error:
        return str(error)
    return ""


class Origins:
    """The setting ``http.allowed_origins``.

    Pages of a site that is named may send credentials (cookies, which a proxy before the daemon may want) and read the
    answer. Those of others, which ``*`` lets in, may send none: a visitor's cookies would serve any page. The same goes
    for ``null``, which any page can make itself.

    Args:
        allowed: origins such as ``https://judge.example`` or ``https://*.judge.example``; ``null``; ``*`` for all.

    Raises:
        ValueError: an entry that no origin can match.
    """

    def __init__(self, allowed: Sequence[str] = (ANY,)) -> None:
        self.change(allowed)

    def change(self, allowed: Sequence[str]) -> None:
        """Let pages of other sites listen from now on; the argument is the class's. Raises ValueError as it does."""
        self._any = ANY in allowed
        self._opaque = OPAQUE in allowed
        patterns = [parse_pattern(entry) for entry in allowed if entry not in (ANY, OPAQUE)]
        self._exact = frozenset(origin for origin, is_below in patterns if not is_below)
        self._above = tuple(origin for origin, is_below in patterns if is_below)
        self._for_all = self._any and not patterns  # then no answer depends on who asks
        self._remembered = lru_cache(_REMEMBERED)(self._find)

    def _find(self, origin: str) -> bool:
        try:
            parsed = parse_origin(origin)
        except ValueError:
            return False
        return parsed in self._exact or any(map(parsed.is_below, self._above))

    def names(self, origin: str | None) -> bool:
        """Return whether a page's origin is named, itself or by a star before it."""
        return not self._for_all and origin is not None and len(origin) <= _LONGEST and self._remembered(origin)

    def allows(self, origin: str | None) -> bool:
        """Return whether a page may listen; whoever names no origin is no page."""
        return self._any or origin is None or (self._opaque and origin == OPAQUE) or self.names(origin)

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the headers by which a browser lets the page read the answer."""
        if self._for_all:
            return {"Access-Control-Allow-Origin": ANY}
        if origin is not None and self.names(origin):
            return {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Credentials": "true",
                "Vary": "Origin",
            }
        if self._any:
            return {"Access-Control-Allow-Origin": ANY, "Vary": "Origin"}
        if self._opaque and origin == OPAQUE:
            return {"Access-Control-Allow-Origin": OPAQUE, "Vary": "Origin"}
        return {"Vary": "Origin"}


def _cure(text: str) -> str:
    stripped = text.strip()
    if stripped.lower() == OPAQUE or stripped == ANY:
        return f'"{stripped.lower()}", just so'
    if stripped != text:
        return "an origin without space around it"
    scheme, separator, rest = text.partition("://")
    if not separator:
        return f"an origin with its scheme, such as https://{text.partition('/')[0][:100] or 'judge.example'}"
    if scheme.lower() in _WITHOUT_ORIGIN:
        return _OPAQUE_CURE
    if "@" in rest:
        return "an origin without a user's name"
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if host != rest and host:
        return f"an origin without a path: {scheme}://{host}"[:_LONGEST]
    return "an origin, such as https://judge.example or https://*.judge.example"


def _parse_host(text: str) -> str:
    if text.startswith("["):
        try:
            address = ipaddress.IPv6Address(text[1:-1])
            if address.scope_id is None:
                return f"[{address}]"
        except ValueError:
            pass
        raise ValueError("an IPv6 address in brackets, without a zone, such as http://[::1]:8000")
    name = _to_ascii(text.removesuffix("."))
    labels = name.split(".")
    if ANY in name:
        raise ValueError("a star for whole subdomains in front, such as https://*.judge.example")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("a host's name, such as https://judge.example")
    if labels[-1].isdigit() or re.fullmatch("0x[0-9a-f]*", labels[-1]):  # URL standard, "ends in a number"
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError as error:
            raise ValueError("an IPv4 address of four numbers, such as http://127.0.0.1:8000") from error
    return name


def _to_ascii(name: str) -> str:
    """Write a name in the letters that browsers send."""
    if name.isascii():
        return name
    try:
        if _AMBIGUOUS.isdisjoint(name):
            return name.encode("idna").decode().lower()
    except UnicodeError:
        pass
    raise ValueError("the name as browsers send it, such as https://xn--bcher-kva.example")


def _is_address(host: str) -> bool:
    return host.startswith("[") or host.rpartition(".")[2].isdigit()
