"""The raw WebSocket door of posters: one reply for each request, in order, and never anything else.

It must not know listeners.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from oyez.cli.probe.failures import NotOpened, Trouble
from oyez.cli.selftest.expectations import (
    Mismatch,
    NotOffered,
    parse_object,
    read_id,
    read_success,
    require,
    require_equal,
)
from oyez.cli.selftest.findings import Door
from oyez.cli.selftest.frames import Frames, opened
from oyez.cli.selftest.posters import by_raw_websocket, command
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.visit import NO_KEY, Visit, absent
from oyez.errors import OyezError

POSTERS: Table["RawPosterGuest"] = Table()

_BURST = 20
_MANY_BYTES = 100_000
_POSTS = ("takes-posts",)


class RawPosterGuest:
    """A poster of this door."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    @cached_property
    def silenced(self) -> str:
        """Why it may not post. Some addresses need no key."""
        return "" if self.visit.key or Door.POST in self.visit.posters else NO_KEY

    @contextmanager
    def stranger(self) -> Iterator[Frames]:
        """Lend a connection that has shown no key."""
        with opened(self.visit.post, self.visit.post.path or "/") as link:
            yield link

    @contextmanager
    def poster(self) -> Iterator[Frames]:
        """Lend a connection that may post."""
        with self.stranger() as link:
            if self.visit.key:
                command(link, "auth", key=self.visit.key)
            yield link


@POSTERS.check("opens", "A WebSocket opens, and a frame that is not JSON is a syntax-error.")
def _open(guest: RawPosterGuest) -> None:
    try:
        with guest.stranger() as link:
            link.send("{")
            answer = parse_object(link.receive())
            require_equal([answer.get("status"), answer.get("code")], ["error", "syntax-error"])
    except (NotOpened, Trouble) as error:
        raise absent(error, named=guest.visit.post_is_named) from error


@POSTERS.check("refuses-unknown-command", "A command that there is not, or is for listeners, is a bad-command.")
def _refuse_unknown(guest: RawPosterGuest) -> None:
    with guest.stranger() as link:
        for name in ("no-such-command", "set-filter"):
            answer = command(link, name, filter=[guest.visit.new_channel()])
            message = f"bad command: {name.replace('-', '_')}"
            require_equal(answer, {"status": "error", "code": "bad-command", "message": message})


@POSTERS.check("key-needed", "Without the key nothing can be posted.")
def _demand_key(guest: RawPosterGuest) -> None:
    with guest.stranger() as link:
        answer = command(link, "last-msg")
        if answer.get("status") == "success":
            raise NotOffered("a key: at this address none is needed")
        require_equal(answer.get("code"), "unauthorized")
        answer = command(link, "post", channel=guest.visit.new_channel())
        require_equal(answer.get("code"), "unauthorized")


@POSTERS.check("refuses-wrong-key", "A wrong key is an auth-failed.")
def _refuse_key(guest: RawPosterGuest) -> None:
    with guest.stranger() as link:
        answer = command(link, "auth", key=guest.visit.wrong_key)
        if answer.get("code") == "bad-command" or answer.get("status") == "success":
            raise NotOffered("keys: any is taken at this address, or none is known")
        require_equal(answer, {"status": "error", "code": "auth-failed", "message": "Authentication failed"})
        with suppress(Mismatch, OyezError):
            if guest.visit.key:  # nothing is checked: Oyez takes a wrong key back when the right one follows
                command(link, "auth", key=guest.visit.key)


@POSTERS.check("takes-posts", "Whoever may post gets an id for each post.", posts=True)
def _take_posts(guest: RawPosterGuest) -> None:
    with by_raw_websocket(guest.visit.post, guest.visit.key) as poster:
        first = poster.post({"channel": guest.visit.new_channel(), "message": {"a": 1}})
        second = poster.post({"channel": guest.visit.new_channel()})
        require(first < second, "ids that rise", [first, second])


@POSTERS.check("last-msg", "last-msg is answered with the newest id.", posts=True, needs=_POSTS)
def _tell_last(guest: RawPosterGuest) -> None:
    with by_raw_websocket(guest.visit.post, guest.visit.key) as poster:
        newest = poster.post({"channel": guest.visit.new_channel()})
        require(poster.last() >= newest, f"an id from {newest} on", "an older one")


@POSTERS.check(
    "refuses-bad-channel",
    "A channel that is no text is an invalid-channel, without a message.",
    posts=True,
    needs=_POSTS,
)
def _refuse_channel(guest: RawPosterGuest) -> None:
    with guest.poster() as link:
        for channel in (5, None, ["news"]):
            answer = command(link, "post", channel=channel, message=1)
            require_equal(answer, {"status": "error", "code": "invalid-channel"})


@POSTERS.check(
    "one-reply-each", "Requests that do not wait are answered one by one, in their order.", posts=True, needs=_POSTS
)
def _reply_in_order(guest: RawPosterGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.poster() as link:
        for number in range(_BURST):
            link.send(json.dumps({"command": "post", "channel": channel, "message": number}))
        link.send('{"command":"no-such-command"}')
        ids = [read_id(parse_object(link.receive())) for _ in range(_BURST)]
        require(ids == sorted(set(ids)), "ids that rise", ids)
        require_equal(parse_object(link.receive()).get("code"), "bad-command")


@POSTERS.check("large-posts", "A post of 100 KB is taken.", posts=True, needs=_POSTS)
def _take_large_post(guest: RawPosterGuest) -> None:
    with guest.poster() as link:
        read_success(command(link, "post", channel=guest.visit.new_channel(), message="x" * _MANY_BYTES))
