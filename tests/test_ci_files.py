"""Do the files for public forges call stages that there are, on the Pythons that the package names?"""

import re
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
STAGES = {"check", "test-fast", "test-slow", "test-pythons"}


def of_github() -> Iterator[tuple[str, str]]:
    (job,) = read(".github/workflows/ci.yml")["jobs"].values()
    assert job["steps"][-1]["run"] == ".ci/run ${{ matrix.stages }}"
    for row in job["strategy"]["matrix"]["include"]:
        yield row["python"], row["stages"]


def of_gitlab() -> Iterator[tuple[str, str]]:
    job = read(".gitlab-ci.yml")["stage"]
    assert job["script"] == [".ci/run $STAGES"]
    for row in job["parallel"]["matrix"]:
        yield from product(listed(row["PYTHON_VERSION"]), listed(row["STAGES"]))


@pytest.mark.parametrize("rows", [of_github, of_gitlab])
def test_every_stage_is_called_and_every_python_tried(rows: Any) -> None:
    called = [(python, stage) for python, stages in rows() for stage in stages.split()]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert (
        {stage for _, stage in called} == STAGES == set(re.findall(rf"^({'|'.join(STAGES)}):", makefile, re.MULTILINE))
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pythons = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert sorted({python for python, _ in called}) == pythons
    others = [python for python, stage in called if stage == "test-pythons"]
    assert f"OTHER_PYTHONS = {tuple(others)}".replace("'", '"') in (ROOT / "noxfile.py").read_text("utf-8")


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / name).read_text("utf-8"))
    return content


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
