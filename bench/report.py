"""Show the figures of a run as Markdown: ``python -m bench.report .venv/peers/run.json``.

With ``--write docs/explanation/performance.md`` they take the place of what is between the two marks there, and the
plots beside it are drawn anew.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.bars import Results, Verdict, judge
from bench.plots import PLOTS, draw
from bench.scenarios import FIGURES, SCENARIOS, Scenario
from bench.servers import SERVERS

Document = dict[str, Any]  # what compare.py writes
GENERATOR_LIMIT = 0.95  # of a core
BUSY = 0.1  # cores that others use
BEGIN, END = "<!-- figures: written by python -m bench.report -->", "<!-- end of figures -->"


def verdicts_of(document: Document) -> dict[str, list[Verdict]]:
    """Return the verdicts on every scenario that was run."""
    return {name: judge(name, each["results"]) for name, each in document["scenarios"].items()}


def missed_bars(document: Document) -> int:
    """Count the bars that were measured and missed."""
    return sum(verdict.word == "MISSED" for each in verdicts_of(document).values() for verdict in each)


def render(document: Document) -> str:
    """Return everything as Markdown: how it was measured, then each scenario with its bars."""
    lines = [_how_measured(document), "", *_overview(document), ""]
    for scenario in SCENARIOS:
        if scenario.name in document["scenarios"]:
            lines += _render_scenario(scenario, document)
    return "\n".join(lines)


def _how_measured(document: Document) -> str:
    rounds = "a short run: the figures say nothing" if document["short"] else f"medians of {document['rounds']} rounds"
    if document["rounds"] == 1 and not document["short"]:
        rounds = "one round"
    shares = dict(document["others"])
    everything = shares.pop("all", 0.0)
    lighter = f", 1/{document['lighter']} of the posts" if document["lighter"] > 1 else ""
    others = f"{everything:.2f} cores on average" + "".join(f", {name} {share:.2f}" for name, share in shares.items())
    parts = [
        f"{document['when']}, commit {document['commit']}: {document['machine']}, "
        f"Python {document['python']}; {rounds}{lighter}.",
        f"{document['quiet'][0].upper()}{document['quiet'][1:]}.",
        f"Other work meanwhile: {others}.",
    ]
    if everything > BUSY:
        parts.append("So times and rates are those of a busy machine, and say little; CPU and memory say more.")
    if left_out := _left_out(document["left_out"]):
        parts.append(f"Left out: {left_out}.")
    return " ".join(parts)


OVERVIEW = (
    ("burst", "deliveries_per_s", "burst: deliveries a second"),
    ("channels", "posts_per_s", "1,000 channels: events a second"),
    ("http", "posts_per_s", "by HTTP: events a second"),
    ("batches", "posts_per_s", "in batches: events a second"),
    ("paced", "p99_ms", "paced: p99, ms"),
    ("burst", "kb_per_connection", "KB per connection"),
    ("storm", "storm_s", "3,000 back after, s"),
    ("start", "start_ms", "start, ms"),
)


def _overview(document: Document) -> Iterator[str]:
    """Return the one table that has every server, and of each scenario what it is about."""
    columns = [column for column in OVERVIEW if column[0] in document["scenarios"]]
    if len(columns) < 2:
        return
    cells: dict[str, dict[str, str]] = {}
    for scenario, figure, heading in columns:
        for name, figures in document["scenarios"][scenario]["results"].items():
            row = cells.setdefault(SERVERS[name].row or name, {})
            row.setdefault(heading, f"{figures[figure]:,.{FIGURES[figure].digits}f}")
    yield "| server | " + " | ".join(heading for _, _, heading in columns) + " |"
    yield "| --- |" + " --- |" * len(columns)
    for name in SERVERS:
        if name in cells:
            yield _row(name, [cells[name].get(heading, "") for _, _, heading in columns])


def _row(server: str, cells: list[str]) -> str:
    return f"| {f'**{server}**' if server.startswith('Oyez') else server} | " + " | ".join(cells) + " |"


def _left_out(reasons: Mapping[str, str]) -> str:
    names: dict[str, list[str]] = {}
    for name, why in reasons.items():
        names.setdefault(why, []).append(name)
    return "; ".join(f"{' and '.join(each)} ({why})" for why, each in names.items())


def _render_scenario(scenario: Scenario, document: Document) -> Iterator[str]:
    measured = document["scenarios"][scenario.name]
    results: Results = measured["results"]
    yield from (f"### {scenario.title}", "")
    if scenario.options:
        yield from (f"`load {' '.join(scenario.options)}`", "")
    yield from _table_of_figures(scenario, results)
    if limited := [name for name, figures in results.items() if figures["generator_busy"] >= GENERATOR_LIMIT]:
        yield from ("", f"The load generator was the limit with: {'; '.join(limited)}.")
    if measured["failed"]:
        yield from ("", f"Failed: {_left_out(measured['failed'])}.")
    verdicts = judge(scenario.name, results)
    if verdicts and not document["short"]:
        yield from ("", *_table_of_bars(verdicts))
    yield ""


def _table_of_figures(scenario: Scenario, results: Results) -> Iterator[str]:
    headings = [FIGURES[figure].heading for figure in scenario.figures]
    yield "| server | " + " | ".join(headings) + " |"
    yield "| --- |" + " --- |" * len(headings)
    for server in sorted(results, key=lambda name: _rank(scenario, results[name])):
        cells = [f"{results[server][figure]:,.{FIGURES[figure].digits}f}" for figure in scenario.figures]
        yield _row(server, cells)


def _rank(scenario: Scenario, figures: Mapping[str, float]) -> float:
    """Return what the rows are sorted by: the best first, by the figure that the scenario is about."""
    about = figures[scenario.about]
    return -about if FIGURES[scenario.about].more_is_better else about


def _table_of_bars(verdicts: list[Verdict]) -> Iterator[str]:
    yield from ("| what is wanted | measured | wanted | |", "| --- | --- | --- | --- |")
    for verdict in verdicts:
        measured = "–" if verdict.measured is None else f"{verdict.measured:.3g}"
        wanted = f"{'at most' if verdict.bar.at_most else 'at least'} {verdict.bar.bound:g}"
        yield f"| {verdict.bar.text} | {measured} | {wanted} | {verdict.word} |"


def replace_figures(page: str, figures: str) -> str:
    """Return the page with the figures between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"The page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{after}"


def main() -> int:
    """Print a run, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="file with the figures, as compare writes it")
    parser.add_argument("--write", type=Path, help="page that has the marks; its plots go to ../images")
    arguments = parser.parse_args()
    document: Document = json.loads(arguments.run.read_text("utf-8"))
    if not arguments.write:
        print(render(document))
        return 0
    page: Path = arguments.write
    page.write_text(replace_figures(page.read_text("utf-8"), render(document)), "utf-8")
    for plot in PLOTS:
        if drawn := draw(plot, document["scenarios"].get(plot.scenario, {}).get("results", {})):
            (page.parent.parent / "images" / f"performance-{plot.name}.svg").write_text(drawn, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
