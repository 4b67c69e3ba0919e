"""The ways in for posters, each behind one method: post to a channel, get the events as listeners should."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from tests.daemon import KEY, Daemon
from tests.integration.dialects import KeptConnection, RawPoster, post_port
from tests.integration.links import Poller, Sender

Events = list[dict[str, Any]]


class Poster(Protocol):
    """One that may post."""

    def post(self, channel: str, *messages: object) -> Events: ...


class PollingSender:
    """Socket.IO on polling, with an acknowledgement for each post."""

    def __init__(self, port: int) -> None:
        self._poller = Poller(port, {"role": "sender", "token": KEY})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open between two requests."""

    def post(self, channel: str, *messages: object) -> Events:
        events = [{"channel": channel, "message": message} for message in messages]
        packets = [f"42{n}{json.dumps(['post', event])}" for n, event in enumerate(events)]
        assert self._poller.post(*packets).error == (200, "ok")
        acks: list[str] = []
        while len(acks) < len(events):
            acks += self._poller.packets()
        return [{"id": json.loads(ack[len(f"43{n}") :])[0]["id"], **events[n]} for n, ack in enumerate(acks)]


class ApiPoster:
    """The HTTP API, a request for each event."""

    def __init__(self, port: int) -> None:
        self._http = KeptConnection(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.drop()

    def publish(self, body: object) -> Any:
        self._http.ask("POST", "/api/publish", json.dumps(body).encode(), Authorization=f"Bearer {KEY}")
        answer = self._http.answer()
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def post(self, channel: str, *messages: object) -> Events:
        events = [{"channel": channel, "message": message} for message in messages]
        return [{"id": self.publish(event)["id"], **event} for event in events]


class BatchPoster(ApiPoster):
    """The HTTP API, all events in one request."""

    def post(self, channel: str, *messages: object) -> Events:
        events = [{"channel": channel, "message": message} for message in messages]
        ids = self.publish({"events": events})["ids"]
        return [{"id": event_id, **event} for event_id, event in zip(ids, events, strict=True)]


class ManyChannelsPoster(ApiPoster):
    """The HTTP API, one message for several channels; the others are nobody's."""

    def post(self, channel: str, *messages: object) -> Events:
        asked = [{"channels": ["nobody's", channel, "nobody's"], "message": message} for message in messages]
        return [{"id": self.publish(body)["ids"][1], "channel": channel, "message": body["message"]} for body in asked]


OpenPoster = Callable[[Daemon], AbstractContextManager[Poster]]

POSTERS: dict[str, OpenPoster] = {
    "Socket.IO, WebSocket": lambda daemon: Sender(daemon.port),
    "Socket.IO, polling": lambda daemon: PollingSender(daemon.port),
    "raw WebSocket": lambda daemon: RawPoster(daemon.port),
    "raw WebSocket, second address": lambda daemon: RawPoster(post_port(daemon), key=None, path="/any/path"),
    "HTTP API": lambda daemon: ApiPoster(daemon.port),
    "HTTP API, batch": lambda daemon: BatchPoster(daemon.port),
    "HTTP API, many channels": lambda daemon: ManyChannelsPoster(daemon.port),
}
