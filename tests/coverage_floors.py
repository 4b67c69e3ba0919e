"""Holds each package to the part of it that `make coverage` has to reach: lines and branches, in per cent.

Run by ``make coverage``, after the tests, on what they left in ``.coverage``. It must not know which tests these were.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import CoverageException

SOURCES = Path(__file__).parent.parent / "src" / "oyez"

SINGLE_FILES = "single files"  # directly in the package `oyez`

# Of the tests in the Makefile's COVERAGE_TESTS, a little below what they reach. Much of `cli` is shown to work by
# tests/integration, `testing` and `contract` by the contracts that they are.
FLOORS = {
    "access": 95,
    "brokers": 90,
    "cli": 40,
    "client": 95,
    "config": 95,
    "contract": 20,
    "django": 95,
    "endpoints": 85,
    "hub": 95,
    "net": 85,
    "probe": 70,
    "server": 80,
    "testing": 5,
    "wire": 95,
    SINGLE_FILES: 95,
}


def read() -> dict[str, float]:
    """Return how many per cent of each package's lines and branches were reached.

    Raises CoverageException when nothing was measured.
    """
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(report))
        files = json.loads(report.read_text("utf-8"))["files"]
    reached, all_of_it = Counter[str](), Counter[str]()
    for file, measured in files.items():
        inside, summary = Path(file).absolute().relative_to(SOURCES).parts, measured["summary"]
        package = inside[0] if len(inside) > 1 else SINGLE_FILES
        reached[package] += summary["covered_lines"] + summary["covered_branches"]
        all_of_it[package] += summary["num_statements"] + summary["num_branches"]
    return {package: 100 * reached[package] / count for package, count in sorted(all_of_it.items()) if count}


def shortfalls(per_cent: Mapping[str, float], floors: Mapping[str, float]) -> list[str]:
    """Say of each package that is below its floor, or has none, what to do about it."""
    said = [
        f"{package}: {per_cent[package]:.1f} % is less than its floor of {floor} %. Test what is not reached "
        f"(.venv/bin/python -m coverage report --show-missing --include='src/oyez/{package}/*'), or say in the "
        "commit that lowers the floor in tests/coverage_floors.py why nothing is lost."
        for package, floor in floors.items()
        if per_cent.get(package, 0.0) < floor
    ]
    return said + [
        f"{package}: give it a floor in tests/coverage_floors.py, at most {share:.0f}."
        for package, share in per_cent.items()
        if package not in floors
    ]


def main() -> int:
    try:
        per_cent = read()
    except CoverageException as error:
        print(f"There is nothing to hold to the floors: {error} Run: make coverage")
        return 1
    for package, share in per_cent.items():
        print(f"{share:5.1f} %  (floor {FLOORS.get(package, 0)} %)  {package}")
    said = shortfalls(per_cent, FLOORS)
    print(*said, sep="\n", end="\n" if said else "")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
