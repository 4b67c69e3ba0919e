"""What is a back end told while the store is down?"""

import asyncio
import json
import time
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from oyez.brokers.memory import MemoryBroker
from oyez.endpoints.api.routes import ApiEndpoint
from oyez.errors import BrokerError
from oyez.hub.broker import Settle
from oyez.hub.history import History
from oyez.hub.hub import Hub
from oyez.hub.publication import Post
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from oyez.net.ticker import Ticker
from oyez.notes import Notes
from tests.fakes import check_of, context_of


class BrokenBroker(MemoryBroker):
    """A store that takes nothing."""

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        settle(BrokerError("The store is down", temporary=True))


async def nothing_to_read() -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (), ()


def post(body: bytes, **headers: str) -> tuple[Response, Notes]:
    """Let an endpoint in front of a broken store answer a request to publish."""
    hub = Hub(
        BrokenBroker(),
        History(HistorySettings(size=9, ttl_s=9, max_bytes=2**20, max_channels=9)),
        call_soon=lambda _: None,
        call_later=lambda *_: None,
        clock=time.monotonic,
    )
    notes = Notes()
    limits = LimitSettings(max_sender_message_bytes=1000, max_batch_events=10, max_batch_bytes=5000, body_timeout_s=1)
    context = context_of(hub, notes, limits=limits)
    endpoint = ApiEndpoint(context, check_of(notes, Ticker()), "1", nothing_to_read)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    fields = {"authorization": "Bearer key"} | headers
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/publish",
        "raw_path": b"/api/publish",
        "query_string": b"",
        "client": ("127.0.0.1", 5),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()],
    }
    return asyncio.run(endpoint.answer(Request(scope, receive))), notes


@pytest.mark.parametrize(
    "body", ['{"channel":"a","key":"k"}', '{"channels":["a","b"]}', '{"events":[{"channel":"a"}]}']
)
def test_it_is_told_to_try_again(body: str) -> None:
    response, notes = post(body.encode(), idempotency_key="k")
    assert json.loads(bytes(response.body)) == {"code": "unavailable", "message": "The store is down"}
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert not notes.counts  # that is nothing that peers do wrong


def test_nothing_to_post_needs_no_store() -> None:
    response, _ = post(b'{"events":[]}')
    assert (response.status_code, bytes(response.body)) == (200, b'{"ids":[],"listeners":[]}')
