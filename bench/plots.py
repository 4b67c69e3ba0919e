"""Draw figures as SVG: one bar a server, Oyez's in another colour. Colours are read on light and dark pages alike.

Knows figures. Must not know how they came to be.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.scenarios import FIGURES


@dataclass(frozen=True)
class Plot:
    """One figure of one scenario."""

    name: str
    scenario: str
    figure: str
    title: str
    by_magnitude: bool = False  # each power of ten as long as the next, where figures differ a hundredfold


PLOTS = (
    Plot("burst", "burst", "deliveries_per_s", "Burst: deliveries a second (each step is ten times as many)", True),
    Plot("channels", "channels", "posts_per_s", "1,000 channels: events a second"),
    Plot("paced", "paced", "p99_ms", "Paced: p99 latency in ms (less is better; each step is ten times as long)", True),
    Plot("memory", "burst", "kb_per_connection", "Memory: KB per connection (less is better)"),
)

WIDTH, ROW, BAR, NAMES, VALUES, TOP = 720, 24, 15, 170, 90, 34
OURS, THEIRS, TEXT, LINES = "#2f81d6", "#8c959f", "#6e7781", "#8c959f55"
FONT = 'font-family="system-ui, sans-serif" font-size="13"'


def draw(plot: Plot, results: Mapping[str, Mapping[str, float]]) -> str:
    """Return the SVG, the best server first; an empty text if there is nothing to draw."""
    values = {server: figures[plot.figure] for server, figures in results.items() if figures[plot.figure] > 0}
    if not values:
        return ""
    servers = sorted(values, key=lambda server: values[server], reverse=FIGURES[plot.figure].more_is_better)
    lowest = 10 ** math.floor(math.log10(min(values.values())))
    highest = max(values.values())
    room = WIDTH - NAMES - VALUES

    def length(value: float) -> float:
        if not plot.by_magnitude:
            return room * value / highest
        return room * math.log10(value / lowest) / math.log10(highest / lowest)

    height = TOP + ROW * len(servers) + 8
    body = [*_steps(lowest, highest, length, height)] if plot.by_magnitude else []
    for place, server in enumerate(servers):
        body += _row(
            server, f"{values[server]:,.{FIGURES[plot.figure].digits}f}", length(values[server]), TOP + ROW * place
        )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {FONT} fill="{TEXT}">',
            f"<title>{escape(plot.title)}</title>",
            f'<text x="8" y="20" font-weight="bold">{escape(plot.title)}</text>',
            *body,
            "</svg>\n",
        )
    )


def _steps(lowest: float, highest: float, length: Callable[[float], float], height: float) -> Iterator[str]:
    """Return a line for each power of ten."""
    step = lowest
    while step <= highest:
        x = NAMES + length(step)
        yield f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 4}" stroke="{LINES}"/>'
        step *= 10


def _row(server: str, value: str, length: float, y: float) -> Iterator[str]:
    middle = y + ROW / 2
    colour = OURS if server.startswith("Oyez") else THEIRS
    yield f'<text x="{NAMES - 8}" y="{middle + 4:.0f}" text-anchor="end">{escape(server)}</text>'
    top, width = f"{middle - BAR / 2:.1f}", f"{max(length, 1):.1f}"
    yield f'<rect x="{NAMES}" y="{top}" width="{width}" height="{BAR}" rx="2" fill="{colour}"/>'
    yield f'<text x="{NAMES + length + 6:.1f}" y="{middle + 4:.0f}">{value}</text>'
