"""The browser client's files, for pages that load them from the daemon.

Knows files and how long a browser may keep them. Must not know what is in them.
"""

import gzip
import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oyez.access.origins import Origins
from oyez.net.http.preflight import answer_preflight
from oyez.wire import http_fields

_TYPES = {
    "event.js": "text/javascript; charset=utf-8",
    "event.mjs": "text/javascript; charset=utf-8",
    "event-extras.js": "text/javascript; charset=utf-8",
    "event.d.ts": "application/typescript; charset=utf-8",
    "event.d.mts": "application/typescript; charset=utf-8",
}

# Not by `importlib.resources`, which takes a fiftieth of a start.
_FOLDER = Path(__file__).parents[1] / "browser"

# Kept, but asked for each time: the script and the daemon go together, and "not modified" is a small answer.
_CACHE_CONTROL = "no-cache"


class ScriptEndpoint:
    """``GET /event.js`` and the files beside it.

    Args:
        origins: whose pages may load them as modules.
        below: a path below which they are as well, for proxies that pass on nothing else; it ends in a slash.
    """

    def __init__(self, origins: Origins, below: str) -> None:
        self._files = {name: _File((_FOLDER / name).read_bytes(), kind) for name, kind in _TYPES.items()}
        self._origins = origins
        self._below = below

    def routes(self) -> list[Route]:
        """Return a route for each file at each of its paths."""
        paths = [prefix + name for prefix in ("/", self._below) for name in _TYPES]
        return [Route(path, self._show, methods=["GET", "HEAD", "OPTIONS"]) for path in paths]

    async def _show(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return answer_preflight(request, self._origins, "GET,HEAD")
        file = self._files[request.scope["path"].rpartition("/")[2]]
        headers = self._origins.headers(request.headers.get("Origin"))
        vary = ", ".join(filter(None, ("Accept-Encoding", headers.get("Vary"))))
        headers |= {
            "Cache-Control": _CACHE_CONTROL,
            "ETag": file.tag,
            "Vary": vary,
            "X-Content-Type-Options": "nosniff",
        }
        if http_fields.names_tag(file.tag, *request.headers.getlist("If-None-Match")):
            return Response(status_code=304, headers=headers)
        if http_fields.prefers_gzip(*request.headers.getlist("Accept-Encoding")):
            return Response(file.packed, media_type=file.kind, headers=headers | {"Content-Encoding": "gzip"})
        return Response(file.content, media_type=file.kind, headers=headers)


class _File:
    """One file, packed once for all: better than the daemon packs what it answers."""

    def __init__(self, content: bytes, kind: str) -> None:
        self.content = content
        self.kind = kind
        self.packed = gzip.compress(content, 9, mtime=0)
        self.tag = f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'
