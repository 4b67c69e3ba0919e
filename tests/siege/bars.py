"""What is asked of a daemon that is attacked, and whether it was kept.

Knows figures. Must not know how they were measured.
"""

from dataclasses import dataclass, field

from tests.siege.latencies import Spread

FLOOR_MS = 10.0
"""A calm p99 below this counts as this. A process that nobody attacks, and that answers a line, took 3 to 10 ms at p99
on two cores in the calm: so long one waits for a core now and then."""
BUSY_FLOOR_MS = 250.0
"""The same on a machine where other tests take both cores."""
SLOWER_BY = 2.0
CALM_WITHIN_S = 1.0
BYTES_A_LINK = 96 * 1024
"""What a link or session of an attacker may cost: an idle connection, and at most 64 KiB beyond it."""
SPARE_BYTES = 16 * 2**20
"""What the daemon may grow by beside that: code runs for the first time, and the allocator keeps what was used once."""
BATCHES_BYTES = 192 * 2**20
"""What a poster with the key may make it grow by: the whole of history, and four of the largest requests at once."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was measured in one stretch of time; milliseconds."""

    acknowledged: Spread
    delivered: Spread
    machine: Spread


@dataclass(slots=True)
class Row:
    """One attack as the others saw it.

    Attributes:
        grown_mb: memory of the daemon at its highest, above that of the calm before.
        open_links: connections and sessions that the attacker had at once.
        calm_after_s: seconds until posts were answered as before; None: not within the patience of the run.
        seats_lost: listeners and posters whose link ended, and events that did not come.
        refused: newcomers who were not served.
        named: whether the log has the address; None: it does not have to.
        poster: whether the attacker shows the key.
        many: whether there are attackers enough, each with its share, to fill the daemon: then newcomers wait.
        floor_ms: what a calm p99 counts as at least.
        counts: what the attacker says of it.
        addresses: those that the log has to have.
    """

    attack: str
    calm: Moment
    attacked: Moment
    grown_mb: float
    open_links: int
    calm_after_s: float | None
    seats_lost: list[str]
    refused: list[str]
    named: bool | None
    poster: bool = False
    many: bool = False
    floor_ms: float = FLOOR_MS
    counts: dict[str, int] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)

    def missed(self) -> list[str]:
        """Say which bars were missed, in words."""
        extra_ms = max(self.attacked.machine.p99 - self.calm.machine.p99, 0.0)
        missed = [
            f"{what} p99 {attacked.p99:.1f} ms, and {allowed_ms(calm, self.floor_ms) + extra_ms:.1f} may be"
            for what, calm, attacked in (
                ("acknowledgement", self.calm.acknowledged, self.attacked.acknowledged),
                ("delivery", self.calm.delivered, self.attacked.delivered),
            )
            if attacked.p99 > allowed_ms(calm, self.floor_ms) + extra_ms
        ]
        if self.grown_mb * 2**20 > (allowed := self._allowed_bytes()):
            missed.append(f"{self.grown_mb:.1f} MB more memory, and {allowed / 2**20:.1f} may be")
        if self.calm_after_s is None or self.calm_after_s > CALM_WITHIN_S:
            missed.append(
                "calm again " + ("never" if self.calm_after_s is None else f"after {self.calm_after_s:.1f} s")
            )
        missed += self.seats_lost
        if self.refused and not self.many:
            missed.append(f"{len(self.refused)} newcomers not served, the first: {self.refused[0]}")
        if self.named is False:
            missed.append("the log does not name the address")
        return missed

    def _allowed_bytes(self) -> int:
        return SPARE_BYTES + (BATCHES_BYTES if self.poster else self.open_links * BYTES_A_LINK)


def allowed_ms(calm: Spread, floor_ms: float = FLOOR_MS) -> float:
    """Return what 99 of a hundred may take while somebody attacks, on a machine that has nothing else to do."""
    return SLOWER_BY * max(calm.p99, floor_ms)
