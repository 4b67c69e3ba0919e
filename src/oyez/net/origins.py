"""Which sites' pages may listen.

Knows the Origin header and the answer that a browser wants to it (the Fetch standard's CORS). Must not know paths.
"""

from collections.abc import Sequence


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
