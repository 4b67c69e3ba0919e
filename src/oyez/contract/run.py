"""What all checks of one run share: where the doors are, the key, channels of its own, and who posts.

It must not know what is checked.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TypeVar, cast

from oyez.contract import expect
from oyez.contract.expect import Mismatch, NotOffered
from oyez.contract.links import RawLink
from oyez.errors import ConfigError
from oyez.probe import socketio, websocket
from oyez.probe.answer import Answer
from oyez.probe.dialer import STEP_S
from oyez.probe.exchange import ask
from oyez.probe.failures import Kind, NotOpened, Trouble
from oyez.probe.place import Place, parse_place

T = TypeVar("T")

NO_KEY = "posting needs --key"
_RAW_PATHS = ("/event/", "/", "/socket.io/event/")

# Answers of servers that do not have what was asked for. Others, of a proxy whose daemon is gone too, are failures.
_NOT_THERE = frozenset((400, 404, 405, 426, 501))


class Run:
    """One daemon that is checked: its addresses and key, and what was found out about it.

    Attributes:
        main: the daemon's address, with the path before its own ones.
        post: where raw posters connect; `post_is_named` if who started the run has said so.
        poll: where long polls go, likewise.
        key: the daemon's key; empty if none was given.
        step_s: how long one step at a poster's door may take.
    """

    def __init__(self, url: str, key: str, *, post_url: str = "", poll_url: str = "", step_s: float = STEP_S) -> None:
        """Find out where the doors are, and that somebody is there at all. Raises ConfigError, Trouble."""
        if not key.isprintable():
            raise ConfigError("key", "***", "characters that can be printed")
        self.main = parse_place(url)
        self.base = self.main.path.rstrip("/")
        self.post = parse_place(post_url) if post_url else replace(self.main, path=f"{self.base}/post")
        self.poll = parse_place(poll_url) if poll_url else self.main
        self.post_is_named, self.poll_is_named = bool(post_url), bool(poll_url)
        self.key = key
        self.step_s = step_s
        self._name = f"oyez-selftest-{secrets.token_hex(6)}"
        self._channels = 0
        self._found: dict[object, object] = {}
        for place in dict.fromkeys(each.without_path() for each in (self.main, self.post, self.poll)):
            ask(place, "/", limit_s=step_s)  # whatever the answer: what is missing, or hangs, is for single checks

    def once(self, what: object, find: Callable[[], T]) -> T:
        """Return what there is to find out about the daemon; `find` is called once for each `what`."""
        if what not in self._found:
            self._found[what] = find()
        return cast("T", self._found[what])

    @property
    def wrong_key(self) -> str:
        """A key that nobody has."""
        return f"wrong-{self._name}"

    def new_channel(self, length: int = 0) -> str:
        """Name a channel that nobody else uses, filled up to a length."""
        self._channels += 1
        return f"{self._name}-{self._channels}".ljust(length, "x")

    @cached_property
    def poll_path(self) -> str:
        """The path that long polls go to, up to the names of channels; it is looked for once."""
        return _find_path(self.poll, "channels/")

    @cached_property
    def stream_path(self) -> str:
        """The path of event streams; it is looked for once."""
        return _find_path(self.main, "sse")

    @cached_property
    def raw_path(self) -> str:
        """Where listeners connect by raw WebSocket. Raises NotOffered."""
        reason: Exception = NotOffered()
        for path in _RAW_PATHS:
            try:
                with websocket.opened(self.main, self.base + path) as link:
                    link.send("{")  # a WebSocket of something else has no such answer
                    expect.error(RawLink(link).hear(), "syntax-error")
                    return self.base + path
            except (NotOpened, Trouble) as error:
                reason = absent(error)
        raise reason

    @cached_property
    def has_socketio(self) -> bool:
        """Whether Engine.IO answers, be it with an error of its own."""
        try:
            with socketio.by_polling(self.main):
                return True
        except NotOpened as error:
            return "code" in error.answer.members


def _find_path(place: Place, name: str) -> str:
    """Find a door by its own path or, as `event.js` does, below Socket.IO's: many a site passes on nothing else."""
    base = place.path.rstrip("/")
    paths = [f"{base}/{name}", f"{base}/socket.io/{name}"]
    return next((path for path in paths if not is_elsewhere(ask(place, path))), paths[0])


def is_elsewhere(answer: Answer) -> bool:
    """Return whether an answer is not the door's own: the server has no such door at that path."""
    is_of_engineio = isinstance(answer.code, int)  # its error codes are numbers: it answers all below its own path
    return answer.status in (404, 405, 501) or answer.is_page or is_of_engineio


def absent(error: NotOpened | Trouble, *, named: bool = False) -> Exception:
    """Judge what came instead of a session or a WebSocket: is the door not there, or is something wrong?

    Args:
        error: what came.
        named: who started the run has said that the door is there.
    """
    if isinstance(error, Trouble):  # the library of the Node daemons closes WebSockets at other paths without an answer
        return error if named or error.kind is not Kind.BROKEN else NotOffered(str(error))
    answer = error.answer
    words = f"HTTP status {answer.status}"
    if not named and (answer.status in _NOT_THERE or (answer.status < 400 and answer.is_page)):
        return NotOffered(words)
    return Mismatch("a door that opens", f"{words}: {answer.body}")
