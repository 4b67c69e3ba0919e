"""Measure Oyez beside a Node peer and the floor, all in one run: ``python -m bench.compare``.

Servers run on the first core, the load generator on the second. Each scenario is run several times in turn against
every server; the table shows medians, and the ratios between them, which are what can be compared between machines.
With ``--short`` each scenario is run once and small, which shows that all of it works, and measures nothing.
"""

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parent
SERVER_CORE, LOAD_CORE = 0, 1
KEY = "bench"

Result = dict[str, float]


@dataclass(frozen=True)
class Scenario:
    """One way to load a server, and what is wanted of it."""

    name: str
    arguments: tuple[str, ...]
    servers: tuple[str, ...]
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A ratio that is wanted."""

    text: str
    scenario: str
    ratio: Callable[[dict[str, Result]], float]
    bound: float
    at_most: bool


SCENARIOS = (
    Scenario(
        "burst",
        ("--listeners", "5000", "--posts", "200", "--in-flight", "32"),
        ("floor", "node", "oyez"),
        ("connect_s", "kb_per_connection", "deliveries_per_s", "us_cpu_per_delivery"),
    ),
    Scenario(
        "paced",
        ("--listeners", "5000", "--posts", "100", "--in-flight", "1", "--rate", "20"),
        ("floor", "node", "oyez"),
        ("us_cpu_per_delivery", "p50_ms", "p99_ms"),
    ),
    Scenario(
        "many channels",
        ("--listeners", "1000", "--channels", "1000", "--posts", "20000", "--in-flight", "64"),
        ("node", "oyez", "oyez-sqlite"),
        ("deliveries_per_s", "us_cpu_per_delivery", "p99_ms"),
    ),
    Scenario(
        "raw burst",
        ("--raw", "--listeners", "5000", "--posts", "200", "--in-flight", "32"),
        ("node-raw", "oyez"),
        ("connect_s", "kb_per_connection", "deliveries_per_s", "us_cpu_per_delivery"),
    ),
    Scenario(
        "raw, many channels",
        ("--raw", "--listeners", "1000", "--channels", "1000", "--posts", "20000", "--in-flight", "64"),
        ("node-raw", "oyez"),
        ("deliveries_per_s", "us_cpu_per_delivery", "p99_ms"),
    ),
)


def _over(figure: str, above: str, below: str) -> Callable[[dict[str, Result]], float]:
    return lambda results: results[above][figure] / results[below][figure]


TARGETS = (
    Target("CPU per delivery, Oyez / floor", "burst", _over("us_cpu_per_delivery", "oyez", "floor"), 0.1, True),
    Target("deliveries a second, Oyez / Node", "burst", _over("deliveries_per_s", "oyez", "node"), 20, False),
    Target("speed of connecting, Oyez / Node", "burst", _over("connect_s", "node", "oyez"), 2.5, False),
    Target("KB per idle connection, Oyez", "burst", lambda results: results["oyez"]["kb_per_connection"], 8, True),
    Target("CPU per delivery, Oyez / floor", "paced", _over("us_cpu_per_delivery", "oyez", "floor"), 1.6, True),
    Target("p99 latency, Oyez / Node", "paced", _over("p99_ms", "oyez", "node"), 1, True),
    Target("posts a second, Oyez / Node", "many channels", _over("deliveries_per_s", "oyez", "node"), 2, False),
    Target(
        "CPU per post, sqlite:// / memory://",
        "many channels",
        _over("us_cpu_per_delivery", "oyez-sqlite", "oyez"),
        1.5,
        True,
    ),
    Target("deliveries a second, Oyez / Node", "raw burst", _over("deliveries_per_s", "oyez", "node-raw"), 10, False),
    Target("speed of connecting, Oyez / Node", "raw burst", _over("connect_s", "node-raw", "oyez"), 1, False),
    Target(
        "posts a second, Oyez / Node", "raw, many channels", _over("deliveries_per_s", "oyez", "node-raw"), 1, False
    ),
)


def main() -> int:
    """Run everything and print the tables."""
    arguments = _parse_arguments()
    _require_programs()
    rounds = 1 if arguments.short else arguments.rounds
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _compile(folder)
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            + ("a short run: the figures say nothing" if arguments.short else f"median of {rounds} rounds")
        )
        missed = 0
        for scenario in SCENARIOS:
            if arguments.only and scenario.name not in arguments.only:
                continue
            wanted = _shortened(scenario) if arguments.short else scenario
            results = _measure(wanted, folder, rounds)
            _print_results(wanted, results)
            if not arguments.short:
                missed += _print_targets(scenario, results)
    return 1 if missed else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each scenario is run (default: 3)")
    parser.add_argument(
        "--only", action="append", choices=[scenario.name for scenario in SCENARIOS], help="one scenario; repeatable"
    )
    parser.add_argument("--short", action="store_true", help="once and small: does it work at all?")
    return parser.parse_args()


def _require_programs() -> None:
    """End with a word on what to install, before the first minute has gone by."""
    missing = [program for program in ("gcc", "node", "npm", "taskset") if not shutil.which(program)]
    if missing:
        raise SystemExit(
            f"The benchmarks need {', '.join(missing)}; on Debian: apt-get install gcc nodejs npm util-linux"
        )
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("The benchmarks need two cores: one for the server, one for the load generator.")


def _shortened(scenario: Scenario) -> Scenario:
    """Give a hundredth of the load."""
    small = {"--listeners": "50", "--channels": "50", "--posts": "20"}
    names = scenario.arguments
    return replace(scenario, arguments=tuple(small.get(names[place - 1], word) for place, word in enumerate(names)))


def _compile(folder: Path) -> None:
    """Build the load generator and the floor."""
    for program, parts in (("load", ("load", "peers", "frames", "usage")), ("floor", ("floor", "frames"))):
        sources = [str(ROOT / "load" / f"{part}.c") for part in parts]
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(folder / program), *sources], check=True)


def _measure(scenario: Scenario, folder: Path, rounds: int) -> dict[str, Result]:
    """Run a scenario in turn against fresh servers, and take the medians."""
    runs: dict[str, list[Result]] = {server: [] for server in scenario.servers}
    for round_number in range(rounds):
        for server in scenario.servers:
            print(f"\r{scenario.name}: round {round_number + 1} of {rounds}, {server}      ", end="", file=sys.stderr)
            with _server(server, folder) as (ports, pid):
                runs[server].append(_load(folder / "load", ports, pid, scenario.arguments))
    print(file=sys.stderr)
    return {
        server: {figure: statistics.median(run[figure] for run in results) for figure in scenario.figures}
        for server, results in runs.items()
    }


def _load(load: Path, ports: tuple[int, int], pid: int, arguments: tuple[str, ...]) -> Result:
    command = ["taskset", "-c", str(LOAD_CORE), str(load), "--port", str(ports[0]), "--key", KEY, "--pid", str(pid)]
    command += arguments
    if "--raw" in arguments:
        command += ["--post-port", str(ports[1])]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}: not all was delivered: {ended.stdout}{ended.stderr}")
    result: Result = json.loads(ended.stdout)
    return result


@contextmanager
def _server(name: str, folder: Path) -> Iterator[tuple[tuple[int, int], int]]:
    """Run a server on its core; gives its ports, the second for raw posters, and its process id."""
    port, post_port = _free_port(), _free_port()
    node = ["node", str(ROOT / "peers" / "node")]
    oyez = [sys.executable, "-m", "oyez", "serve", "--port", str(port), "--key", KEY, "--broker"]
    commands = {
        "floor": [str(folder / "floor"), str(port)],
        "node": [node[0], f"{node[1]}/server.js", str(port), KEY],
        "node-raw": [node[0], f"{node[1]}/raw.js", str(port), str(post_port)],
        "oyez": [*oyez, "memory://"],
        "oyez-sqlite": [*oyez, f"sqlite://{folder}/events-{port}.sqlite3"],
    }
    posting = {"OYEZ_POST_LISTENER_HOST": "127.0.0.1", "OYEZ_POST_LISTENER_PORT": str(post_port)}
    if name.startswith("node") and not (ROOT / "peers" / "node" / "node_modules").exists():
        npm = shutil.which("npm") or "npm"
        subprocess.run([npm, "ci", "--silent", "--prefix", str(ROOT / "peers" / "node")], check=True)
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CORE), *commands[name]],
        env=os.environ | posting,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield (port, post_port), process.pid
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on port {port}")


def _print_results(scenario: Scenario, results: dict[str, Result]) -> None:
    print(f"\n### {scenario.name}: `load {' '.join(scenario.arguments)}`\n")
    print("| server | " + " | ".join(scenario.figures) + " |")
    print("|---|" + "---|" * len(scenario.figures))
    for server, result in results.items():
        print(f"| {server} | " + " | ".join(f"{result[figure]:,.2f}" for figure in scenario.figures) + " |")


def _print_targets(scenario: Scenario, results: dict[str, Result]) -> int:
    missed = 0
    print("\n| ratio | measured | wanted | |\n|---|---|---|---|")
    for target in TARGETS:
        if target.scenario != scenario.name:
            continue
        ratio = target.ratio(results)
        met = ratio <= target.bound if target.at_most else ratio >= target.bound
        missed += not met
        wanted = f"{'at most' if target.at_most else 'at least'} {target.bound:g}"
        print(f"| {target.text} | {ratio:.3g} | {wanted} | {'met' if met else 'MISSED'} |")
    return missed


if __name__ == "__main__":
    sys.exit(main())
