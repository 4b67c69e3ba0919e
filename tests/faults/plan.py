"""The faults of a run, drawn from its seed: what happens, in which order, for how long and how hard.

Knows the kinds of faults and how often each comes. Must not know how they are brought about.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from random import Random


class Kind(Enum):
    """What may go wrong; the value is the word for it in a report."""

    KILL = "kill -9"
    KILL_TWICE = "kill -9, and again while listeners come back"
    DRAIN = "drained and restarted"
    STOP = "hung (SIGSTOP) and continued"
    RESET = "links reset"
    SILENCE = "links silent and half-open"
    LOST_ANSWERS = "answers lost on the way"
    BROKEN_UPGRADES = "upgrades cut in the middle"
    STALL = "readers stalled"
    CLOCK_BACK = "clock stepped back"
    DISK_FULL = "disk full"
    TORN = "power lost: last pages torn"
    OUTAGE = "RabbitMQ stopped and started"
    HERD = "restart with a herd of listeners"


KILLS = {Kind.KILL: 1, Kind.KILL_TWICE: 2, Kind.TORN: 1, Kind.HERD: 1}
"""How often each kills the daemon."""

_WEIGHTS = {
    Kind.KILL: 14,
    Kind.KILL_TWICE: 5,
    Kind.DRAIN: 2,
    Kind.STOP: 3,
    Kind.RESET: 3,
    Kind.SILENCE: 3,
    Kind.LOST_ANSWERS: 3,
    Kind.BROKEN_UPGRADES: 2,
    Kind.STALL: 2,
    Kind.CLOCK_BACK: 3,
    Kind.DISK_FULL: 2,
    Kind.TORN: 2,
    Kind.OUTAGE: 4,
}

_ONLY_FOR = {
    Kind.DISK_FULL: {"sqlite"},
    Kind.TORN: {"sqlite"},
    Kind.OUTAGE: {"amqp", "stream"},
    # A clock that is behind others' makes ids that a replay after it cannot repeat; the how-to says so.
    Kind.CLOCK_BACK: {"memory", "sqlite", "amqp"},
}
_LONGEST_S = {Kind.STOP: 4.0, Kind.SILENCE: 12.0, Kind.STALL: 6.0, Kind.DISK_FULL: 2.0, Kind.OUTAGE: 4.0}
_DAY_S = 86_400.0
_SECONDS_BACK = (2.0, 60.0, 3600.0, 400 * _DAY_S)  # and forth again: more than events are kept for


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        after_s: the time of quiet load before it.
        for_s: how long it lasts, where that can be chosen.
        share: of the links or listeners that it hits, where that can be chosen; or how far into what it cuts.
        number: how many answers or pages.
        seconds_back: of the clock, altogether.
        kills: whether the daemon is killed in the middle of it.
    """

    kind: Kind
    after_s: float
    for_s: float
    share: float
    number: int
    seconds_back: float = 0.0
    kills: bool = False

    def __str__(self) -> str:
        return self.kind.value


def kinds_for(broker: str) -> list[Kind]:
    """Name the faults that make sense with a broker."""
    return [kind for kind in _WEIGHTS if broker in _ONLY_FOR.get(kind, {broker})]


def plan(seed: int, broker: str, *, pace: float = 1.0) -> Iterator[Fault]:
    """Draw faults without end: first one of each kind in some order, then by their weights.

    Args:
        seed: the same one gives the same faults.
        broker: ``memory``, ``sqlite``, ``amqp`` or ``stream``.
        pace: above 1 leaves less time between them, and makes them shorter.
    """
    random = Random(f"{broker} {seed}")
    kinds = kinds_for(broker)
    once = random.sample(kinds, len(kinds))
    while True:
        kind = once.pop() if once else random.choices(kinds, [_WEIGHTS[kind] for kind in kinds])[0]
        yield Fault(
            kind,
            after_s=random.uniform(0.3, 3.0) / pace,
            for_s=random.uniform(0.2, 1.0) * _LONGEST_S.get(kind, 1.0) / pace,
            share=random.random(),
            number=random.randint(1, 12),
            # Without a memory, a clock that goes back by little gives ids again; see the docstring of `Clock`.
            seconds_back=random.choice(_SECONDS_BACK) if broker == "sqlite" else random.randint(1, 300) * _DAY_S,
            kills=random.random() < 0.4,
        )
