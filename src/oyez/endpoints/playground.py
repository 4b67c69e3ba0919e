"""The page at ``/`` in development mode: post an event, see it arrive.

Knows one page and the files that it is made of. It may hold the key in clear text, so it exists in development mode
only. Must not know what makes a request one of this machine.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oyez.access.peer import Peers

_PAGE = "index.html"
_SETTINGS = '<script type="application/json" id="settings">null'
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

# Should a message ever get out of its text, it could load and reach nothing; and no other page may frame this one.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PlaygroundEndpoint:
    """``GET /`` and the files below ``/playground/``.

    Args:
        find_key: returns what the page posts with, where it is shown on this machine; elsewhere it asks the person for
            the key.
        peers: finds out whether a request comes from this machine.
        socketio_path: where it listens by Socket.IO.
        websocket_paths: where it may listen by a raw WebSocket; without any, it does not offer that.
    """

    def __init__(
        self, find_key: Callable[[], str], peers: Peers, socketio_path: str, websocket_paths: Sequence[str]
    ) -> None:
        self._peers = peers
        folder = Path(__file__).parents[1] / "browser" / "playground"
        self._files = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
        self._find_key = find_key
        self._page = self._files.pop(_PAGE)
        self._settings = {"socketio": socketio_path, "websocket": next(iter(websocket_paths), None)}

    def routes(self) -> list[Route]:
        """Return a route for the page and one for each of its files."""
        return [Route("/", self._show_page), *(Route(f"/playground/{name}", self._show_file) for name in self._files)]

    async def _show_page(self, request: Request) -> Response:
        is_here = self._peers.of_scope(request.scope).local
        return _answer(_PAGE, _fill(self._page, {"key": self._find_key() if is_here else None, **self._settings}))

    async def _show_file(self, request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        return _answer(name, self._files[name])


def _fill(page: str, settings: Mapping[str, str | None]) -> str:
    """Write the settings into the page as JSON; ``<`` is escaped, so that nothing in them ends the element."""
    text = msgspec.json.encode(settings).decode().replace("<", "\\u003c")
    return page.replace(_SETTINGS, _SETTINGS.removesuffix("null") + text)


def _answer(name: str, content: str) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=_TYPES[name[name.rindex(".") :]], headers=headers)
