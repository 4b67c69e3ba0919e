"""How old the events of a file are, in time that a daemon has lived through with it.

Knows what the wall clock said when each event came, and by how much it was set since. Must not know SQL.

An event's time is what the clock said then. Where the clock was set later on, or the daemon was away for long, the time
of all that was there is put right by as much. So an event's age is that part of it in which a daemon was there, and
nothing is dropped because a clock was wrong, then or now.
"""

import json
import logging
from typing import NamedTuple

from oyez.hub.publication import EventId

logger = logging.getLogger(__name__)

LONGEST_ABSENCE_MS = 3_600_000
"""For how long no daemon may have had the file, if that time is to count as age. The wall clock alone measures it: what
is longer may as well be a clock that was wrong before, or is wrong now."""

_UNCERTAIN_MS = 10_000  # what two runs of a daemon may differ in without a reason
_MOST_STEPS = 50  # a clock that is set more often is a broken one: the oldest two steps become one


class ClockStep(NamedTuple):
    """By how much the clock was set ahead, after an event; of `Ages.seen`, what it said."""

    up_to: EventId
    by_ms: int


class Ages:
    """What a file remembers of the clock: the steps that it made, and what it said last, at which event."""

    def __init__(self, noted: object) -> None:
        """Read what `dump` returned; of whatever else stands there, nothing is known."""
        self.steps: list[ClockStep] = []
        self.seen: ClockStep | None = None
        try:
            seen, *steps = map(_read_pair, json.loads(noted)) if isinstance(noted, str) else [None]
            self.seen, self.steps = seen, [step for step in steps if step is not None]
        except (ValueError, TypeError):
            pass

    def dump(self) -> str:
        """Return all as JSON: ``[seen, step, …]``, each of them ``[id, milliseconds]``; ``seen`` may be null."""
        return json.dumps([self.seen, *self.steps])

    def put_right(self, event_id: int, time_ms: int) -> int:
        """Return what the clock of now would have said when an event came, in milliseconds since 1970."""
        for up_to, by_ms in self.steps:
            if event_id <= up_to:
                time_ms += by_ms
        return time_ms

    def note_step(self, up_to: EventId, by_ms: int) -> None:
        """Note that the clock was set ahead by so many milliseconds, after an event and before the next."""
        self.steps.append(ClockStep(up_to, by_ms))
        if len(self.steps) > _MOST_STEPS:
            (_, first_ms), (next_to, next_ms) = self.steps[:2]
            self.steps[:2] = [ClockStep(next_to, next_ms + max(first_ms, 0))]  # in doubt, events are young

    def note_absence(self, newest: EventId, newest_ms: int | None, now_ms: int) -> None:
        """Note how long no daemon had the file, by the clock and its newest event."""
        if newest_ms is not None and (self.seen is None or newest > self.seen.up_to):
            seen_ms = self.put_right(newest, newest_ms)
        elif self.seen is not None:
            seen_ms = self.seen.by_ms
        else:
            return
        away_ms = now_ms - seen_ms
        if -_UNCERTAIN_MS < away_ms <= LONGEST_ABSENCE_MS:
            return
        self.note_step(newest, away_ms)
        logger.warning(
            "by the clock, a daemon last had the file %.1f hours %s: its events count as no older for that",
            abs(away_ms) / 3_600_000,
            "ago" if away_ms > 0 else "after now",
        )

    def forget(self, before: int) -> None:
        """Drop the steps that no event is older than."""
        if self.steps and self.steps[0].up_to < before:
            self.steps = [step for step in self.steps if step.up_to >= before]


def _read_pair(noted: list[int] | None) -> ClockStep | None:
    if noted is None:
        return None
    event_id, ms = noted
    return ClockStep(EventId(event_id + 0), ms + 0)
