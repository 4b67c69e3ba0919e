"""What an operator asks: does it serve, and how is it doing.

Knows one answer each. Must not know where the numbers come from.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oyez.metrics import CONTENT_TYPE, Metrics


class StatusEndpoint:
    """``GET /healthz`` and ``GET /metrics``."""

    def __init__(self, is_serving: Callable[[], bool], metrics: Metrics) -> None:
        self._is_serving = is_serving
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Give the paths."""
        return [Route("/healthz", self._health), Route("/metrics", self._numbers)]

    async def _health(self, _: Request) -> Response:
        if self._is_serving():
            return Response(b'{"status":"ok"}', media_type="application/json")
        return Response(b'{"status":"stopping"}', 503, media_type="application/json")

    async def _numbers(self, _: Request) -> Response:
        return Response(self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})
