"""Which sites' pages may listen, and what every door answers to browsers about it: the one place for CORS.

Knows the Origin header and the headers of the Fetch standard's CORS protocol. Must not know paths.
"""

from collections.abc import Sequence
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from oyez.access.origins import ANY, LONGEST, OPAQUE, parse_origin, parse_pattern
from oyez.wire import http_fields

# How long a browser remembers that it may ask, in seconds.
_MAX_AGE_S = 600

# Handshakes and polls of one site's pages all name the same.
_REMEMBERED = 1024


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
        self._any = ANY in allowed
        self._opaque = OPAQUE in allowed
        patterns = [parse_pattern(entry) for entry in allowed if entry not in (ANY, OPAQUE)]
        self._exact = frozenset(origin for origin, is_below in patterns if not is_below)
        self._above = tuple(origin for origin, is_below in patterns if is_below)
        self._for_all = self._any and not patterns  # then no answer depends on who asks
        self._names = lru_cache(_REMEMBERED)(self._find)

    def _find(self, origin: str) -> bool:
        try:
            parsed = parse_origin(origin)
        except ValueError:
            return False
        return parsed in self._exact or any(map(parsed.is_below, self._above))

    def _is_named(self, origin: str | None) -> bool:
        return not self._for_all and origin is not None and len(origin) <= LONGEST and self._names(origin)

    def allows(self, origin: str | None) -> bool:
        """Tell whether a page may listen; whoever names no origin is no page."""
        return self._any or origin is None or (self._opaque and origin == OPAQUE) or self._is_named(origin)

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the headers by which a browser lets the page read the answer."""
        if self._for_all:
            return {"Access-Control-Allow-Origin": ANY}
        if origin is not None and self._is_named(origin):
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

    def preflight(self, request: Request, methods: str) -> Response:
        """Answer a browser that asks before it sends what a page alone may not (Fetch standard, "CORS-preflight").

        Args:
            request: an OPTIONS; from another client it gets the same answer.
            methods: those that the door takes, such as ``GET,POST``.
        """
        origin = request.headers.get("Origin")
        headers = {"Allow": f"{methods},OPTIONS", **self.headers(origin)}
        if not self.allows(origin):
            return Response(status_code=403, headers=headers)
        headers["Access-Control-Allow-Methods"] = methods
        headers["Access-Control-Max-Age"] = str(_MAX_AGE_S)
        headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), "Access-Control-Request-Headers")))
        asked = request.headers.get("Access-Control-Request-Headers", "")
        if asked and all(map(http_fields.is_token, http_fields.elements(asked))):
            headers["Access-Control-Allow-Headers"] = asked
        if self._is_named(origin) and request.headers.get("Access-Control-Request-Private-Network") == "true":
            headers["Access-Control-Allow-Private-Network"] = "true"
        return Response(status_code=204, headers=headers)
