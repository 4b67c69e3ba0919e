"""The parts' numbers as text for Prometheus.

Knows the format, by its library. That takes a twentieth of the time of a start to load, so this module is loaded when
somebody asks for the first time.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from oyez.metrics import Reading

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Collector:
    """Readings, as the library wants them."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Return the metrics; the registry calls this."""
        return map(_as_metric, self._readings)


def render(readings: Iterable[Reading]) -> bytes:
    """Write readings, in the format of `CONTENT_TYPE`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(readings))
    return generate_latest(registry)


def _as_metric(reading: Reading) -> Metric:
    if not reading.rises_only:
        return GaugeMetricFamily(reading.name, reading.meaning, value=reading.values[""])
    if not reading.label:
        return CounterMetricFamily(reading.name, reading.meaning, value=reading.values[""])
    family = CounterMetricFamily(reading.name, reading.meaning, labels=(reading.label,))
    for value, count in sorted(reading.values.items()):
        if value:
            family.add_metric((value,), count)
        else:
            family.add_sample(f"{reading.name}_total", {}, count)
    return family
