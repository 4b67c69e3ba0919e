"""What a check is: a promise with its code, and the steps that show whether it is kept.

Knows channels, events, listeners and posters. Must not know the doors, nor which checks are made.

A row of a table says what is sent and what must come. It has blanks, for what differs from run to run: `A` is a channel
of the check's own, and `nth(0)` the id of the first event that the check has posted.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

from oyez.contract import expect
from oyez.contract.clients import Connect, DoorFollower, DoorPoster, Event, OpenPoster
from oyez.contract.links import Link
from oyez.contract.run import Run
from oyez.probe.exchange import ask
from oyez.probe.place import Place

T = TypeVar("T")
A, B, C = "<A>", "<B>", "<C>"
TEN_LONG = [f"<{letter}>" for letter in "QRSTUVWXYZ"]
"""Channels whose names have a hundred characters."""

_BLANK = re.compile(r"<(?:([A-Z])|([#=])(\d))>")


def nth(place: int, *, as_text: bool = False) -> str:
    """Return the blank for the id of an event that the check has posted."""
    return f"<{'=' if as_text else '#'}{place}>"


class Trial:
    """What the steps of one check share. It ends with the check, and so does whatever it has opened.

    Attributes:
        run: knows where the door is, and names channels.
        connect: opens who speaks at the door.
        events: those that were posted, in order, as listeners have to get them.
        found: what a step keeps for one behind it, by a name of theirs.
        opened: closes what is entered into it.
    """

    def __init__(self, run: Run, connect: Connect, open_poster: OpenPoster) -> None:
        self.run = run
        self.connect = connect
        self.events: list[dict[str, object]] = []
        self.found: dict[str, Any] = {}
        self.opened = ExitStack()
        self._open_poster = open_poster
        self._clients: dict[str, DoorFollower] = {}
        self._channels: dict[str, str] = {}

    def open(self, thing: AbstractContextManager[T]) -> T:
        """Open something until the check ends."""
        return self.opened.enter_context(thing)

    def client(self, who: str = "listener") -> Any:
        """Return who speaks at the door, in the class that the door has for it; it connects at the first call."""
        if who not in self._clients:
            self._clients[who] = self.open(self.connect(self.run, who))
        return self._clients[who]

    def link(self, who: str) -> Link:
        """Return who speaks over a link."""
        return cast("Link", self.client(who))

    @cached_property
    def poster(self) -> DoorPoster:
        """Return the back end that posts for this check; it connects at the first use."""
        return self.open(self._open_poster(self.run))

    def post(self, event: Event) -> dict[str, object]:
        """Post an event, its blanks filled; return it with its id: ``{"id":5,"channel":"a","message":1}``."""
        filled = self.fill(dict(event))
        self.events.append({"id": self.poster.post(filled), **filled})
        return self.events[-1]

    def fill(self, value: T) -> T:
        """Fill the blanks of a text or of JSON. One that is an id and a text by itself becomes a number."""
        return cast("T", self._fill(value))

    def _fill(self, value: object) -> object:
        if isinstance(value, str):
            text = _BLANK.sub(self._fill_one, value)
            return int(text) if _BLANK.fullmatch(value) and value[1] == "#" else text
        if isinstance(value, dict):
            return type(value)({name: self._fill(member) for name, member in value.items()})
        return [self._fill(member) for member in value] if isinstance(value, list | tuple) else value

    def _fill_one(self, blank: re.Match[str]) -> str:
        if blank[3]:
            return str(self.events[int(blank[3])]["id"])
        if blank[0] not in self._channels:
            self._channels[blank[0]] = self.run.new_channel(100 if blank[0] in TEN_LONG else 0)
        return self._channels[blank[0]]


Step = Callable[[Trial], object]


class When(NamedTuple):
    """When a check is made.

    Attributes:
        names: of checks in the same table that have to hold first, or this one would say the same once more.
        posts: if somebody may post.
        slow: if there is time to wait for a time-out of the daemon.
    """

    names: Sequence[str] = ()
    posts: bool = False
    slow: bool = False


ALWAYS, POSTS, SLOW = When(), When(posts=True), When(slow=True)


def needs(*names: str, posts: bool = False) -> When:
    """Return when a check is made that needs others to have held, and perhaps somebody who may post."""
    return When(names, posts)


class Check:
    """A row of a table: a promise of the daemon, and how it is looked at.

    Attributes:
        name: ends the code, which is stable.
        sentence: what should hold.
        when: it is made.
        steps: are taken in order; one raises Mismatch or NotOffered if the sentence does not hold.
    """

    def __init__(self, name: str, sentence: str, when: When, *steps: Step) -> None:
        self.name = name
        self.sentence = sentence
        self.when = when
        self.steps = steps


def event_of(channel: object, *message: object) -> dict[str, object]:
    """Return ``{"channel":"a","message":1}``; without ``message`` if none is given."""
    return {"channel": channel, "message": message[0]} if message else {"channel": channel}


def posts(channel: str, *message: object) -> Step:
    """Post an event to a channel, without a message if none is given."""
    return lambda trial: trial.post(event_of(channel, *message))


def posts_few(count: int, *channels: str) -> Step:
    """Post numbered events, to the channels in turn."""
    return lambda trial: [trial.post(event_of(channels[n % len(channels)], n)) for n in range(count)]


def follows(*channels: str, start: object = None) -> Step:
    """Have the listener follow channels."""
    return lambda trial: trial.client().follow(trial.fill(channels), trial.fill(start))


def hears(*places: int) -> Step:
    """Require these events next, of those that were posted."""

    def hear(trial: Trial) -> None:
        for place in places:
            expect.equal(trial.client().take_event(), trial.events[place])

    return hear


def hears_only(*places: int, wait: bool = True) -> Step:
    """Require these events, and no others under way; `wait` for as many, if they are live."""

    def hear(trial: Trial) -> None:
        came = [trial.client().take_event() for _ in places if wait]
        expect.equal(came + trial.link("listener").rest(), [trial.events[place] for place in places])

    return hear


def says(who: str, command: str, **members: object) -> Step:
    """Send a command over a link."""
    return lambda trial: trial.link(who).say(command, **trial.fill(members))


def asks(who: str, command: str, reply: str, wanted: object, **members: object) -> Step:
    """Send a command over a link, and require what answers it; `reply` as `Link.hear` takes it."""

    def ask_for(trial: Trial) -> None:
        trial.link(who).say(command, **trial.fill(members))
        expect.fits(trial.link(who).hear(reply), trial.fill(wanted))

    return ask_for


Where = Callable[[Run], tuple[Place, str]]
"""Finds an address, and a path there."""


def gets(where: Where, what: str, status: int, wanted: object, **options: object) -> Step:
    """Ask by HTTP for what stands behind a path, and require a status and the JSON of the body."""

    def ask_there(trial: Trial) -> None:
        place, path = where(trial.run)
        answer = ask(place, path + trial.fill(what), **options)
        expect.fits(expect.body(answer, status), trial.fill(wanted))

    return ask_there


def ids_rise(trial: Trial) -> None:
    """Require that the events that were posted have rising ids."""
    expect.rising([expect.an_id(event) for event in trial.events])


def last_is_newest(trial: Trial) -> None:
    """Require that a poster is told the newest id."""
    newest = expect.an_id(trial.events[-1])
    expect.that(trial.poster.last() >= newest, f"an id from {newest} on", "an older one")
