"""What an origin is, and which settings can match one.

Knows RFC 6454 and the forms that browsers bring hosts into (URL standard, "host parsing"). Must not know who is let in.
"""

import ipaddress
import re
from typing import NamedTuple

ANY = "*"
OPAQUE = "null"
"""What browsers call the origin of a page that has none: a file, a sandboxed frame."""

_WILDCARD = "*."
_FORM = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[^\[\]/?#@]*\]|[^:\[\]/?#@]*)(?::(?P<port>[0-9]*))?/?")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OF_SOCKETS = {"ws": "http", "wss": "https"}
_OPAQUE_CURE = f'"{OPAQUE}", which is what browsers send for such a page'
_WITHOUT_ORIGIN = ("file", "data", "blob", "about", "javascript")
# Browsers keep these letters (UTS 46); the older rules that Python knows would write others for them.
_AMBIGUOUS = frozenset("\u00df\u03c2\u200c\u200d")
LONGEST = 300  # a host has 253 characters at most


class Origin(NamedTuple):
    """An origin in the one form that it is compared in."""

    scheme: str
    host: str
    port: int | None
    """None: the scheme's own."""

    def is_below(self, other: "Origin") -> bool:
        """Tell whether this is a subdomain of the other, by the same scheme and port."""
        return (self.scheme, self.port) == (other.scheme, other.port) and self.host.endswith("." + other.host)


def parse_origin(text: str) -> Origin:
    """Read an origin, as a browser sends it or as a person writes it.

    Raises:
        ValueError: it can be none; the words say what would be right.
    """
    match = _FORM.fullmatch(text.lower()) if len(text) <= LONGEST else None
    if match is None:
        raise ValueError(_cure(text))
    scheme = match["scheme"]
    if scheme in _OF_SOCKETS:
        raise ValueError(f"the page's own address: {_OF_SOCKETS[scheme]}://{match['host']}")
    if scheme in _WITHOUT_ORIGIN:
        raise ValueError(_OPAQUE_CURE)
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65_535:
        raise ValueError("a port from 1 to 65535")
    return Origin(scheme, _parse_host(match["host"]), None if port == _DEFAULT_PORTS.get(scheme) else port)


def parse_pattern(text: str) -> tuple[Origin, bool]:
    """Read an origin, or ``https://*.judge.example``; gives it, and whether its subdomains are meant.

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
    """Say what would be right instead of this entry of a list of origins; nothing when it can match."""
    if text in (ANY, OPAQUE):
        return ""
    try:
        parse_pattern(text)
    except ValueError as error:
        return str(error)
    return ""


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
        return f"an origin without a path: {scheme}://{host}"[:LONGEST]
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
