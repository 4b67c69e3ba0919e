"""One request to an ASGI application, without a server."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message

from oyez.net.http.middleware import IS_KEPT

Fields = Sequence[tuple[str, str]]


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Headers
    body: bytes


def ask(app: ASGIApp, method: str, path: str, fields: Fields = (), *, is_kept: bool = True, client: str = "") -> Answer:
    """Send a request without a body, and wait for the whole answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in fields],
        "client": (client, 0),
        IS_KEPT: lambda: is_kept,
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    body = b"".join(message["body"] for message in sent[1:])
    return Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), body)
