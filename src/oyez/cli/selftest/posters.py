"""A back end at each of the doors that take posts.

Knows how each door is asked to post. Must not know what is posted, nor who hears it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask
from oyez.cli.probe.place import Place
from oyez.cli.selftest import frames, links, transports
from oyez.cli.selftest.expectations import Mismatch, parse_object, read_id, read_success, require
from oyez.cli.selftest.findings import Door
from oyez.cli.selftest.frames import Frames
from oyez.cli.selftest.links import Link
from oyez.wire.socketio import PacketType

Event = Mapping[str, object]
"""A channel and, perhaps, a message."""


class Poster(Protocol):
    """What every back end can do. Both raise Mismatch or OyezError when they do not succeed."""

    def post(self, event: Event) -> int:
        """Post an event; gives its id."""

    def last(self) -> int:
        """Ask for the newest id."""


class SocketIOPoster:
    """A sender of the Socket.IO door."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def post(self, event: Event) -> int:
        """Post an event; gives its id."""
        return read_success(self._link.call("post", event))

    def last(self) -> int:
        """Ask for the newest id."""
        return read_success(self._link.call("last-msg"))


class RawPoster:
    """A poster of the raw WebSocket door."""

    def __init__(self, link: Frames) -> None:
        self._link = link

    def post(self, event: Event) -> int:
        """Post an event; gives its id."""
        return read_success(command(self._link, "post", **event))

    def last(self) -> int:
        """Ask for the newest id."""
        return read_success(command(self._link, "last-msg"))


class ApiPoster:
    """A caller of the HTTP API."""

    def __init__(self, place: Place, key: str) -> None:
        self._place = place
        self._key = key

    def post(self, event: Event) -> int:
        """Post an event; gives its id."""
        return self._read(call_api(self._place, self._key, "/publish", event))

    def last(self) -> int:
        """Ask for the newest id."""
        return self._read(call_api(self._place, self._key, "/last"))

    def _read(self, answer: Answer) -> int:
        require(answer.status == 200, "status 200", f"status {answer.status}: {answer.body}")
        return read_id(answer.parsed)


def call_api(
    place: Place, key: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None
) -> Answer:
    """Ask the HTTP API; with a body, by POST. A body that is a text goes out as it is."""
    # HTTP headers carry bytes; the API reads keys as UTF-8, and the library writes Latin-1.
    named = {"Authorization": f"Bearer {key}".encode().decode("latin-1")} if key else {}
    target = f"{place.path.rstrip('/')}/api{path}"
    if body is None:
        return ask(place, target, headers=named | dict(headers or {}))
    text = body if isinstance(body, str) else json.dumps(body)
    named["Content-Type"] = "application/json"
    return ask(place, target, method="POST", body=text, headers=named | dict(headers or {}))


def command(link: Frames, name: str, **members: object) -> dict[str, object]:
    """Send a command of the raw dialect and take its reply."""
    link.send(json.dumps({"command": name, **members}))
    return parse_object(link.receive(), f"a reply to {name}")


@contextmanager
def by_socketio(place: Place, key: str, dial: transports.Dial = transports.by_websocket) -> Iterator[Poster]:
    """Lend a sender."""
    with dial(place) as transport:
        link = Link(transport)
        join_as_sender(link, key)
        yield SocketIOPoster(link)


def join_as_sender(link: links.Link, key: str) -> None:
    """Join as a sender, or raise Mismatch."""
    answer = link.connect({"role": "sender", "token": key})
    require(answer.kind is PacketType.CONNECT, "an answer that lets the sender in", answer.text)


@contextmanager
def by_raw_websocket(place: Place, key: str) -> Iterator[Poster]:
    """Lend a raw poster."""
    with frames.opened(place, place.path or "/") as link:
        if key:
            answer = command(link, "auth", key=key)
            # Daemons of old know no keys, and posters of old carry on then.
            require(answer.get("status") == "success" or answer.get("code") == "bad-command", "a success", answer)
        poster = RawPoster(link)
        poster.last()  # tells whether it may post
        yield poster


@contextmanager
def by_api(place: Place, key: str) -> Iterator[Poster]:
    """Lend a caller of the API."""
    if not key:
        raise Mismatch("a key", "none")
    poster = ApiPoster(place, key)
    poster.last()
    yield poster


Open = Callable[[], AbstractContextManager[Poster]]


def every_poster(main: Place, post: Place, key: str) -> dict[Door, Open]:
    """Give the ways to open a poster, whether or not the daemon has the door."""
    return {
        Door.API: lambda: by_api(main, key),
        Door.SOCKETIO: lambda: by_socketio(main, key),
        Door.POST: lambda: by_raw_websocket(post, key),
        Door.POLLING: lambda: by_socketio(main, key, transports.by_polling),
    }
