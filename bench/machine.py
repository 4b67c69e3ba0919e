"""The machine beside what is measured: is it quiet, and what else ran?

Reads Linux's /proc. Must not know what is measured.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
QUIET = 0.1  # of all cores busy
LOOK_S = 1.0
MOST_NAMED = 5
NOTABLE = 0.05  # of a core


def busy_share(look_s: float = LOOK_S) -> float:
    """Return which part of all cores is busy, looking for so many seconds."""
    before = _cores()
    time.sleep(look_s)
    idle, total = (now - then for now, then in zip(_cores(), before, strict=True))
    return 1 - idle / total if total else 0.0


def _cores() -> tuple[int, int]:
    """Return ticks of all cores since the start: idle ones, all. proc(5): user nice system idle iowait …"""
    ticks = [int(word) for word in Path("/proc/stat").read_text("utf-8").split("\n", 1)[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def wait_for_quiet(patience_s: float) -> str:
    """Wait until others are quiet, for so long at most; returns what came of it."""
    deadline = time.monotonic() + patience_s
    while True:
        busy = busy_share()
        if busy <= QUIET:
            return "the machine was quiet at the start"
        if time.monotonic() >= deadline:
            return f"the machine was not quiet at the start: {busy:.0%} of its cores were busy after {patience_s:g} s"


@dataclass
class Witness:
    """Sees how much of the machine others use. What does not count is its own process, and all that that starts.

    `end` has to be called when what was started has been waited for.
    """

    used: dict[str, float] = field(default_factory=dict)  # seconds, by name of the program, of those that were there
    all_used_s: float = 0.0
    watched_s: float = 0.0

    def begin(self) -> None:
        """From now on."""
        self._began, self._busy, self._own_s = time.monotonic(), _busy_s(), _own_s()
        self._before = _processes()

    def end(self) -> None:
        """Until now."""
        own = _family(os.getpid())
        for pid, (name, ticks, _) in _processes().items():
            if pid in self._before and pid not in own and ticks > self._before[pid][1]:
                self.used[name] = self.used.get(name, 0) + (ticks - self._before[pid][1]) / TICKS_PER_S
        self.all_used_s += max(_busy_s() - self._busy - (_own_s() - self._own_s), 0)
        self.watched_s += time.monotonic() - self._began

    def others(self) -> dict[str, float]:
        """Return how many cores others used on average: `all`, and who had most of them."""
        if not self.watched_s:
            return {}
        most = sorted(self.used.items(), key=lambda each: -each[1])[:MOST_NAMED]
        shares = {"all": self.all_used_s, **dict(most)}
        return {
            name: round(used / self.watched_s, 2) for name, used in shares.items() if used >= self.watched_s * NOTABLE
        }


def _busy_s() -> float:
    idle, total = _cores()
    return (total - idle) / TICKS_PER_S


def _own_s() -> float:
    """Return what this process has used, and those that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _processes() -> dict[int, tuple[str, int, int]]:
    """Return name, ticks of processor time and parent of each process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            name, _, rest = (folder / "stat").read_text("utf-8", "replace").partition("(")[2].rpartition(")")
            words = rest.split()  # proc(5): from field 3 on; 4 is the parent, 14 and 15 are the times
            found[int(folder.name)] = (name, int(words[11]) + int(words[12]), int(words[1]))
    return found


def _family(ancestor: int) -> set[int]:
    processes = _processes()
    family = {ancestor}
    while True:
        more = {pid for pid, (_, _, parent) in processes.items() if parent in family} - family
        if not more:
            return family
        family |= more
