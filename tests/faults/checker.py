"""What one listener heard, held against what was posted: the verdicts of a run are made here.

Knows ids, gaps and posts. Must not know sockets, dialects or faults.

The rules, by the names that they have in a report:

* I1 ids rise for each listener, within a connection and over all of them;
* I2 every acknowledged post after its start was heard, or lies within a gap that it was told of; where a rule says
  `latest_by`, that is so of a newer one with the same value instead, at the end of the run;
* I3 nothing comes twice (where ids come from the clocks of posters, a position that is not remembered any more is
  taken back by as much as those may differ: what comes again for that is counted and no violation);
* I4 an acknowledged post survives as its broker promises: what comes is what was posted, under the id that was
  acknowledged, and no gap is told where nothing may be missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.ledger import Ledger, Mark, Outcome, Post
from tests.faults.rules import SUPERSEDED

_MISSING_NAMED = 5


@dataclass(slots=True)
class Violation:
    """A broken promise: which, by whom it was seen, and what happened."""

    rule: str
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.who}: {self.what}"


@dataclass(slots=True)
class Verdicts:
    """What was found wrong; the first of each kind are kept in words, all are counted."""

    found: list[Violation] = field(default_factory=list)
    count: int = 0
    notice: Callable[[Violation], None] = lambda _: None
    is_closed: bool = False

    def break_off(self, phase: str, error: Exception) -> None:
        """Note that the run could not go on: whatever is accused from now on comes of that, and is passed over."""
        self.add("run", phase, f"broke off: {error!r}")
        self.is_closed = True

    def add(self, rule: str, who: str, what: str) -> None:
        if self.is_closed:
            return
        self.count += 1
        violation = Violation(rule, who, what)
        if len(self.found) < 100:
            self.found.append(violation)
        self.notice(violation)


@dataclass(slots=True)
class _Followed:
    """A channel as one listener has it."""

    first: int  # the serial from which on posts may be due
    held: bytearray = field(default_factory=bytearray)  # by serial, counted from `first`
    checked_to: int = 0  # a serial: all before it is judged
    gaps: list[tuple[int, int]] = field(default_factory=list)  # above, below
    other_time: int = 0  # posts begun before this place in the order belong to another time, and it was told so


class Record:
    """One listener's story.

    Args:
        who: its name in a verdict.
        mark: the position that it begins with.
        has_all: whether it gets superseded events too, as the HTTP API does.
    """

    def __init__(
        self,
        who: str,
        channels: Sequence[str],
        mark: Mark,
        ledger: Ledger,
        verdicts: Verdicts,
        *,
        has_all: bool = False,
    ) -> None:
        self.who = who
        self._has_all = has_all
        self.channels = tuple(channels)
        self.position = mark.start
        self.deliveries = 0
        self.gaps = 0
        self._mark = mark
        self._ledger = ledger
        self._verdicts = verdicts
        self._followed = {channel: _Followed(ledger.first_due(channel, mark)) for channel in channels}
        for followed in self._followed.values():
            followed.checked_to = followed.first

    # What is heard

    def message(self, event: Any) -> None:
        """Take an event as it came."""
        self.deliveries += 1
        event_id, channel = event.get("id"), event.get("channel")
        followed = self._followed.get(channel)
        if followed is None or type(event_id) is not int:
            self.accuse("I2", f"was given what it does not follow: {str(event)[:200]}")
            return
        if event_id <= self.position:
            self.accuse("I1", f"id {event_id} of {channel} after {self.position}")
        self.reached(event_id, force=True)
        message = event.get("message")
        post = self._ledger.find(channel, message.get("n") if isinstance(message, dict) else None)
        if post is None or message != self._ledger.message(post):
            self.accuse("I4", f"what nobody posted, as {event_id} in {channel}: {str(message)[:200]}")
            return
        if post.id is None:
            post.id = event_id
        elif post.id != event_id:
            self.accuse("I4", f"{_name(post)} is {post.id} to others and {event_id} here")
        self._hold(followed, post)

    def _hold(self, followed: _Followed, post: Post) -> None:
        if post.serial < followed.first:
            return  # posted before its start: the ids have said so already
        place = post.serial - followed.first
        if place >= len(followed.held):
            followed.held.extend(bytes(max(place + 1 - len(followed.held), 256)))
        if followed.held[place]:
            self.accuse("I3", f"{_name(post)} came twice, as {post.id}")
        followed.held[place] = 1

    def gap(self, gap: Any) -> None:
        """Take word of a gap."""
        channel, after, oldest = gap["channel"], gap["from"], gap["oldest"]
        followed = self._followed.get(channel)
        if followed is None:
            self.accuse("I2", f"was told of a gap where it does not listen: {gap}")
            return
        self.gaps += 1
        if not self._ledger.may_lack(channel, after):
            self.accuse("I4", f"was told that {channel} lacks events above {after}, where all had to be kept: {gap}")
        if after >= oldest:  # protocol.md, recovery: the id is of another time, and nothing of before is replayed
            followed.other_time = self._ledger.tick()
            self.position = min(self.position, oldest - 1)
        elif followed.gaps and followed.gaps[-1][0] <= after <= followed.gaps[-1][1]:
            last_after, last_oldest = followed.gaps[-1]
            followed.gaps[-1] = (last_after, max(last_oldest, oldest))
        else:
            followed.gaps.append((after, oldest))

    def reached(self, position: int, *, force: bool = False) -> None:
        """Take word that all up to an id was given; ``force``: even if that takes it back."""
        self.position = position if force else max(self.position, position)
        self._ledger.note_id(position)

    # What should have been heard

    def is_content(self, post: Post) -> bool:
        """Tell whether a post came, is known to be missing, or is not for this listener."""
        followed = self._followed.get(post.channel)
        return followed is None or not self._is_after_mark(followed, post) or self._has_its_own(followed, post)

    def _has_its_own(self, followed: _Followed, post: Post) -> bool:
        """Tell whether a post came, or one that takes its place, or is known to be missing."""
        if _holds(followed, post):
            return True
        return not self._has_all and any(_holds(followed, newer) for newer in self._ledger.supersede(post))

    def check(self, *, up_to: int | None = None, to_the_end: bool = False) -> None:
        """Judge what must have come by now; ``to_the_end``: all that was settled before the place ``up_to``."""
        for channel, followed in self._followed.items():
            missing: list[Post] = []
            posts = self._ledger.posts(channel)
            if channel in SUPERSEDED and not self._has_all and not to_the_end:
                continue  # what takes the place of others may be under way
            while followed.checked_to < len(posts):
                post = posts[followed.checked_to]
                if not to_the_end and self._is_early(post):
                    break
                followed.checked_to += 1
                is_due = post.outcome is Outcome.ACKNOWLEDGED and self._is_after_mark(followed, post)
                if is_due and (up_to is None or post.settled <= up_to) and not self._has_its_own(followed, post):
                    missing.append(post)
            if missing:
                self._accuse_of_missing(followed, missing)

    def _is_early(self, post: Post) -> bool:
        """Tell whether it cannot be judged yet if a post should have come."""
        if post.outcome is Outcome.UNDER_WAY or self._ledger.is_awaited(post):
            return True
        return post.id is not None and post.id > self.position

    def _is_after_mark(self, followed: _Followed, post: Post) -> bool:
        if post.settled <= self._mark.order or post.id is None:
            return False
        return post.id > self._mark.start or 0 < followed.other_time < post.begun

    def _accuse_of_missing(self, followed: _Followed, missing: list[Post]) -> None:
        names = ", ".join(f"{_name(post)} = {post.id}" for post in missing[:_MISSING_NAMED])
        more = f" and {len(missing) - _MISSING_NAMED} more" if len(missing) > _MISSING_NAMED else ""
        self.accuse(
            "I2",
            f"lacks {names}{more}, and was told of no gap there; began at {self._mark.start}, is at {self.position},"
            f" gaps of the channel: {followed.gaps[-3:]}",
        )

    def accuse(self, rule: str, what: str) -> None:
        self._verdicts.add(rule, self.who, what)


def _holds(followed: _Followed, post: Post) -> bool:
    place = post.serial - followed.first
    return (0 <= place < len(followed.held) and bool(followed.held[place])) or _excuses(followed, post)


def _excuses(followed: _Followed, post: Post) -> bool:
    if post.begun < followed.other_time:
        return True
    return post.id is not None and any(after < post.id < oldest for after, oldest in followed.gaps)


def _name(post: Post) -> str:
    return f"{post.channel}#{post.serial}"
