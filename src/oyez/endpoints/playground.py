"""The page at ``/`` in development mode: post an event, see it arrive.

Knows one page. It holds the key in clear text, so it exists in development mode only.
"""

from collections.abc import Sequence
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

_PLACEHOLDER = "/*SETTINGS*/null"

# Should a message ever get out of its text, it could load and reach nothing; and no other page may frame this one.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PlaygroundEndpoint:
    """``GET /``.

    Args:
        key: what the page posts with.
        socketio_path: where it listens by Socket.IO.
        websocket_paths: where it may listen by a raw WebSocket; without any, it does not offer that.
    """

    def __init__(self, key: str, socketio_path: str, websocket_paths: Sequence[str]) -> None:
        page = files("oyez.static").joinpath("playground.html").read_text(encoding="utf-8")
        settings = {"key": key, "socketio": socketio_path, "websocket": next(iter(websocket_paths), None)}
        self._page = page.replace(_PLACEHOLDER, msgspec.json.encode(settings).decode().replace("<", "\\u003c"))

    def routes(self) -> list[Route]:
        """Give the path."""
        return [Route("/", self._show)]

    async def _show(self, _: Request) -> HTMLResponse:
        return HTMLResponse(self._page, headers={"Cache-Control": "no-store", "Content-Security-Policy": _POLICY})
