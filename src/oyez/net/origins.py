"""Which sites' pages may listen, and which are not this daemon's own.

Knows the Origin header and the answer that a browser wants to it (the Fetch standard's CORS). Must not know paths.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit


class Origins:
    """The setting ``http.allowed_origins``.

    Args:
        allowed: origins such as ``https://judge.example``; ``*`` for all.
    """

    def __init__(self, allowed: Sequence[str] = ("*",)) -> None:
        self._allowed = None if "*" in allowed else frozenset(allowed)

    def allows(self, origin: str | None) -> bool:
        """Tell whether a page may listen; whoever names no origin is no page."""
        return self._allowed is None or origin is None or origin in self._allowed

    def headers(self, origin: str | None) -> dict[str, str]:
        """Give the headers by which a browser lets the page read the answer."""
        if self._allowed is None:
            return {"Access-Control-Allow-Origin": "*"}
        if origin is not None and origin in self._allowed:
            return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        return {}


def is_foreign_page(origin: str | None, host: str | None) -> bool:
    """Tell whether a browser names another site's page; client libraries name the address that they connect to.

    Any other name may have been made to lead here by whoever owns it ("DNS rebinding"), so it has to be an address.
    """
    if origin is None:
        return False
    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
        if name != "localhost":
            ip_address(name)
    except ValueError:
        return True
    return parts.netloc != host
