"""The parts' own numbers as Prometheus text.

Knows names and functions to call. Must not know the parts: they count for themselves, whether anyone asks or not.
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

Read = Callable[[], float]
ReadByReason = Callable[[], Mapping[str, int]]


class Metrics:
    """All numbers of the daemon, read when somebody asks."""

    def __init__(self) -> None:
        self._gauges: list[tuple[str, str, Read]] = []
        self._counters: list[tuple[str, str, Read]] = []
        self._by_reason: list[tuple[str, str, ReadByReason]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def gauge(self, name: str, meaning: str, read: Read) -> None:
        """Add a number that rises and falls."""
        self._gauges.append((name, meaning, read))

    def counter(self, name: str, meaning: str, read: Read) -> None:
        """Add a number that only rises."""
        self._counters.append((name, meaning, read))

    def counter_by_reason(self, name: str, meaning: str, read: ReadByReason) -> None:
        """Add numbers that only rise, one for each reason."""
        self._by_reason.append((name, meaning, read))

    def collect(self) -> Iterator[Metric]:
        """Read all of them; the registry calls this."""
        for name, meaning, read in self._gauges:
            yield GaugeMetricFamily(name, meaning, value=read())
        for name, meaning, read in self._counters:
            yield CounterMetricFamily(name, meaning, value=read())
        for name, meaning, read_all in self._by_reason:
            family = CounterMetricFamily(name, meaning, labels=("reason",))
            for reason, count in sorted(read_all().items()):
                family.add_metric((reason,), count)
            yield family

    def render(self) -> bytes:
        """Write all of them."""
        return generate_latest(self._registry)
