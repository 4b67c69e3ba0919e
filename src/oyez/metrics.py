"""The parts' own numbers as Prometheus text.

Knows names, functions to call, and the format. Must not know the parts: they count for themselves, whether anyone asks
or not.

The format is written here, not by Prometheus' library: that is made for programs that count with it, and to load it
took a twentieth of the time of a start.
"""

import logging
from collections.abc import Callable, Iterator, Mapping

logger = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"

Read = Callable[[], float]
ReadByLabel = Callable[[], Mapping[str, int]]


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
        there were others beside it. Values have no quotes, backslashes or line breaks.
        """
        self._by_label.append((name, meaning, label, read))

    def render(self) -> bytes:
        """Read all numbers and return them as text, in the format of `CONTENT_TYPE`; who cannot be read is left out."""
        return "".join(self._write_all()).encode()

    def _write_all(self) -> Iterator[str]:
        for name, meaning, read in self._gauges:
            yield self._write(name, "gauge", meaning, lambda read=read: {"": read()})  # type: ignore[misc]
        for name, meaning, read in self._counters:
            yield self._write(f"{name}_total", "counter", meaning, lambda read=read: {"": read()})  # type: ignore[misc]
        for name, meaning, label, read_all in self._by_label:
            yield self._write(f"{name}_total", "counter", meaning, read_all, label)

    def _write(
        self, name: str, kind: str, meaning: str, read: Callable[[], Mapping[str, float]], label: str = ""
    ) -> str:
        """Write the lines of one metric: ``name{label="value"} 1.0``, for an empty value ``name 1.0``."""
        try:
            samples = sorted(read().items())
        except Exception:
            if name not in self._unreadable:  # it is read every few seconds
                logger.exception("%s is left out of the metrics after an error of ours", name)
            self._unreadable.add(name)
            return ""
        self._unreadable.discard(name)
        labels = [(f'{{{label}="{value}"}}' if value else "", number) for value, number in samples]
        lines = "".join([f"{name}{written} {float(number)}\n" for written, number in labels])
        return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n{lines}"
