"""Is what users may install what the tests run with?"""

import os
import tomllib
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
LOWEST = dict(
    line.split("==")
    for line in (ROOT / "requirements" / "lowest.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
)


def test_the_lowest_versions_are_those_that_pyproject_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    allowed = {}
    for requirement in (*project["dependencies"], *project["optional-dependencies"]["django"]):
        name, _, bounds = requirement.partition(";")[0].lower().partition(">=")
        lowest, _, bound = bounds.partition(",<")
        assert bound or name == "django", f"{name} has no upper bound"
        allowed[name] = _numbers(lowest)
    assert LOWEST.keys() == allowed.keys()
    for name, lowest in LOWEST.items():
        assert _numbers(lowest)[: len(allowed[name])] == allowed[name], name


def test_this_run_has_the_versions_that_it_was_started_for() -> None:
    """`make test-versions` says which: a folder that is not found would have the tests pass with the usual ones."""
    wanted = os.environ.get("DEPENDENCIES", "")
    here = {name: version(name) for name in LOWEST}
    if wanted == "lowest":
        assert here == LOWEST
    elif wanted == "newest":
        assert all(_numbers(here[name]) > _numbers(lowest) for name, lowest in LOWEST.items()), here


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
