"""What rules for busy channels save, in one process and without sockets: ``python -m bench.paces``.

A national contest at its peak, by a clock that jumps: 20 submissions begin in each second and post 11 states each, 250
pages show the list of them; and 750 pages show a ranking that changes. The figures are the same wherever it runs, but
for those of a spread, in which each run gives listeners other moments.
"""

import heapq
import json
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from oyez.brokers.memory import MemoryBroker
from oyez.endpoints.encodings import SOCKETIO_FRAMES
from oyez.hub.history import History
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, Post
from oyez.hub.rates import ChannelRate, find_member
from oyez.hub.settings import HistorySettings
from oyez.hub.subscriber import Subscription

from .stages import Listener

SUBMISSIONS_A_SECOND, STATES, VIEWERS = 20, 11, 250
RANKING_VIEWERS = 750
SECONDS = 20
RULES = {
    "without a rule": ChannelRate(),
    "pace_s = 1": ChannelRate(pace_s=1.0),
    'pace_s = 1, latest_by = "id"': ChannelRate(pace_s=1.0, latest_by=find_member("id")),
}


class Times:
    """A loop's turns and timers, by a clock that jumps from one to the next."""

    def __init__(self) -> None:
        self.now = 1.0
        self.turns: list[Callable[[], None]] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def call_later(self, delay_s: float, function: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now + delay_s, next(self._numbers), function))

    def pass_to(self, end: float) -> None:
        """Do what is due up to a time."""
        while self.turns or (self._timers and self._timers[0][0] <= end):
            if not self.turns:
                at, _, function = heapq.heappop(self._timers)
                self.now = max(self.now, at)
                self.turns.append(function)
            self.turns.pop(0)()
        self.now = end


class Outgoing(NamedTuple):
    """What went to all listeners of a channel: when each write was made, and how much all were."""

    times: list[float]
    sent_bytes: int
    events: int


def run(rate: ChannelRate, viewers: int, batches: list[tuple[float, list[bytes]]], lasts_s: float) -> Outgoing:
    """Post messages to a channel with a rule.

    Args:
        rate: the rule.
        viewers: how many listen.
        batches: when, in seconds from the begin, and what.
        lasts_s: when to stop.
    """
    times = Times()
    hub = Hub(
        MemoryBroker(),
        History(HistorySettings(), find_rate=lambda _: rate),
        call_soon=times.turns.append,
        call_later=times.call_later,
        clock=lambda: times.now,
        find_rate=None if rate == ChannelRate() else lambda _: rate,
    )
    _start(hub)
    written: list[float] = []
    sizes: list[int] = []

    def write(data: bytes) -> bool:
        written.append(times.now)
        sizes.append(len(data))
        return True

    name = Channel("channel")
    listeners = [Subscription(Listener(), SOCKETIO_FRAMES, write) for _ in range(viewers)]
    for listener in listeners:
        hub.subscribe(listener, [name], None)
    begin = times.now
    for at, messages in batches:
        times.pass_to(begin + at)
        hub.publish([Post(name, message) for message in messages], lambda _: None)
    times.pass_to(begin + lasts_s)
    return Outgoing([at - begin for at in written], sum(sizes), hub.deliveries)


def _start(hub: Hub) -> None:
    try:
        hub.start().send(None)
    except StopIteration:
        return


def _states_of_submissions() -> list[tuple[float, list[bytes]]]:
    """Let each submission post a state whenever the next ones begin, as many as it has."""
    batches = []
    for tick in range(SECONDS * SUBMISSIONS_A_SECOND):
        under_way = range(max(0, tick - STATES + 1), tick + 1)
        messages = [
            {"type": "update-submission", "state": "test-case", "id": 300_000 + number, "contest": "icpc", "user": 4711,
             "problem": 1234, "status": "G", "language": 8, "case": tick - number}
            for number in under_way
        ]  # fmt: skip
        batches.append((tick / SUBMISSIONS_A_SECOND, [json.dumps(message).encode() for message in messages]))
    return batches


def _busiest_second(out: Outgoing) -> int:
    """Return how many writes were made in the second with the most, of those that begin with the first post."""
    return max(Counter(int(at + 0.01) for at in out.times).values())


def main() -> None:
    """Print both tables, as the how-to pages have them."""
    print(f"| the list, {VIEWERS} pages | most writes in a second | events for a page, a second | KB a second |")
    print("| --- | --- | --- | --- |")
    for name, rate in RULES.items():
        out = run(rate, VIEWERS, _states_of_submissions(), SECONDS + 1)
        cells = (
            f"{_busiest_second(out):,}",
            f"{out.events / VIEWERS / SECONDS:.0f}",
            f"{out.sent_bytes / SECONDS / 1000:,.0f}",
        )
        print(f"| `{name}` | {' | '.join(cells)} |" if "=" in name else f"| {name} | {' | '.join(cells)} |")
    print()
    print(f"| a ranking that changes, {RANKING_VIEWERS} pages | pages in the busiest second | the last page after |")
    print("| --- | --- | --- |")
    for spread_s in (0.0, 10.0):
        out = run(ChannelRate(spread_s=spread_s), RANKING_VIEWERS, [(0.0, [b'{"type":"ranking-update"}'])], 12)
        name = f"`spread_s = {spread_s:g}`" if spread_s else "without a rule"
        print(f"| {name} | {_busiest_second(out)} | {max(out.times):.1f} s |")


if __name__ == "__main__":
    main()
