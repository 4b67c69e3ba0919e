"""Every post of a run: what it said, what became of it, and what a listener may be told is missing.

Knows posters' side of the story only; what listeners heard is the checker's.
"""

import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from tests.faults.rules import SUPERSEDED, of_same_value, value_of

HEAVY = "heavy"
"""The channel of large messages: what stalled readers do not read has to weigh something."""

_HEAVY_BYTES = 16 * 1024
_WORDS = ("verdict", "né à Łódź", "☃ 𝄞 \u2028", 'quote " and \\ slash', "line\nbreak", "tab\tand\x7f", "</script>", "")
_TOTALS_EVERY = 50

EXCUSE_REACHES_S = 15.0
"""What was posted so long before an outage may have been lost in it, where only a delivery tells its id."""

# Posters overtake each other: so far from its neighbours an id may be, by the order in which posts were begun.
_OUT_OF_ORDER = 500


class Outcome(Enum):
    """What the poster was told."""

    UNDER_WAY = "under way"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """There was no answer: it may have been taken or not."""


@dataclass(slots=True)
class Post:
    """One post. ``begun`` and ``settled`` are places in the order in which things happened in this run.

    ``id`` is that of the answer, or where posters get none, of the first delivery. ``time`` is in steady seconds.
    """

    channel: str
    serial: int
    begun: int
    time: float
    settled: int = 0
    outcome: Outcome = Outcome.UNDER_WAY
    id: int | None = None


@dataclass(slots=True)
class Mark:
    """A position that somebody may begin from: all with a higher id is news to it."""

    start: int
    order: int


@lru_cache(maxsize=8192)
def message_of(seed: int, channel: str, serial: int) -> dict[str, object]:
    """Give what a post says; so nobody has to remember it."""
    mix = (seed * 31 + serial * 7) % 97
    message: dict[str, object] = {"n": serial, "in": channel, "of": value_of(serial), "text": _WORDS[mix % len(_WORDS)]}
    if channel == HEAVY:
        message["weight"] = "x" * _HEAVY_BYTES
    elif mix < 5:
        message["nested"] = [{"list": [None, True, 1.5, -7, []], "long": "é" * 20 * mix}]
    return message


