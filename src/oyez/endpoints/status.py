"""What an operator asks: does it serve, and how is it doing.

Knows one answer each. Must not know where the numbers come from.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oyez.metrics import CONTENT_TYPE, Metrics


class StatusEndpoint:
    """``GET /healthz`` and ``GET /metrics``.

    Args:
        is_serving: whether ``/healthz`` answers 200 ``{"status":"ok"}``, or 503 ``{"status":"stopping"}``.
        metrics: what ``/metrics`` shows.
    """

    def __init__(self, is_serving: Callable[[], bool], metrics: Metrics) -> None:
        self._is_serving = is_serving
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Return a route for each of the two."""
        return [Route("/healthz", self._health), Route("/metrics", self._numbers)]

    async def _health(self, _: Request) -> Response:
        if self._is_serving():
            return Response(b'{"status":"ok"}', media_type="application/json")
        return Response(b'{"status":"stopping"}', 503, media_type="application/json")

    async def _numbers(self, _: Request) -> Response:
        return Response(self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})
