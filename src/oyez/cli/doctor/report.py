"""What the doctor shows: a line for each step as it is taken, then each problem with its cure; or all of it as JSON.

Knows outcomes and the terminal. Must not know what a step does.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.table import Table

from oyez.cli.colours import Part, make_console, plain, styled
from oyez.cli.doctor.findings import Finding, Outcome, Reach, Weight
from oyez.cli.output import print_line

_MARKS = {Weight.OK: ("ok", "green"), Weight.WARNING: ("warning", "yellow"), Weight.ERROR: ("ERROR", "bold red")}
_SKIPPED = ("skipped", "dim")
_MARK_WIDTH = max(len(mark) for mark, _ in (*_MARKS.values(), _SKIPPED))
_LINE_WIDTH = 100

_VERDICTS = {
    Reach.PUBLIC: ("Events get through to browsers, as far as could be tried.", "bold green"),
    Reach.MACHINE: ("Events get through to browsers on this machine. Others were not tried.", "bold green"),
    Reach.NOWHERE: (
        "Nothing wrong was found, but no event was followed to a browser: --public-url URL says where they connect.",
        "bold yellow",
    ),
}
_NOT_TRIED = (
    "Not tried, since it takes a minute: how long a proxy leaves a silent connection open. nginx's proxy_read_timeout "
    "(60 s if not set) has to be longer than a long poll (http.long_poll_timeout_s, 29 s) and than the time between "
    "two pings (25 s)."
)


class Report:
    """For people."""

    def __init__(self) -> None:
        self._console = make_console()
        self._findings: list[Finding] = []
        self._reach = Reach.NOWHERE

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show what is being done, where that can be taken back."""
        with self._console.status(styled((title, "dim"))):
            yield

    def add(self, title: str, outcome: Outcome) -> None:
        """Write the line of a step; of what was found the code, since the rest follows below."""
        mark, style = _SKIPPED if outcome.skipped else _MARKS[outcome.weight]
        note = ", ".join(finding.code for finding in outcome.findings) or outcome.note
        self._print((f"{mark:<{_MARK_WIDTH}}  ", style), title, (f": {note}", "dim"))
        self._findings += outcome.findings
        self._reach = max(self._reach, outcome.reach)

    def conclude(self) -> None:
        """Write the findings, the gravest first."""
        by_cure: dict[str, list[Finding]] = {}
        for finding in sorted(self._findings, key=lambda finding: list(Weight).index(finding.weight), reverse=True):
            by_cure.setdefault(finding.cure, []).append(finding)
        for alike in by_cure.values():
            self._write(alike)
        errors = sum(alike[0].weight is Weight.ERROR for alike in by_cure.values())
        self._print()
        if errors:
            self._print((f"{errors} problem{'s' if errors > 1 else ''} found.", "bold red"))
            return
        self._print(_VERDICTS[self._reach])
        if self._reach is Reach.PUBLIC:
            self._print((_NOT_TRIED, "dim"))

    def _write(self, alike: list[Finding]) -> None:
        """Write findings that have the same cure."""
        finding = alike[0]
        mark, style = _MARKS[finding.weight]
        self._print()
        self._print((f"{mark}: {finding.code}", style), (f"  {finding.setting}", "bold"))
        for other in alike:
            self._print(other.seen, label="  Seen  ")
        self._print(finding.cure, label="  Cure  ")

    def _print(self, *parts: Part, label: str = "") -> None:
        if not self._console.is_terminal:
            print_line(label + plain(*parts))  # as long as it is: scripts and mails break lines by themselves
            return
        table = Table.grid()
        table.add_column(style="dim", no_wrap=True)
        table.add_row(label, styled(*parts))
        self._console.print(table if label else styled(*parts), width=min(self._console.width, _LINE_WIDTH))


class JsonReport:
    """For scripts: one object, at the end."""

    def __init__(self) -> None:
        self._steps: list[dict[str, object]] = []
        self._findings: list[dict[str, str]] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show nothing."""
        yield

    def add(self, title: str, outcome: Outcome) -> None:
        """Keep a step."""
        status = "skipped" if outcome.skipped else str(outcome.weight)
        codes = [finding.code for finding in outcome.findings]
        self._steps.append({"title": title, "status": status, "note": outcome.note, "codes": codes})
        self._findings += [
            {
                "code": finding.code,
                "weight": str(finding.weight),
                "setting": finding.setting,
                "seen": finding.seen,
                "cure": finding.cure,
            }
            for finding in outcome.findings
        ]

    def conclude(self) -> None:
        """Write all."""
        ok = all(finding["weight"] != Weight.ERROR for finding in self._findings)
        print_line(json.dumps({"ok": ok, "steps": self._steps, "findings": self._findings}))


def take_steps(steps: Iterable[tuple[str, Callable[[], Outcome]]], report: Report | JsonReport) -> bool:
    """Take steps and report each; True if nothing is wrong but for warnings."""
    is_well = True
    for title, check in steps:
        with report.step(title):
            outcome = check()
        report.add(title, outcome)
        is_well = is_well and outcome.weight is not Weight.ERROR
    report.conclude()
    return is_well
