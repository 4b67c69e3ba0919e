"""The way from the post to the browser, step by step.

Knows the order. Must not know how a step is taken, nor how it is shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from oyez.cli.doctor.doors import PollDoor, RawDoor, SocketIODoor, StreamDoor
from oyez.cli.doctor.findings import Outcome
from oyez.cli.doctor.posting import PostSide
from oyez.cli.doctor.site import Site, check_settings, is_for_tls
from oyez.cli.doctor.strangers import Stranger
from oyez.cli.doctor.visitors import Visitor
from oyez.probe.dialer import STEP_S
from oyez.probe.failures import Kind
from oyez.probe.place import Place
from oyez.probe.status import Status

# With these there is nobody at the public address who could be asked for more.
_NOT_REACHED = frozenset(f"public-{kind}" for kind in Kind)

_IN_DEVELOPMENT = Outcome("browsers connect to the daemon itself, as in development", skipped=True)

Check = Callable[[], Outcome]


class Step(NamedTuple):
    """One step; `check` takes it, and depends on the steps before."""

    title: str
    check: Check


class Walk:
    """The way through one site.

    Args:
        site: what is known of it.
        step_s: how long one question may take.
    """

    def __init__(self, site: Site, step_s: float = STEP_S) -> None:
        self._site = site
        self._post = PostSide(site, step_s)
        self._names = site.public_names()
        self._working = set(self._names)
        self._reached = set(self._names)

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order. Each has to be taken before the next is asked for: it decides what follows."""
        yield Step("The site's settings" if self._site.is_whole else "The options", partial(check_settings, self._site))
        yield Step(f"The daemon at {self._post.name}", self._post.reach)
        yield Step("The key, and a post", self._post.try_key)
        places = {name: place for name in self._names if (place := self._site.place(name)) is not None}
        for name, place in places.items():
            for title, check in self._public_steps(name, place):
                yield Step(title, partial(self._take, name, check))
        for name in [name for name in places if name in self._reached][:1]:
            place = places[name]
            yield self._outside("Posts of strangers", place, Stranger(self._post, name, place).try_to_post)
            yield self._outside("Who visitors are to the daemon", place, Visitor(self._post, name, place).look)
        for name in [name for name in places if name in self._working][:1]:
            place = places[name]
            yield Step("Event streams", StreamDoor(self._post, name, place).deliver)
            yield self._outside("What else is public", place, Stranger(self._post, name, place).look_at_back_doors)
        if not places:
            yield Step("The public address", lambda: Outcome("none is known", skipped=True))

    def _outside(self, title: str, place: Place, check: Check) -> Step:
        """Make a step that is left out where the address for browsers is that of the daemon: nobody else is there."""
        post = self._post.place
        is_daemon_itself = place.is_local and post is not None and post.port == place.port
        return Step(title, (lambda: _IN_DEVELOPMENT) if is_daemon_itself else check)

    def _public_steps(self, name: str, place: Place) -> Iterator[tuple[str, Check]]:
        if not self._site.dialect.is_raw:
            door = SocketIODoor(self._post, name, place)
            yield f"Socket.IO at {name}", door.reach
            yield "Delivery by WebSocket", door.deliver_by_websocket
            yield "Delivery by polling", door.deliver_by_polling
            return
        yield f"WebSocket at {name}", RawDoor(self._post, name, place).deliver
        poll = self._site.poll_place(name)
        if poll is not None:
            poll_door = PollDoor(self._post, *poll)
            yield f"Long poll at {poll[0]}", poll_door.reach
            yield "Delivery by long poll", poll_door.deliver

    def _take(self, name: str, check: Check) -> Outcome:
        """Take a step at a public address; what is wrong with one that no page may use is a warning."""
        outcome = check()
        if outcome.status is Status.ERROR:
            self._working.discard(name)
            if any(finding.code in _NOT_REACHED for finding in outcome.findings):
                self._reached.discard(name)
            if self._is_spare(name, outcome):
                return _softened(outcome)
        return outcome

    def _is_spare(self, name: str, outcome: Outcome) -> bool:
        if len(self._names) == 1:
            return False
        if is_for_tls(name):  # a host that takes no TLS at all has no pages that need it
            return all(finding.code == "public-refused" for finding in outcome.findings)
        return any(is_for_tls(other) for other in self._working)


def _softened(outcome: Outcome) -> Outcome:
    findings = tuple(replace(finding, weight=Status.WARNING) for finding in outcome.findings)
    return replace(outcome, findings=findings)
