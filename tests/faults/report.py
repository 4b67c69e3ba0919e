"""The figures of a run, while it goes on and at its end.

Knows how they are shown. What they mean for the run's outcome is the verdicts'.
"""

import shlex
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.ledger import Outcome
from tests.faults.plan import KILLS, Kind

if TYPE_CHECKING:
    from tests.faults.world import World

_PLAIN_LINE_EVERY_S = 30.0


@dataclass(slots=True)
class Figures:
    """What is counted beside what the ledger and the records know."""

    begun: float = field(default_factory=time.monotonic)
    faults: Counter[Kind] = field(default_factory=Counter)
    kills: int = 0
    reconnects: int = 0
    deliveries: int = 0  # of records that are gone
    gaps: int = 0
    histories: int = 0
    torn_bytes: int = 0
    longest_return_s: float = 0.0
    herds: list[tuple[int, float]] = field(default_factory=list)  # listeners, seconds until all were back and complete
    longest_drain_s: float = 0.0
    stalled_growth_mb: float = 0.0
    phase: str = "starting"

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def note(self, kind: Kind) -> None:
        self.faults[kind] += 1

    def note_return(self, seconds: float) -> None:
        self.longest_return_s = max(self.longest_return_s, seconds)


class Progress:
    """A line on a terminal that is written over; elsewhere one now and then."""

    def __init__(self, world: "World", until: float | None) -> None:
        self._world = world
        self._until = until
        self._on_terminal = sys.stderr.isatty()
        self._shown_at = float("-inf")

    def show(self) -> None:
        now = time.monotonic()
        if not self._on_terminal and now - self._shown_at < _PLAIN_LINE_EVERY_S:
            return
        self._shown_at = now
        figures, ledger = self._world.figures, self._world.ledger
        left = "" if self._until is None else f"{_clock(max(self._until - now, 0))} left · "
        line = (
            f"{left}{figures.kills} kills · {ledger.counts[Outcome.ACKNOWLEDGED]:,} posts ·"
            f" {count_deliveries(self._world):,} deliveries · {self._world.verdicts.count} violations · {figures.phase}"
        )
        if self._on_terminal:
            print(f"\r\x1b[K{line[:150]}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print something that stays."""
        print(f"\r\x1b[K{text}" if self._on_terminal else text, file=sys.stderr, flush=True)


def count_deliveries(world: "World") -> int:
    return world.figures.deliveries + sum(record.deliveries for record in world.records)


def write_report(world: "World", *, repeat: list[str], folder: Path) -> str:
    """Write what a reader of the run wants to know."""
    figures, ledger, verdicts = world.figures, world.ledger, world.verdicts
    herds = ", ".join(f"{count:,} listeners in {seconds:.1f} s" for count, seconds in figures.herds) or "none"
    others = [f"{count} x {kind.value}" for kind, count in figures.faults.items() if kind not in KILLS]
    killed = [f"{count} x {kind.value}" for kind, count in figures.faults.items() if kind in KILLS]
    rows = [
        ("broker, seed", f"{world.broker}, {world.seed}"),
        ("duration", _clock(figures.seconds)),
        ("kills (kill -9)", f"{figures.kills}: {', '.join(killed) or 'none'}, and some within other faults"),
        ("other faults", ", ".join(others) or "none"),
        ("lives of the daemon", f"{world.daemon.lives}"),
        (
            "posts",
            ", ".join(f"{ledger.counts[outcome]:,} {outcome.value}" for outcome in Outcome if ledger.counts[outcome]),
        ),
        ("deliveries checked", f"{count_deliveries(world):,}"),
        ("histories read", f"{figures.histories:,}"),
        ("gaps told", f"{figures.gaps + sum(record.gaps for record in world.records):,}"),
        ("links made anew", f"{figures.reconnects + sum(listener.links - 1 for listener in world.listeners):,}"),
        ("longest until all were back", f"{figures.longest_return_s:.1f} s after the restart"),
        ("restarts with a herd", herds),
        ("longest drain", f"{figures.longest_drain_s:.2f} s"),
        ("memory of the daemon", f"{world.daemon.largest_mb:.0f} MB at most"),
        ("growth while readers stalled", f"{figures.stalled_growth_mb:.0f} MB at most"),
        (
            "disk",
            f"{world.store.disk}; {figures.torn_bytes:,} bytes torn off" if world.broker == "sqlite" else "not used",
        ),
        ("violations", f"{verdicts.count}"),
    ]
    lines = [f"  {name:<30}{value}" for name, value in rows]
    if verdicts.count:
        lines += ["", *(f"  {violation}" for violation in verdicts.found[:30])]
        lines += ["", f"repeat: {shlex.join(repeat)}", f"logs:   {folder}"]
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
