"""Are the figures of the pages about busy channels what their command measures, and are their rules what they say?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from oyez.cli.channel_check import explain_channel
from oyez.config.load import load
from tests.pages import ROOT, snippets

pytestmark = pytest.mark.slow

LIST, RANKING = "docs/how-to/a-busy-list.md", "docs/how-to/a-live-ranking.md"


@pytest.fixture(scope="module")
def measured() -> list[str]:
    command = [sys.executable, "-m", "bench.paces"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()


def rows(lines: list[str], title: str) -> list[str]:
    """Return a table by what its first line begins with."""
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"| {title}"))
    return [line for line in lines[begin : begin + 5] if line.startswith("|")]


def test_the_figures_of_the_list_are_measured(measured: list[str]) -> None:
    page = (ROOT / LIST).read_text("utf-8").splitlines()
    assert rows(page, "the list") == rows(measured, "the list")


def test_the_figures_of_the_ranking_are_about_as_measured(measured: list[str]) -> None:
    page = rows((ROOT / RANKING).read_text("utf-8").splitlines(), "a ranking")
    now = rows(measured, "a ranking")
    assert page[:3] == now[:3]
    for row in (page[3], now[3]):
        found = re.fullmatch(r"\| `spread_s = 10` \| (\d+) \| (\d+\.\d) s \|", row)
        assert found is not None
        assert 75 <= int(found[1]) <= 1.5 * 75
        assert 9 <= float(found[2]) <= 10


@pytest.mark.parametrize(
    ("page", "channel", "told"),
    [
        (LIST, "submissions", "a listener is written to once in 1 s"),
        (RANKING, "contest_icpc", "each listener is written to at a moment of its own within 10 s"),
    ],
)
def test_what_the_rule_says_is_told(tmp_path: Path, page: str, channel: str, told: str) -> None:
    (rule,) = snippets(page, "toml")
    (tmp_path / "oyez.toml").write_text(rule)
    (command,) = snippets(page, "sh")
    assert command.split()[-1] == channel
    assert told in "\n".join(explain_channel(load(tmp_path / "oyez.toml", {}, {}), channel))
