"""What the doctor shows: a line for each step as it is taken, then each problem with its cure; or all of it as JSON.

Knows outcomes and the terminal. Must not know what a step does.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

from rich.table import Table

from oyez.cli.colours import Part, make_console, plain, styled
from oyez.cli.doctor.findings import Finding, Outcome, Reach
from oyez.cli.output import print_line
from oyez.cli.report import JsonReport, Report
from oyez.probe.status import Status

_MARKS = {
    Status.OK: ("ok", "green"),
    Status.WARNING: ("warning", "yellow"),
    Status.ERROR: ("ERROR", "bold red"),
    Status.SKIPPED: ("skipped", "dim"),
}
_MARK_WIDTH = max(len(mark) for mark, _ in _MARKS.values())
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


class StepReport(Report[Outcome]):
    """For people: a line for each step, then the problems."""

    def __init__(self) -> None:
        self._console = make_console()
        super().__init__(self._console)

    def show(self, result: Outcome) -> None:
        """Write the line of a step; of what was found the code, since the rest follows below."""
        mark, style = _MARKS[result.status]
        note = ", ".join(finding.code for finding in result.findings) or result.note
        self._print((f"{mark:<{_MARK_WIDTH}}  ", style), result.title, (f": {note}", "dim"))

    def conclude(self) -> None:
        """Write the findings, the gravest first, those with the same cure together."""
        by_cure: dict[str, list[Finding]] = {}
        found = [finding for outcome in self.results for finding in outcome.findings]
        for finding in sorted(found, key=lambda finding: finding.weight is not Status.ERROR):
            by_cure.setdefault(finding.cure, []).append(finding)
        for alike in by_cure.values():
            self._write(alike)
        errors = sum(alike[0].weight is Status.ERROR for alike in by_cure.values())
        self._print()
        if errors:
            self._print((f"{errors} problem{'s' if errors > 1 else ''} found.", "bold red"))
            return
        reach = max((outcome.reach for outcome in self.results), default=Reach.NOWHERE)
        self._print(_VERDICTS[reach])
        if reach is Reach.PUBLIC:
            self._print((_NOT_TRIED, "dim"))

    def _write(self, alike: list[Finding]) -> None:
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


def choose_report(*, as_json: bool) -> Report[Outcome]:
    """Make the report that was asked for; the one in JSON shows no progress."""
    return JsonReport(_describe, make_console(quiet=True)) if as_json else StepReport()


def _describe(report: Report[Outcome]) -> dict[str, object]:
    """Make ``{"steps": [{"title", "status", "note", "codes"}, …], "findings": [{"code", "weight", …}, …]}``."""
    steps = [
        {
            "title": outcome.title,
            "status": outcome.status,
            "note": outcome.note,
            "codes": [finding.code for finding in outcome.findings],
        }
        for outcome in report.results
    ]
    return {"steps": steps, "findings": [asdict(finding) for outcome in report.results for finding in outcome.findings]}


def take_steps(steps: Iterable[tuple[str, Callable[[], Outcome]]], report: Report[Outcome]) -> bool:
    """Take steps and report each. Returns True if nothing is wrong but for warnings."""
    for title, check in steps:
        with report.progress(title):
            outcome = check()
        report.add(replace(outcome, title=title))
    report.conclude()
    return report.is_well
