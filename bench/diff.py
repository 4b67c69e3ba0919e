"""Compare the newest run with that of the last release, and print what moved: ``python -m bench.diff``.

Machines differ, so what is compared is not a figure but its ratio to that of a peer in the same run: to the first of
`BESIDE` that both runs have in the scenario.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.report import Document
from bench.scenarios import FIGURES, SCENARIOS
from bench.servers import ROOT
from bench.setup import BUILT

BESIDE = ("floor", "Node socket.io", "Node ws", "Centrifugo, HTTP", "Centrifugo, batches")
LAST_RELEASE = ROOT / "figures" / "last-release.json"
NOTABLE = 0.1  # what medians of three rounds move by themselves on a quiet machine


@dataclass(frozen=True)
class Change:
    """A figure beside a peer's, then and now; `better` is above 1 if it got better."""

    scenario: str
    server: str
    figure: str
    beside: str
    then: float
    now: float

    @property
    def better(self) -> float:
        """Return how many times as good it is."""
        return self.now / self.then if FIGURES[self.figure].more_is_better else self.then / self.now

    @property
    def notable(self) -> bool:
        """Tell whether it moved by more than figures do by themselves."""
        return max(self.better, 1 / self.better) > 1 + NOTABLE


def changes(then: Document, now: Document) -> Iterator[Change]:
    """Return every figure of Oyez that both runs have beside the same peer."""
    for scenario in SCENARIOS:
        old, new = (each["scenarios"].get(scenario.name, {}).get("results", {}) for each in (then, now))
        beside = next((name for name in BESIDE if name in old and name in new), None)
        if beside is None:
            continue
        for server in (name for name in old if name in new and name.startswith("Oyez")):
            for figure in scenario.figures:
                values = old[server][figure], old[beside][figure], new[server][figure], new[beside][figure]
                if min(values) > 0:
                    was, was_beside, it_is, is_beside = values
                    yield Change(scenario.name, server, figure, beside, was / was_beside, it_is / is_beside)


def render_changes(found: list[Change]) -> str:
    """Return the notable ones as a table, the worst first."""
    notable = sorted((change for change in found if change.notable), key=lambda change: change.better)
    lines = [f"{len(notable)} of {len(found)} figures moved by more than {NOTABLE:.0%}."]
    if notable:
        lines += [
            "",
            "| scenario | server | figure | beside | then | now | |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
    for change in notable:
        word = "better" if change.better > 1 else "WORSE"
        lines.append(
            f"| {change.scenario} | {change.server} | {FIGURES[change.figure].heading} | {change.beside} "
            f"| {change.then:.3g} | {change.now:.3g} | {change.better:.2f} × as good: {word} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Print what moved; exit code 1 if there is nothing to compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", default=BUILT / "run.json", help="default: the newest run")
    parser.add_argument("--then", type=Path, default=LAST_RELEASE, help="default: that of the last release")
    arguments = parser.parse_args()
    if not arguments.run.exists():
        print(f"There is no run at {arguments.run}: `make bench` makes one.", file=sys.stderr)
        return 1
    then, now = (json.loads(path.read_text("utf-8")) for path in (arguments.then, arguments.run))
    print(f"Then: {then['when']}, commit {then['commit']}, on {then['machine']}")
    print(f"Now: {now['when']}, commit {now['commit']}, on {now['machine']}")
    if now["short"]:
        print("That was a short run: its figures say nothing.")
    found = list(changes(then, now))
    if not found:
        print("The two runs have no scenario with the same peer.", file=sys.stderr)
        return 1
    print(render_changes(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
