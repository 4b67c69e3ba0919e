"""What all checks of one run share: where the doors are, the key, channels of its own, and who posts.

It must not know what is checked.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask
from oyez.cli.probe.failures import Kind, NotOpened, Trouble
from oyez.cli.probe.place import Place, parse_place
from oyez.cli.selftest import transports
from oyez.cli.selftest.expectations import Mismatch, NotOffered
from oyez.cli.selftest.findings import Door
from oyez.cli.selftest.posters import Open, Poster, every_poster
from oyez.cli.selftest.transports import Refused
from oyez.errors import ConfigError, OyezError

NO_KEY = "posting needs --key"
_NO_POSTER = "no door lets this run post"

# Answers of servers that do not have what was asked for. Others, of a proxy whose daemon is gone too, are failures.
_NOT_THERE = frozenset((400, 404, 405, 426, 501))


class Visit:
    """One run.

    Attributes:
        main: the daemon's address, with the path before its own ones.
        post: where raw posters connect; `post_is_named` if who started the run has said so.
        poll: where long polls go, likewise.
        key: the daemon's key; empty if none was given.

    """

    def __init__(
        self, main: Place, post: Place, poll: Place, key: str, *, post_is_named: bool, poll_is_named: bool
    ) -> None:
        self.main = main
        self.post = post
        self.poll = poll
        self.post_is_named = post_is_named
        self.poll_is_named = poll_is_named
        self.key = key
        self._name = f"oyez-selftest-{secrets.token_hex(6)}"
        self._channels = 0

    @property
    def wrong_key(self) -> str:
        """A key that nobody has."""
        return f"wrong-{self._name}"

    def new_channel(self, length: int = 0) -> str:
        """Name a channel that nobody else uses, filled up to a length."""
        self._channels += 1
        return f"{self._name}-{self._channels}".ljust(length, "x")

    @cached_property
    def posters(self) -> dict[Door, Open]:
        """The doors that let this run post, the one that is asked first at the front."""
        return {door: opened for door, opened in every_poster(self.main, self.post, self.key).items() if _works(opened)}

    def path_to(self, place: Place, name: str) -> str:
        """Find a door by its own path or, as `event.js` does, below Socket.IO's: many a site passes on nothing else."""
        base = place.path.rstrip("/")
        paths = [f"{base}/{name}", f"{base}/socket.io/{name}"]
        return next((path for path in paths if not is_elsewhere(ask(place, path))), paths[0])

    @property
    def silenced(self) -> str:
        """Why nothing can be posted at all; empty if something can."""
        if self.posters:
            return ""
        return _NO_POSTER if self.key else NO_KEY

    @contextmanager
    def poster(self) -> Iterator[Poster]:
        """Lend a back end, by whichever door."""
        with next(iter(self.posters.values()))() as poster:
            yield poster

    @cached_property
    def has_socketio(self) -> bool:
        """Tell whether Engine.IO answers, be it with an error of its own."""
        try:
            with transports.by_polling(self.main):
                return True
        except Refused as error:
            answer = error.answer.parsed
            return isinstance(answer, dict) and "code" in answer
        except Mismatch:
            return False


def begin(url: str, key: str, *, post_url: str, poll_url: str) -> Visit:
    """Find out where the doors are, and that somebody is there at all. Raises ConfigError, Trouble."""
    if not key.isprintable():
        raise ConfigError("key", "***", "characters that can be printed")
    main = parse_place(url)
    post = parse_place(post_url) if post_url else replace(main, path=f"{main.path.rstrip('/')}/post")
    poll = parse_place(poll_url) if poll_url else main
    for place in dict.fromkeys(each.without_path() for each in (main, post, poll)):
        ask(place, "/")  # whatever the answer: what is not there, or hangs, is no matter of single checks
    return Visit(main, post, poll, key, post_is_named=bool(post_url), poll_is_named=bool(poll_url))


def is_elsewhere(answer: Answer) -> bool:
    """Tell an answer of a server that has no such door from one of the door."""
    is_of_engineio = isinstance(answer.code, int)  # its error codes are numbers: it answers all below its own path
    return answer.status in (404, 405, 501) or answer.is_page or is_of_engineio


def absent(error: NotOpened | Refused | Trouble, *, named: bool = False) -> Exception:
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


def _works(opened: Open) -> bool:
    try:
        with opened():
            return True
    except (OyezError, Mismatch):
        return False
