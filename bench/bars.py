"""What is wanted of Oyez, scenario by scenario, and whether a run has it.

Knows figures. Must not know how they came to be.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Figures = Mapping[str, float]
Results = Mapping[str, Figures]  # by server


@dataclass(frozen=True)
class Bar:
    """What is wanted in one scenario. `measure` raises `KeyError` where a server was left out."""

    text: str
    scenario: str
    measure: Callable[[Results], float]
    bound: float
    at_most: bool


@dataclass(frozen=True)
class Verdict:
    """A bar beside what was measured; None: a server that it needs was left out, or had none of it."""

    bar: Bar
    measured: float | None

    @property
    def met(self) -> bool:
        """Tell whether it is met, as what was not measured is not."""
        if self.measured is None:
            return False
        return self.measured <= self.bar.bound if self.bar.at_most else self.measured >= self.bar.bound

    @property
    def word(self) -> str:
        """Return what the table says of it."""
        return "not measured" if self.measured is None else "met" if self.met else "MISSED"


def _of(figure: str, server: str = "Oyez") -> Callable[[Results], float]:
    return lambda results: results[server][figure]


def _over(figure: str, above: str, below: str) -> Callable[[Results], float]:
    return lambda results: results[above][figure] / results[below][figure]


def _beside_the_best(figure: str, others: str = "", ours: str = "Oyez") -> Callable[[Results], float]:
    """Return ours as a multiple of the lowest of all others that are real servers, which `others` names if all fail."""

    def measure(results: Results) -> float:
        real = [figures[figure] for name, figures in results.items() if name != "floor" and not name.startswith("Oyez")]
        if not real:
            raise KeyError(others)
        return results[ours][figure] / min(real)

    return measure


def at_least(bound: float, text: str, scenario: str, measure: Callable[[Results], float]) -> Bar:
    """Make a bar that is met from `bound` on."""
    return Bar(text, scenario, measure, bound, at_most=False)


def at_most(bound: float, text: str, scenario: str, measure: Callable[[Results], float]) -> Bar:
    """Make a bar that is met up to `bound`."""
    return Bar(text, scenario, measure, bound, at_most=True)


NODE, SQLITE = "Node socket.io", "Oyez, sqlite://"
RATE, PACE, CPU = "deliveries_per_s", "posts_per_s", "us_cpu_per_delivery"
CORE_THIRD_MS = 333

BARS = (
    at_least(5, "deliveries a second, Oyez / NATS", "burst", _over(RATE, "Oyez", "NATS")),
    at_least(20, "deliveries a second, Oyez / Node socket.io", "burst", _over(RATE, "Oyez", NODE)),
    at_least(10, "deliveries a second, Oyez, raw / Node ws", "burst", _over(RATE, "Oyez, raw", "Node ws")),
    at_most(0.1, "CPU per delivery, Oyez / floor", "burst", _over(CPU, "Oyez", "floor")),
    at_least(2.5, "speed of connecting, Oyez / Node socket.io", "burst", _over("connect_s", NODE, "Oyez")),
    at_least(1, "speed of connecting, Oyez, raw / Node ws", "burst", _over("connect_s", "Node ws", "Oyez, raw")),
    at_most(3.5, "KB per idle connection, Oyez", "burst", _of("kb_per_connection")),
    at_least(2.3, "events a second, Oyez / Node socket.io", "channels", _over(PACE, "Oyez", NODE)),
    at_least(1.2, "events a second, Oyez / Centrifugo", "channels", _over(PACE, "Oyez", "Centrifugo")),
    at_least(1.7, "events a second, sqlite:// / Node socket.io", "channels", _over(PACE, SQLITE, NODE)),
    at_least(0.9, "events a second, sqlite:// / Centrifugo", "channels", _over(PACE, SQLITE, "Centrifugo")),
    at_least(1, "events a second, Oyez, raw / Node ws", "channels", _over(PACE, "Oyez, raw", "Node ws")),
    at_least(1, "events a second, Oyez / Centrifugo", "http", _over(PACE, "Oyez, HTTP", "Centrifugo, HTTP")),
    at_least(1.1, "events a second, Oyez / Centrifugo", "batches", _over(PACE, "Oyez, batches", "Centrifugo, batches")),
    at_most(1.35, "CPU per delivery, Oyez / floor", "paced", _over(CPU, "Oyez", "floor")),
    at_most(1, "p99 latency, Oyez / the best of the others", "paced", _beside_the_best("p99_ms")),
    at_most(1, "time until all are back, Oyez / Nchan", "storm", _over("storm_s", "Oyez", "Nchan")),
    at_most(1, "p99 latency, Oyez / the best of the others", "stalled", _beside_the_best("p99_ms")),
    at_most(2, "memory that it takes, MB, Oyez", "stalled", _of("mb_grown")),
    at_most(20, "last-msg p99.9, ms, Oyez", "last-msg", _of("ask_p999_ms")),
    at_most(1.2, "CPU, ms a second, Oyez", "idle", _of("cpu_ms_per_s")),
    at_most(200, "start, ms, sqlite://", "start", _of("start_ms", SQLITE)),
    at_most(CORE_THIRD_MS, "CPU, ms a second, sqlite://", "judge, private", _of("cpu_ms_per_s", SQLITE)),
    at_most(CORE_THIRD_MS, "CPU, ms a second, sqlite://", "judge, public", _of("cpu_ms_per_s", SQLITE)),
)


def judge(scenario: str, results: Results) -> list[Verdict]:
    """Return the verdicts on a scenario."""
    verdicts = []
    for bar in BARS:
        if bar.scenario == scenario:
            try:
                measured = bar.measure(results)
            except (KeyError, ZeroDivisionError):  # left out, or too short a run for anything to be seen
                measured = None
            verdicts.append(Verdict(bar, measured))
    return verdicts