class Ledger:
    """What was posted.

    Args:
        seed: of the messages.
        kept: events of a channel that history is told to keep.
        kept_in_all: events of all channels that the store is told to keep.
        skew: by how much, in ids, posters' clocks may differ: a position near an outage is taken for one in it.
    """

    def __init__(self, seed: int, *, kept: int, kept_in_all: int, skew: int = 0) -> None:
        self.seed = seed
        self.kept = kept
        self.kept_in_all = kept_in_all
        self.skew = skew
        self.order = 0
        self.newest = 0  # of all ids that anybody was given
        self.newest_acknowledged = 0  # since the last excuse: a daemon must not fall behind it
        self.excused_to = 0
        self.in_outage = False  # whatever is said to be missing now may be
        self._excused_at = 0
        self._excuses: list[float] = []
        self.counts = dict.fromkeys(Outcome, 0)
        self.marks: deque[Mark] = deque(maxlen=10_000)
        self._channels: dict[str, list[Post]] = {}
        self._totals: list[tuple[int, int]] = []  # (id, how many were acknowledged until then)

    def tick(self) -> int:
        """Give the next place in the order of things."""
        self.order += 1
        return self.order

    # Posters

    def begin(self, channel: str) -> Post:
        posts = self._channels.setdefault(channel, [])
        post = Post(channel, len(posts), self.tick(), time.monotonic())
        posts.append(post)
        self.counts[Outcome.UNDER_WAY] += 1
        return post

    def message(self, post: Post) -> dict[str, object]:
        return message_of(self.seed, post.channel, post.serial)

    def settle(self, post: Post, outcome: Outcome, event_id: int | None = None) -> str | None:
        """Note an outcome; gives what is wrong with it, if anything is."""
        wrong = None
        if event_id is not None and post.id not in {None, event_id}:
            wrong = f"was delivered as {post.id} and acknowledged as {event_id}"
        self.counts[post.outcome] -= 1
        self.counts[outcome] += 1
        post.outcome, post.settled, post.id = outcome, self.tick(), event_id or post.id
        if event_id is not None:
            self.note_id(event_id)
            if post.begun > self._excused_at:  # else its answer was late, and is of before
                self.newest_acknowledged = max(self.newest_acknowledged, event_id)
            self._count_total(event_id)
        return wrong

    def _count_total(self, event_id: int) -> None:
        total = self.counts[Outcome.ACKNOWLEDGED]
        if total % _TOTALS_EVERY == 0 and (not self._totals or self._totals[-1][0] < event_id):
            self._totals.append((event_id, total))

    # Whoever asks

    def posts(self, channel: str) -> list[Post]:
        return self._channels.get(channel, [])

    def find(self, channel: str, serial: object) -> Post | None:
        posts = self.posts(channel)
        return posts[serial] if type(serial) is int and 0 <= serial < len(posts) else None

    def supersede(self, post: Post) -> Iterator[Post]:
        """Give the posts that take the place of one for whoever is late, by the rule of its channel."""
        if post.channel in SUPERSEDED and post.id is not None:
            posts = self.posts(post.channel)
            for serial in of_same_value(post.serial, post.serial - _OUT_OF_ORDER, len(posts)):
                newer = posts[serial]
                if newer.id is not None and newer.id > post.id:
                    yield newer

    def first_due(self, channel: str, mark: Mark) -> int:
        """Give the first serial of a channel whose outcome was not known yet when a position was asked for."""
        posts = self.posts(channel)
        begun_after = bisect_right(posts, mark.order, key=lambda post: post.begun)
        for serial in range(max(begun_after - _OUT_OF_ORDER, 0), begun_after):
            if posts[serial].settled > mark.order or posts[serial].outcome is Outcome.UNDER_WAY:
                return serial
        return begun_after

    def note_id(self, event_id: int) -> None:
        self.newest = max(self.newest, event_id)

    def mark(self, start: int, asked: int) -> Mark:
        """Remember a position that the daemon has given; ``asked``: the place in the order before it was asked."""
        self.note_id(start)
        mark = Mark(start, asked)
        self.marks.append(mark)
        return mark

    # What may be missing

    def excuse(self) -> None:
        """Say that now events may be lost: a restart of a store without memory, a loss of power, an outage."""
        self.excused_to = self.newest
        self._excused_at = self.tick()
        self.newest_acknowledged = 0
        self.excuse_confirmed()

    def excuse_confirmed(self) -> None:
        """Say that now RabbitMQ may lose what it confirmed to others: as it stops it does, with a stream as well."""
        self._excuses.append(time.monotonic())

    def may_lack(self, channel: str, after: int) -> bool:
        """Tell whether a daemon that keeps its promise may say that events of a channel after an id are missing."""
        if self.in_outage or after <= self.excused_to + self.skew:
            return True
        return self._posted_after(channel, after) > self.kept or self._is_long_ago(after)

    def never_heard(self) -> list[Post]:
        """Give the acknowledged posts that nobody was given though nothing may have been lost in those seconds.

        One that a newer post superseded need not have been given to anybody.
        """
        return [
            post
            for channel, posts in self._channels.items()
            if channel not in SUPERSEDED
            for post in posts
            if post.outcome is Outcome.ACKNOWLEDGED and post.id is None and not self._was_excused(post)
        ]

    def _was_excused(self, post: Post) -> bool:
        return any(0 <= excuse - post.time <= EXCUSE_REACHES_S for excuse in self._excuses)

    def is_awaited(self, post: Post) -> bool:
        """Tell whether an id may still become known for an acknowledged post that was answered without one."""
        return (
            post.outcome is Outcome.ACKNOWLEDGED and post.id is None and time.monotonic() - post.time < EXCUSE_REACHES_S
        )

    def _posted_after(self, channel: str, after: int) -> int:
        count = older = 0
        for post in reversed(self.posts(channel)):
            if post.id is None or post.id > after:
                count += 1
                older = 0
            else:
                older += 1
            if older > _OUT_OF_ORDER or count > self.kept:
                break
        return count

    def _is_long_ago(self, after: int) -> bool:
        place = bisect_left(self._totals, (after, 0)) - 1
        total = self._totals[place][1] if place >= 0 else 0
        return self.counts[Outcome.ACKNOWLEDGED] - total > self.kept_in_all
