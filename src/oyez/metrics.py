"""The parts' own numbers, read when somebody asks.

Knows names and functions to call. Must not know the parts: they count for themselves, whether anyone asks or not.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

logger = logging.getLogger(__name__)

Read = Callable[[], float]
ReadByLabel = Callable[[], Mapping[str, int]]


class Reading(NamedTuple):
    """A metric as it is now."""

    name: str
    meaning: str
    rises_only: bool
    label: str
    """What the values are told apart by; empty: there is one value, of the empty text."""
    values: Mapping[str, float]


class Metrics:
    """All numbers of the daemon, read when somebody asks."""

    def __init__(self) -> None:
        self._gauges: list[tuple[str, str, Read]] = []
        self._counters: list[tuple[str, str, Read]] = []
        self._by_label: list[tuple[str, str, str, ReadByLabel]] = []
        self._unreadable: set[str] = set()

    def gauge(self, name: str, meaning: str, read: Read) -> None:
        """Add a number that rises and falls."""
        self._gauges.append((name, meaning, read))

    def counter(self, name: str, meaning: str, read: Read) -> None:
        """Add a number that only rises."""
        self._counters.append((name, meaning, read))

    def counter_by_reason(self, name: str, meaning: str, read: ReadByLabel) -> None:
        """Add numbers that only rise, one for each reason."""
        self.counter_by(name, meaning, "reason", read)

    def counter_by(self, name: str, meaning: str, label: str, read: ReadByLabel) -> None:
        """Add numbers that only rise, one for each value of a label; an empty value is written as no label.

        To Prometheus the two are the same, and whoever reads the text by itself finds the number where it was before
        there were others beside it.
        """
        self._by_label.append((name, meaning, label, read))

    def read(self) -> Iterator[Reading]:
        """Read all of them. One that cannot be read is left out."""
        for name, meaning, read in self._gauges:
            yield from self._try(name, lambda: Reading(name, meaning, False, "", {"": read()}))  # noqa: B023 - called now
        for name, meaning, read in self._counters:
            yield from self._try(name, lambda: Reading(name, meaning, True, "", {"": read()}))  # noqa: B023
        for name, meaning, label, read_all in self._by_label:
            yield from self._try(name, lambda: Reading(name, meaning, True, label, read_all()))  # noqa: B023

    def _try(self, name: str, read: Callable[[], Reading]) -> Iterator[Reading]:
        try:
            reading = read()
        except Exception:
            if name not in self._unreadable:  # it is read every few seconds
                logger.exception("%s is left out of the metrics after an error of ours", name)
            self._unreadable.add(name)
            return
        self._unreadable.discard(name)
        yield reading
