"""What may be set of the SQLite broker: how much its file keeps.

Knows numbers. Must not know SQL.
"""

from dataclasses import dataclass
from typing import Annotated

from oyez.setting import DAY_S, Setting, seconds


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """How much the file of the SQLite broker keeps; the oldest goes first."""

    max_age_s: Annotated[float, seconds("Age at which an event leaves the file.", high=3660 * DAY_S)] = DAY_S
    max_events: Annotated[int, Setting("Events in the file.", unit="events", low=1)] = 1_000_000
    max_bytes: Annotated[int, Setting("Size of what is in the file.", unit="bytes", low=2**20)] = 256 * 2**20
