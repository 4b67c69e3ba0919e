"""The table of a run, for people and for programs.

Knows how figures are shown. What they come to is the bars'.
"""

import dataclasses
import json
from collections.abc import Sequence

from tests.siege.attacks import ATTACKS
from tests.siege.bars import Moment, Row
from tests.siege.latencies import Spread

_HEADS = (
    "attack", "acknowledged, ms", "while attacked", "delivered, ms", "while attacked", "machine, ms",
    "links", "memory", "calm after", "seats lost", "newcomers", "named", "",
)  # fmt: skip


def write_report(rows: Sequence[Row]) -> str:
    """Write a table as Markdown has it, with what was missed below."""
    cells = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(_HEADS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    missed = [f"{row.attack}: {what}" for row in rows for what in row.missed()]
    told = [f"{len(missed)} bars missed:", *(f"  {what}" for what in missed)] if missed else ["No bar was missed."]
    return "\n".join([*lines, "", "Times are p50 / p99 / most.", "", *told])


def write_json(rows: Sequence[Row], **facts: object) -> str:
    """Write all figures, one object."""
    return json.dumps(
        {**facts, "attacks": [dataclasses.asdict(row) | {"missed": row.missed()} for row in rows]},
        default=_as_dict,
        indent=1,
    )


def _as_dict(value: object) -> object:
    assert isinstance(value, Spread | Moment)
    return value._asdict() if isinstance(value, Spread) else dataclasses.asdict(value)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.attack,
        str(row.calm.acknowledged),
        str(row.attacked.acknowledged),
        str(row.calm.delivered),
        str(row.attacked.delivered),
        f"{row.calm.machine.p99:.1f} → {row.attacked.machine.p99:.1f}",
        f"{row.open_links:,}",
        f"+{row.grown_mb:.1f} MB",
        "never" if row.calm_after_s is None else f"{row.calm_after_s:.1f} s",
        str(len(row.seats_lost)) if row.seats_lost else "none",
        f"{len(row.refused)} refused" if row.refused else "served",
        {True: "yes", False: "NO", None: "–"}[row.named],
        "kept" if not row.missed() else "missed",
    )


def list_attacks() -> str:
    return "\n".join(f"  {name:<20}{attack.what}" for name, attack in ATTACKS.items())
