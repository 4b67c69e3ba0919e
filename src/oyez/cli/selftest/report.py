"""How the results of checks are shown: a table a door on a terminal, a line each in a pipe, or one JSON object.

It must not know how anything is found out.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator

from rich.console import Console, Group
from rich.table import Table

from oyez.cli.colours import Part, make_console, styled
from oyez.cli.output import print_line
from oyez.cli.report import JsonReport, Report
from oyez.contract.findings import Result
from oyez.probe.status import Status

_STYLES = {Status.OK: "green", Status.FAILED: "bold red", Status.SKIPPED: "yellow", Status.NOT_OFFERED: "dim"}
_LONGEST = 400  # of what came, for people
_MOST = 10_000  # for scripts
_CODE_WIDTH = 36


class _PeopleReport(Report[Result]):
    def __init__(self, progress: Console, began: float) -> None:
        super().__init__(progress, needs_success=True)
        self._began = began

    def _summarize(self) -> str:
        """Put the run into one line."""
        counts = self.counts
        parts = [f"{counts[status]} {status}" for status in _STYLES if counts[status]]
        verdict = f"{', '.join(parts)}, in {time.monotonic() - self._began:.1f} s"
        if self.is_well and counts[Status.SKIPPED]:
            return f"{verdict}. Nothing failed; of what was skipped nothing is known."
        if counts[Status.OK]:
            return verdict
        return f"{verdict}. Nothing could be checked: is this the address of an event daemon?"


class PlainReport(_PeopleReport):
    """A line a check, as it is made."""

    def __init__(self, began: float) -> None:
        super().__init__(make_console(quiet=True), began)

    def show(self, result: Result) -> None:
        """Print the line, and what was expected if something else came."""
        took = "" if result.took_ms is None else f"  {result.took_ms:.1f} ms"
        remark = f"  ({result.reason})" if result.reason else ""
        print_line(f"{result.status:<11}  {result.code:<{_CODE_WIDTH}}  {result.sentence}{took}{remark}")
        for name, text in _details(result):
            print_line(f"{'':<11}  {name:<9}  {text}")

    def conclude(self) -> None:
        """Print how many checks came to what, in one line."""
        print_line(self._summarize())


class TableReport(_PeopleReport):
    """A table a door, as soon as the door is done; meanwhile the check that is being made."""

    def __init__(self, console: Console, began: float) -> None:
        super().__init__(console, began)
        self._console = console
        self._rows = _new_rows()
        self._skipped: Counter[str] = Counter()

    def show(self, result: Result) -> None:
        """Add a row; checks that were skipped for the same reason, dozens perhaps, share one."""
        if result.status is Status.SKIPPED:
            self._skipped[result.reason] += 1
            return
        style = _STYLES[result.status]
        lines: list[tuple[Part, ...]] = [((result.sentence, "dim" if result.reason else ""),)]
        if result.reason:
            lines.append(((result.reason, style),))
        lines += (((f"{name:<9} ", "bold"), text) for name, text in _details(result))
        took = "" if result.took_ms is None else f"{result.took_ms:.1f} ms"
        words = Group(*(styled(*line) for line in lines))
        self._rows.add_row(styled((result.status, style)), result.code, words, took)

    def end_group(self, title: str) -> None:
        """Print the table of a door."""
        for reason, times in self._skipped.items():
            style = _STYLES[Status.SKIPPED]
            number = f"{times} check{'s' if times > 1 else ''}"
            self._rows.add_row(styled(("skipped", style)), number, styled((reason, style)), "")
        self._skipped.clear()
        self._console.print(styled((title, "bold")))
        self._console.print(self._rows)
        self._console.print()
        self._rows = _new_rows()

    def conclude(self) -> None:
        """Print how many checks came to what, in green if all is well."""
        self._console.print(styled((self._summarize(), "bold green" if self.is_well else "bold red")))


def choose_report(url: str, began: float, *, as_json: bool) -> Report[Result]:
    """Make the report for where the output goes; `began` is the time of the steady clock when the run did."""
    if as_json:
        progress = make_console(stderr=True, quiet=sys.stderr is None or not sys.stderr.isatty())
        return JsonReport(lambda report: _describe(url, report), progress, needs_success=True)
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return TableReport(make_console(), began) if is_terminal else PlainReport(began)


def _new_rows() -> Table:
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(style="cyan", no_wrap=True)
    rows.add_column()
    rows.add_column(style="dim", justify="right", no_wrap=True)
    return rows


def _details(result: Result) -> Iterator[tuple[str, str]]:
    if result.status is Status.FAILED:
        yield "expected", _shorten(result.expected)
        yield "came", _shorten(result.came)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _describe(url: str, report: Report[Result]) -> dict[str, object]:
    """Make ``{"url", "counts": {status: number}, "checks": [{"door", "code", "outcome", "sentence", "ms", …}, …]}``."""
    counts = report.counts
    return {
        "url": url,
        "counts": {status: counts[status] for status in _STYLES},
        "checks": [_describe_one(result) for result in report.results],
    }


def _describe_one(result: Result) -> dict[str, object]:
    row: dict[str, object] = {
        "door": result.door,
        "code": result.code,
        "outcome": result.status,
        "sentence": result.sentence,
        "ms": None if result.took_ms is None else round(result.took_ms, 1),
    }
    if result.status is Status.FAILED:
        row |= {"expected": result.expected[:_MOST], "came": result.came[:_MOST]}
    if result.reason:
        row["reason"] = result.reason
    return row
