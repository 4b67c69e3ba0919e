"""What the doctor shows: a line for each step as it is taken, then each problem with its cure; or all of it as JSON.

Knows outcomes and the terminal. Must not know what a step does.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oyez.cli.diagnosis.findings import Finding, Outcome, Weight
from oyez.cli.output import print_line
from oyez.terminal_text import printable

_MARKS = {Weight.OK: ("ok", "green"), Weight.WARNING: ("warning", "yellow"), Weight.ERROR: ("ERROR", "bold red")}
_SKIPPED = ("skipped", "dim")
_MARK_WIDTH = max(len(mark) for mark, _ in (*_MARKS.values(), _SKIPPED))
_LINE_WIDTH = 100

NOT_TRIED = (
    "Not tried, since it takes a minute: how long a proxy leaves a silent connection open. nginx's proxy_read_timeout "
    "(60 s if not set) has to be longer than a long poll (http.long_poll_timeout_s, 29 s) and than the time between "
    "two pings (25 s)."
)


class Report:
    """For people."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._findings: list[Finding] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show what is being done, where that can be taken back."""
        with self._console.status(Text(title, "dim")):
            yield

    def add(self, title: str, outcome: Outcome) -> None:
        """Write the line of a step."""
        mark, style = _SKIPPED if outcome.skipped else _MARKS[outcome.weight]
        line = Text().append(f"{mark:<{_MARK_WIDTH}}  ", style).append(title)
        # The findings tell the rest below.
        line.append("" if outcome.findings else f": {printable(outcome.note)}", "dim")
        self._print(line)
        self._findings += outcome.findings

    def conclude(self) -> None:
        """Write the findings, the gravest first."""
        by_cure: dict[str, list[Finding]] = {}
        for finding in sorted(self._findings, key=lambda finding: list(Weight).index(finding.weight), reverse=True):
            by_cure.setdefault(finding.cure, []).append(finding)
        for alike in by_cure.values():
            self._write(alike)
        errors = sum(alike[0].weight is Weight.ERROR for alike in by_cure.values())
        self._print(Text())
        if not errors:
            self._print(Text("Events get through to browsers, as far as could be tried.", "bold green"))
            self._print(Text(NOT_TRIED, "dim"))
        else:
            self._print(Text(f"{errors} problem{'s' if errors > 1 else ''} found.", "bold red"))

    def _write(self, alike: list[Finding]) -> None:
        """Write findings that have the same cure."""
        finding = alike[0]
        mark, style = _MARKS[finding.weight]
        self._print(Text())
        self._print(Text().append(f"{mark}: {finding.code}", style).append(f"  {finding.setting}", "bold"))
        for other in alike:
            self._print(Text(printable(other.seen)), label="  Seen  ")
        self._print(Text(printable(finding.cure)), label="  Cure  ")

    def _print(self, line: Text, *, label: str = "") -> None:
        if not self._console.is_terminal:
            print_line(label + line.plain)  # as long as it is: scripts and mails break lines by themselves
            return
        table = Table.grid()
        table.add_column(style="dim", no_wrap=True)
        table.add_row(label, line)
        self._console.print(table if label else line, width=min(self._console.width, _LINE_WIDTH))


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
