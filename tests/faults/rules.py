"""The rules for channels of a run: how often some of them are written to, and what of them is superseded.

Knows channels' names and posts' numbers. Must not know who listens, nor what came.
"""

from collections.abc import Iterator

RULES: list[dict[str, object]] = [
    {"match": "ch-1", "pace_s": 0.5, "latest_by": "of"},
    {"match": "ch-2", "pace_s": 0.3},
    {"match": "ch-3", "spread_s": 1.0},
    {"match": "ch-4", "spread_s": 0.5, "latest_by": "of"},
    {"match": "ch-5", "latest_by": "of"},
]

SUPERSEDED = {rule["match"] for rule in RULES if "latest_by" in rule}
"""Channels of which whoever is late gets only the newest post of each value."""

_VALUES = 5


def value_of(serial: int) -> int:
    """Return what a post's message has as ``of``."""
    return serial % _VALUES


def of_same_value(serial: int, begin: int, end: int) -> Iterator[int]:
    """Return the numbers of the other posts with a post's value from ``begin`` to ``end``, the next ones first."""
    yield from range(serial + _VALUES, end, _VALUES)
    yield from range(serial - _VALUES, max(begin, 0) - 1, -_VALUES)
