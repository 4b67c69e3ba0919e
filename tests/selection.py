"""Which files a run of marked tests has to read: all of them take each worker 16 s of processor time before it begins.

Knows how marks are written. Must not know what they mean.
"""

import re
from functools import cache
from pathlib import Path

# What stands in a file that has a test with the mark. Tests of tests/browser in a second browser are slow, too.
WRITTEN = {"slow": re.compile(r"mark\.(slow|firefox)\b"), "alone": re.compile(r"mark\.alone\b")}


def find_common_mark(expression: str) -> str | None:
    """Return the mark that all tests of ``-m`` have, if it is one of these: ``slow and not alone``: it is ``slow``."""
    words = expression.split()
    return words[0] if words and words[0] in WRITTEN and "or" not in words else None


@cache
def may_have(file: Path, mark: str) -> bool:
    """Tell whether a file of tests may have one with this mark."""
    return bool(WRITTEN[mark].search(file.read_text("utf-8")))
