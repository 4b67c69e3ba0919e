"""How findings are shown: a table a door on a terminal, a line each in a pipe, or one JSON object.

It must not know how anything is found out.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Console, Group
from rich.table import Table

from oyez.cli.colours import Part, make_console, styled
from oyez.cli.output import print_line
from oyez.cli.selftest.findings import TITLES, Door, Finding, Outcome

_STYLES = {Outcome.OK: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "yellow", Outcome.NOT_OFFERED: "dim"}
_LONGEST = 400  # of what came, for people
_MOST = 10_000  # for scripts
_CODE_WIDTH = 36


class Report:
    """Shows a run while it goes on, and knows what it has come to."""

    def __init__(self, progress: Console) -> None:
        self.findings: list[Finding] = []
        self._status = progress.status("")

    def announce(self, code: str) -> None:
        """Show what is being looked at, where that can be taken back."""
        self._status.update(styled((code, "dim")))

    def show(self, door: Door, findings: Iterable[Finding]) -> None:
        """Show what was found at a door; the findings come as they are made."""
        with self._status:
            for finding in findings:
                self.findings.append(finding)
                self._show_one(finding)
        self._end_door(door)

    def end(self, took_s: float) -> None:
        """Show what it comes to."""
        raise NotImplementedError

    @property
    def counts(self) -> Counter[Outcome]:
        """How often each outcome came."""
        return Counter(finding.outcome for finding in self.findings)

    @property
    def passed(self) -> bool:
        """Tell whether nothing failed; a run that could check nothing has not passed either."""
        return not self.counts[Outcome.FAILED] and bool(self.counts[Outcome.OK])

    def _show_one(self, finding: Finding) -> None:
        """Show one finding at once."""

    def _end_door(self, door: Door) -> None:
        """Show what is kept for the end of a door."""

    def _summarize(self, took_s: float) -> str:
        """Put the run into one line."""
        parts = [f"{self.counts[outcome]} {outcome}" for outcome in Outcome if self.counts[outcome]]
        verdict = f"{', '.join(parts)}, in {took_s:.1f} s"
        if self.passed and self.counts[Outcome.SKIPPED]:
            return f"{verdict}. Nothing failed; of what was skipped nothing is known."
        if self.counts[Outcome.OK]:
            return verdict
        return f"{verdict}. Nothing could be checked: is this the address of an event daemon?"


class PlainReport(Report):
    """A line a check, as it is made."""

    def __init__(self) -> None:
        super().__init__(make_console(quiet=True))

    def end(self, took_s: float) -> None:
        """Print the last line."""
        print_line(self._summarize(took_s))

    def _show_one(self, finding: Finding) -> None:
        took = "" if finding.took_ms is None else f"  {finding.took_ms:.1f} ms"
        remark = f"  ({finding.reason})" if finding.reason else ""
        print_line(f"{finding.outcome:<11}  {finding.code:<{_CODE_WIDTH}}  {finding.sentence}{took}{remark}")
        for name, text in _details(finding):
            print_line(f"{'':<11}  {name:<9}  {text}")


class TableReport(Report):
    """A table a door, as soon as the door is done; meanwhile the check that is being made."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._console = console
        self._rows = _new_rows()
        self._skipped: Counter[str] = Counter()

    def end(self, took_s: float) -> None:
        """Print the last line."""
        self._console.print(styled((self._summarize(took_s), "bold green" if self.passed else "bold red")))

    def _show_one(self, finding: Finding) -> None:
        if finding.outcome is Outcome.SKIPPED:
            self._skipped[finding.reason] += 1  # with the same reason there may be dozens
            return
        style = _STYLES[finding.outcome]
        lines: list[tuple[Part, ...]] = [((finding.sentence, "dim" if finding.reason else ""),)]
        if finding.reason:
            lines.append(((finding.reason, style),))
        lines += (((f"{name:<9} ", "bold"), text) for name, text in _details(finding))
        took = "" if finding.took_ms is None else f"{finding.took_ms:.1f} ms"
        words = Group(*(styled(*line) for line in lines))
        self._rows.add_row(styled((finding.outcome, style)), finding.code, words, took)

    def _end_door(self, door: Door) -> None:
        for reason, times in self._skipped.items():
            style = _STYLES[Outcome.SKIPPED]
            number = f"{times} check{'s' if times > 1 else ''}"
            self._rows.add_row(styled(("skipped", style)), number, styled((reason, style)), "")
        self._skipped.clear()
        self._console.print(styled((TITLES[door], "bold")))
        self._console.print(self._rows)
        self._console.print()
        self._rows = _new_rows()


class JsonReport(Report):
    """One object at the end."""

    def __init__(self, url: str) -> None:
        super().__init__(make_console(stderr=True, quiet=sys.stderr is None or not sys.stderr.isatty()))
        self._url = url

    def end(self, took_s: float) -> None:
        """Print all."""
        counts = {outcome.value: self.counts[outcome] for outcome in Outcome}
        checks = [_as_json(finding) for finding in self.findings]
        print_line(json.dumps({"ok": self.passed, "url": self._url, "counts": counts, "checks": checks}))


def choose(url: str, *, as_json: bool) -> Report:
    """Give the report for where the output goes."""
    if as_json:
        return JsonReport(url)
    return TableReport(make_console()) if sys.stdout is not None and sys.stdout.isatty() else PlainReport()


def _new_rows() -> Table:
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(style="cyan", no_wrap=True)
    rows.add_column()
    rows.add_column(style="dim", justify="right", no_wrap=True)
    return rows


def _details(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.outcome is Outcome.FAILED:
        yield "expected", _shorten(finding.expected)
        yield "came", _shorten(finding.came)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _as_json(finding: Finding) -> dict[str, object]:
    row: dict[str, object] = {
        "door": finding.door.value,
        "code": finding.code,
        "outcome": finding.outcome.value,
        "sentence": finding.sentence,
        "ms": None if finding.took_ms is None else round(finding.took_ms, 1),
    }
    if finding.outcome is Outcome.FAILED:
        row |= {"expected": finding.expected[:_MOST], "came": finding.came[:_MOST]}
    if finding.reason:
        row["reason"] = finding.reason
    return row
