"""The HTTP API as a test calls it: with the key, and with a look at what all answers share."""

import json
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.daemon import Daemon
from tests.raw import Answer, request


class Reply(NamedTuple):
    """An answer of the API."""

    status: int
    data: Any
    headers: dict[str, str]

    @property
    def error(self) -> tuple[int, str]:
        assert self.data.keys() == {"code", "message"}
        return self.status, self.data["code"]


def read(answer: Answer) -> Reply:
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return Reply(answer.status, json.loads(answer.body), answer.headers)


def call(daemon: Daemon, method: str, path: str, body: object = None, **headers: str) -> Reply:
    data = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
    return read(request(daemon.port, method, f"/api/{path}", data, Authorization=f"Bearer {daemon.key}", **headers))


def publish(daemon: Daemon, body: object, **headers: str) -> Any:
    reply = call(daemon, "POST", "publish", body, **headers)
    assert reply.status == 200, reply
    return reply.data


def history(daemon: Daemon, channel: str, query: str = "") -> Any:
    reply = call(daemon, "GET", f"channels/{quote(channel.encode('utf-8', 'surrogatepass'), safe='')}/history{query}")
    assert reply.status == 200, reply
    return reply.data
