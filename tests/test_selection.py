"""Does a run of marked tests read the files that have such tests, and no others?"""

from pathlib import Path

import pytest

from tests.selection import find_common_mark, may_have


@pytest.mark.parametrize(
    ("expression", "mark"),
    [
        ("", None),
        ("not slow", None),
        ("slow", "slow"),
        ("slow and not alone", "slow"),
        ("alone", "alone"),
        ("slow or firefox", None),
        ("longest", None),
    ],
)
def test_the_common_mark_is_found(expression: str, mark: str | None) -> None:
    assert find_common_mark(expression) == mark


@pytest.mark.parametrize(
    ("line", "slow", "alone"),
    [
        ("def test_slow(): ...", False, False),
        ("@pytest.mark.slow", True, False),
        ("pytestmark = [pytest.mark.slow, pytest.mark.alone]", True, True),
        ("@pytest.mark.firefox", True, False),
    ],
)
def test_a_files_marks_are_seen(tmp_path: Path, line: str, *, slow: bool, alone: bool) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(line, "utf-8")
    assert [may_have(file, "slow"), may_have(file, "alone")] == [slow, alone]
