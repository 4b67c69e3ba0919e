"""What an operator asks: does it serve, and how is it doing.

Knows one answer each. Must not know where the numbers come from.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oyez.access.shares import Shares
from oyez.metrics import Metrics
from oyez.net.http.direct import SHORT_PATIENCE_S, AnswerBody, DirectDoor, DirectRequest, Respond


class StatusEndpoint:
    """``GET /healthz`` and ``GET /metrics``.

    Args:
        is_serving: whether ``/healthz`` answers 200 ``{"status":"ok"}``, or 503 ``{"status":"stopping"}``.
        metrics: what ``/metrics`` shows.
    """

    def __init__(self, is_serving: Callable[[], bool], metrics: Metrics) -> None:
        self._is_serving = is_serving
        self._metrics = metrics

    def direct_doors(self, shares: Shares) -> dict[tuple[bytes, bytes], DirectDoor]:
        """Return who answers ``/healthz`` directly: requests that are not paced, since they are of no share."""
        return {(b"GET", b"/healthz"): _DirectHealth(self._tell_health, shares)}

    def routes(self) -> list[Route]:
        """Return a route for each of the two."""
        return [Route("/healthz", self._health), Route("/metrics", self._numbers)]

    async def _health(self, _: Request) -> Response:
        status, body = self._tell_health()
        return Response(body, status, media_type="application/json")

    def _tell_health(self) -> tuple[int, bytes]:
        return (200, b'{"status":"ok"}') if self._is_serving() else (503, b'{"status":"stopping"}')

    async def _numbers(self, _: Request) -> Response:
        from oyez.metrics_text import CONTENT_TYPE, render  # noqa: PLC0415 - a twentieth of the time of a start

        return Response(render(self._metrics.read()), headers={"Content-Type": CONTENT_TYPE})


class _DirectHealth:
    """Answers whether the daemon serves to whoever is held to no pace, as proxies on this machine are."""

    max_bytes = 0
    patience_s = SHORT_PATIENCE_S

    def __init__(self, tell: Callable[[], tuple[int, bytes]], shares: Shares) -> None:
        self._tell = tell
        self._shares = shares

    def judge(self, request: DirectRequest) -> AnswerBody | None:
        """Return what answers, unless the address is one whose requests are counted."""
        return self._answer if self._shares.of_peer(request.peer) is None else None

    def _answer(self, _: bytes, respond: Respond) -> bool:
        status, body = self._tell()
        respond(status, b"content-type: application/json\r\n", body)
        return True
