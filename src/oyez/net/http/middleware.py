"""What is done before any door, and to every answer: codings, OPTIONS for the server as a whole, Keep-Alive.

Knows header fields. Must not know the paths, nor what is behind them.
"""

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oyez.access.origins import Origins
from oyez.net.http.settings import HttpSettings
from oyez.wire import http_fields
from oyez.wire.http_target import ASTERISK

IS_KEPT = "oyez.is_kept"
"""What a scope has besides ASGI's own: the function that returns whether the connection outlives the answer."""


class HttpMiddleware:
    """The outermost part of every HTTP application.

    Args:
        app: what is behind it.
        settings: how long a connection is kept for another request, as clients are told.
        origins: whose pages may read why a request is refused here.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings, origins: Origins) -> None:
        self._app = app
        self._origins = origins
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request here, or pass it on and add to the head of its answer."""
        headers = Headers(scope=scope)
        answer = _judge(scope, headers)
        if answer is not None:
            answer.headers.update(self._origins.headers(headers.get("Origin")))
        if "accept-encoding" in headers:
            _simplify_accept_encoding(scope, headers)
        is_kept: Callable[[], bool] = scope[IS_KEPT]

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                if is_kept() and "close" not in http_fields.lower_elements(*answered.getlist("Connection")):
                    answered["Keep-Alive"] = f"timeout={int(self._settings.keep_alive_s)}"
            await send(message)

        await (answer or self._app)(scope, receive, send_on)


def _judge(scope: Scope, headers: Headers) -> Response | None:
    """Return the answer to a request that is for no door; None: it is for one."""
    if scope["path"] == ASTERISK.decode():  # RFC 9110 §9.3.7: a question whether somebody is there
        return Response(status_code=204, headers={"Allow": "GET, HEAD, OPTIONS, POST"})
    if http_fields.lower_elements(*headers.getlist("Transfer-Encoding")) not in ([], ["chunked"]):  # RFC 9112 §6.1
        return _coding("The only transfer coding is chunked", 501)
    if http_fields.lower_elements(*headers.getlist("Content-Encoding")) not in ([], ["identity"]):  # RFC 9110 §15.5.16
        return _coding("A body is taken as it is, without a coding", 415, {"Accept-Encoding": "identity"})
    return None


def _coding(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """Answer ``{"code": "unsupported-coding", "message": …}``."""
    return JSONResponse({"code": "unsupported-coding", "message": message}, status, headers)


def _simplify_accept_encoding(scope: Scope, headers: Headers) -> None:
    """Weigh what is accepted (RFC 9110 §12.5.3) once, for all who compress: they look for the word gzip alone."""
    coding = b"gzip" if http_fields.prefers_gzip(*headers.getlist("Accept-Encoding")) else b"identity"
    others = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    scope["headers"] = [*others, (b"accept-encoding", coding)]
