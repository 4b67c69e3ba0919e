"""The parts' own numbers as Prometheus text.

Knows names and functions to call. Must not know the parts: they count for themselves, whether anyone asks or not.
"""

import logging
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

logger = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST

Read = Callable[[], float]
ReadByLabel = Callable[[], Mapping[str, int]]


class Metrics:
    """All numbers of the daemon, read when somebody asks."""

    def __init__(self) -> None:
        self._gauges: list[tuple[str, str, Read]] = []
        self._counters: list[tuple[str, str, Read]] = []
        self._by_label: list[tuple[str, str, str, ReadByLabel]] = []
        self._unreadable: set[str] = set()
        self._registry = CollectorRegistry()
        self._registry.register(self)

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

    def collect(self) -> Iterator[Metric]:
        """Read all of them; the registry calls this. One that cannot be read is left out."""
        for name, meaning, read in self._gauges:
            yield from self._read(name, lambda: GaugeMetricFamily(name, meaning, value=read()))  # noqa: B023 - called now
        for name, meaning, read in self._counters:
            yield from self._read(name, lambda: CounterMetricFamily(name, meaning, value=read()))  # noqa: B023 - as above
        for name, meaning, label, read_all in self._by_label:
            yield from self._read(name, lambda: _by_label(name, meaning, label, read_all()))  # noqa: B023 - as above

    def _read(self, name: str, read: Callable[[], Metric]) -> Iterator[Metric]:
        try:
            metric = read()
        except Exception:
            if name not in self._unreadable:  # it is read every few seconds
                logger.exception("%s is left out of the metrics after an error of ours", name)
            self._unreadable.add(name)
            return
        self._unreadable.discard(name)
        yield metric

    def render(self) -> bytes:
        """Read all numbers and return them as text, in the format of `CONTENT_TYPE`."""
        return generate_latest(self._registry)


def _by_label(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=(label,))
    for value, count in sorted(counts.items()):
        if value:
            family.add_metric((value,), count)
        else:
            family.add_sample(f"{name}_total", {}, count)
    return family
