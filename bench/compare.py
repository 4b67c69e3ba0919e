"""Measure Oyez beside its peers and the floor, all in one run: ``python -m bench.compare``.

Servers run on the first core, the load generator on the second. Each scenario is run in rounds, in each of which
every server has its turn, started anew; the tables show medians. With ``--short`` each scenario is run once and small,
with what is installed already: that shows that all of it works, and measures nothing. Exit code 1: a bar was missed, or
Oyez failed.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import Witness, wait_for_quiet
from bench.mix import write_mix
from bench.report import Document, missed_bars, render
from bench.running import LOAD_CORE, RunFailedError, put_load_on, running
from bench.scenarios import MIX_S, SCENARIOS, SHORT_CROWD, SHORT_MIX_S, Scenario, shortened
from bench.servers import SERVERS, Options, Server
from bench.setup import BUILT, build_tools, set_up

STARTS_A_ROUND = 3
ALWAYS = ("generator_busy",)  # figures that are kept of every run


@dataclass
class Plan:
    """What is to be run, and what has come of it."""

    rounds: int
    lighter: int
    short: bool
    patience_s: float
    servers: dict[str, Server]
    left_out: dict[str, str] = field(default_factory=dict)
    had_a_turn: set[str] = field(default_factory=set)
    witness: Witness = field(default_factory=Witness)


def main() -> int:
    """Run everything, print the tables, and keep the figures."""
    arguments = _parse_arguments()
    _require_programs()
    os.sched_setaffinity(0, {LOAD_CORE})  # so that nothing of ours runs beside a server
    scenarios = [each for each in SCENARIOS if not arguments.only or each.name in arguments.only]
    rounds = 1 if arguments.short else arguments.rounds
    plan = Plan(rounds, arguments.lighter, arguments.short, arguments.patience, {})
    with tempfile.TemporaryDirectory() as folder:
        _choose_servers(plan, scenarios, arguments.servers)
        build_tools()
        kept: Path = arguments.write or BUILT / ("short.json" if plan.short else "run.json")
        document = _measure_all(plan, scenarios, Path(folder), kept)
    print(render(document))
    return 1 if _failed_itself(document) or (not plan.short and missed_bars(document)) else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each scenario is run (default: 3)")
    parser.add_argument(
        "--only", action="append", choices=[each.name for each in SCENARIOS], help="one scenario; repeatable"
    )
    parser.add_argument("--servers", action="append", choices=list(SERVERS), help="one server; repeatable")
    parser.add_argument("--short", action="store_true", help="once and small: does it work at all?")
    parser.add_argument("--lighter", type=int, default=1, help="divide all posts by this, for a quick look")
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait for a quiet machine (default: 60)")
    parser.add_argument(
        "--write", type=Path, help="file for the figures (default: .venv/peers/run.json, or short.json)"
    )
    return parser.parse_args()


def _require_programs() -> None:
    """End with a word on what to install, before the first minute has gone by."""
    missing = [program for program in ("gcc", "taskset") if not shutil.which(program)]
    if missing:
        raise SystemExit(
            f"The benchmarks need {', '.join(missing)}; on Debian: apt-get install gcc libc6-dev util-linux"
        )
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("The benchmarks need two cores: one for the server, one for the load generator.")


def _say(text: str) -> None:
    print(f"\r{text:78}", end="", file=sys.stderr, flush=True)


def _choose_servers(plan: Plan, scenarios: list[Scenario], wanted: list[str] | None) -> None:
    """Set up what the scenarios need. A short run downloads the Node peer at most."""
    names = dict.fromkeys(name for scenario in scenarios for name in scenario.servers if not wanted or name in wanted)
    answers: dict[str, str] = {"": ""}
    for name in names:
        peer = SERVERS[name].peer
        if peer not in answers:
            fetch = not plan.short or peer == "node"
            _say(f"setting up {peer} (the first time takes minutes)" if fetch else f"looking for {peer}")
            answers[peer] = set_up(peer, fetch=fetch)
        if answers[peer]:
            plan.left_out[name] = answers[peer]
        else:
            plan.servers[name] = SERVERS[name]


def _measure_all(plan: Plan, scenarios: list[Scenario], folder: Path, kept: Path) -> Document:
    """Run the scenarios; what has been measured is kept after each, as an hour is long."""
    _say("waiting for a quiet machine")
    document: Document = {
        "when": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "rounds": plan.rounds,
        "lighter": plan.lighter,
        "short": plan.short,
        "quiet": wait_for_quiet(0 if plan.short else plan.patience_s),
        "left_out": plan.left_out,
        "scenarios": {},
    }
    for scenario in scenarios:
        document["scenarios"][scenario.name] = _measure(plan, scenario, folder)
        document["others"] = plan.witness.others()
        kept.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    print(file=sys.stderr)
    return document


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    git = shutil.which("git")
    if not git:
        return "unknown"
    ended = subprocess.run([git, "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True)
    return ended.stdout.strip() or "unknown"


def _measure(plan: Plan, scenario: Scenario, folder: Path) -> dict[str, dict[str, dict[str, float]] | dict[str, str]]:
    """Run a scenario in turn against fresh servers, and take the medians."""
    servers = _whose_turn(plan, scenario)
    options = _options(plan, scenario, folder)
    runs: dict[str, list[dict[str, float]]] = {}
    failed: dict[str, str] = {}
    for number in range(plan.rounds):
        for server in servers:
            _say(f"{scenario.name}: round {number + 1} of {plan.rounds}, {server.name}")
            plan.witness.begin()
            try:
                runs.setdefault(server.name, []).append(_run_once(server, scenario, options, folder, plan.lighter))
            except RunFailedError as error:
                failed[server.name] = str(error)
            plan.witness.end()
    results = {
        server: {figure: statistics.median(run[figure] for run in each) for figure in (*scenario.figures, *ALWAYS)}
        for server, each in runs.items()
        if each
    }
    return {"results": results, "failed": failed}


def _whose_turn(plan: Plan, scenario: Scenario) -> list[Server]:
    """Return all that were chosen; in a short run Oyez, and those that had no turn yet."""
    servers = [plan.servers[name] for name in scenario.servers if name in plan.servers]
    if plan.short:
        ours = next((server for server in servers if server.name.startswith("Oyez")), None)
        servers = [server for server in servers if server is ours or server.name not in plan.had_a_turn]
        plan.had_a_turn.update(server.name for server in servers)
    return servers


def _options(plan: Plan, scenario: Scenario, folder: Path) -> Options:
    options = (shortened(scenario) if plan.short else scenario).options
    if not scenario.kind.startswith("mix"):
        return options
    seconds, crowd = (SHORT_MIX_S, SHORT_CROWD) if plan.short else (MIX_S / plan.lighter, 1.0)
    mix = write_mix(folder, seconds, public=scenario.kind == "mix-public", crowd=crowd)
    return (*options, "--listeners", str(mix.listeners), "--follow", str(mix.follow), "--plan", str(mix.plan))


def _run_once(server: Server, scenario: Scenario, options: Options, folder: Path, lighter: int) -> dict[str, float]:
    if scenario.kind == "start":
        starts = list(_starts(server, folder))
        return {"start_ms": statistics.median(starts) * 1e3, "generator_busy": 0.0}
    with running(server, _folder_of(server, folder)) as target:
        return put_load_on(server, target, options, BUILT / "tools" / "load", lighter)


def _starts(server: Server, folder: Path) -> Iterator[float]:
    for _ in range(STARTS_A_ROUND):
        with running(server, _folder_of(server, folder)) as target:
            yield target.start_s


def _folder_of(server: Server, folder: Path) -> Path:
    """Return where a server finds what was built for it; Oyez, its events."""
    return folder if server.name.startswith("Oyez") else BUILT / (server.peer or "tools")


def _failed_itself(document: Document) -> bool:
    """Tell whether Oyez failed anywhere; of a peer it is no fault of ours."""
    return any(name.startswith("Oyez") for each in document["scenarios"].values() for name in each["failed"])


if __name__ == "__main__":
    sys.exit(main())
