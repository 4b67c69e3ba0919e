"""The short siege: a few attacks, and what the others notice."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox import environment

ROOT = Path(__file__).parent.parent.parent


def besiege(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "tests.siege", "--short", "--seed", "12", "--folder", str(folder), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.alone
def test_one_visitor_does_not_spoil_it_for_the_others(tmp_path: Path) -> None:
    besiege(tmp_path, "--broker", "sqlite")
