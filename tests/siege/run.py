"""One run: a daemon, those who must not notice, and each attack in turn, with calm before and after.

Knows the order of things, and how a run is asked to end early. What is asked of the daemon is the bars'.
"""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from tests.daemon import Daemon
from tests.faults.ledger import Ledger, Mark, Post
from tests.faults.listeners import ENDS
from tests.integration.links import Sender, rss_mb
from tests.siege.attacker import Attacker, Command
from tests.siege.attacks import ATTACKS, BUSY, FULL
from tests.siege.bars import Moment, Row, allowed_ms
from tests.siege.latencies import Latencies
from tests.siege.visitors import CHANNEL, Bystanders, Machine, Newcomers, SteadyPoster

ALL_AT_ONCE = "all-at-once"

_POSTS_A_SECOND, _PROBES_A_SECOND = 20, 40
_BUSY_MESSAGE = "x" * 4000
_FULL_MESSAGE = "x" * 200
_KEPT = 256  # events that history keeps of a channel, by default
_REFILL_S = 300.0  # history forgets after twice that
# With few cores an attacker would take from the daemon, and from those who wait for it, what nobody from afar can take.
# One has a third of the right to a core that these have; of twenty, each has a thirtieth.
_NICE, _NICER = 5, 15
_LOOK_S = 0.05
_COUNT_EVERY_S = 0.5
_ASK_WITHIN_S = 2.0
_QUIET_S = 0.5  # so long nothing may be slow before it is calm again
_PATIENCE_S = 45.0
_NAMED_WITHIN_S = 25.0  # the log has a line of a kind every 20 s


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes:
        seconds: how long each attack goes on.
        calm_s: how long those before it are measured.
        floor_ms: what a calm p99 counts as at least.
        open_files: how many the daemon may have; fewer are exhausted sooner.
    """

    attacks: Sequence[str]
    seconds: float
    calm_s: float
    floor_ms: float
    broker: str
    seed: int
    open_files: int
    folder: Path

    @property
    def broker_url(self) -> str:
        return "memory://" if self.broker == "memory" else f"sqlite://{self.folder}/events.sqlite3"


class Siege:
    """One run.

    Args:
        start: the newest id.
        say: told what goes on.
    """

    def __init__(
        self, order: Order, daemon: Daemon, start: int, machine_port: int, say: Callable[[str], None], rows: list[Row]
    ) -> None:
        self._order = order
        self._daemon = daemon
        self._say = say
        self._ledger = Ledger(order.seed, kept=_KEPT, kept_in_all=1_000_000)
        self._acknowledged = Latencies()
        self._poster = self._steady(_POSTS_A_SECOND, self._begin_post)
        self._prober = self._steady(_PROBES_A_SECOND, lambda: (None, {"channel": BUSY, "message": _BUSY_MESSAGE}))
        self._newcomers = Newcomers(daemon.url)
        self._machine = Machine(machine_port, _POSTS_A_SECOND + _PROBES_A_SECOND)
        self._bystanders = Bystanders(daemon.url, Mark(start, 0), self._ledger, order.seed)
        self._filled_at = float("-inf")
        self._rss_mb: list[tuple[float, float]] = []
        self._most_sessions = self._sessions_before = 0
        self._attackers: list[Attacker] = []
        self.rows = rows

    def _steady(self, per_second: float, begin: Callable[[], tuple[Post | None, Any]]) -> SteadyPoster:
        return SteadyPoster(self._daemon.url, per_second, begin, self._ledger, self._acknowledged)

    def _begin_post(self) -> tuple[Post | None, Any]:
        post = self._ledger.begin(CHANNEL)
        return post, {"channel": CHANNEL, "message": self._ledger.message(post)}

    async def play(self) -> None:
        """Do all of it; what was measured so far is in `rows`, however it ends."""
        async with AsyncExitStack() as stack:
            self._bystanders.begin()
            stack.push_async_callback(self._bystanders.end)
            for life in (
                self._poster.live,
                self._prober.live,
                self._newcomers.live,
                self._machine.live,
                self._weigh,
                self._count_sessions,
            ):
                task = asyncio.create_task(life())
                stack.callback(task.cancel)
            if not await _eventually(lambda: self._bystanders.are_back, _PATIENCE_S):
                away = [listener.record.who for listener in self._bystanders.listeners if not listener.is_back]
                wrong = [str(violation) for violation in self._bystanders.verdicts.found]
                raise RuntimeError(f"{away} have no seat, before anything went wrong: {wrong[:3]}")
            try:
                for number, attack in enumerate(self._order.attacks, 1):
                    self._say(f"{number} of {len(self._order.attacks)}: {attack}")
                    await self._besiege(attack)
                await self._wait_for_names()
            finally:
                for attacker in self._attackers:
                    attacker.kill()
                self._look_for_names()

    async def _besiege(self, name: str) -> None:
        await asyncio.to_thread(self._fill_history)
        self._attackers = await asyncio.to_thread(self._start_attackers, name)
        links, cut = self._bystanders.links, self._links_of_posters()
        gaps, newcomers_from = self._bystanders.gaps, time.monotonic()
        begin, self._most_sessions = time.monotonic(), 0
        await asyncio.sleep(self._order.calm_s)
        attacked, self._sessions_before = time.monotonic(), self._most_sessions
        for attacker in self._attackers:
            attacker.begin()
        counted: list[dict[str, int]] = await asyncio.gather(
            *(asyncio.to_thread(attacker.end) for attacker in self._attackers)
        )
        over = time.monotonic()
        calm = self._moment(begin, attacked)
        calm_at = await self._calm_again(over, calm)
        lost = self._seats_lost(links, cut)
        lost += await self._events_lost()
        if more := self._bystanders.gaps - gaps:
            lost.append(f"{more} gaps told")
        self.rows.append(
            Row(
                name, calm, self._moment(attacked, over),
                grown_mb=self._grown_mb(begin, attacked, time.monotonic()),
                open_links=self._links_of(counted),
                calm_after_s=None if calm_at is None else calm_at - over,
                seats_lost=lost,
                refused=self._newcomers.between(newcomers_from, time.monotonic()),
                named=None,
                poster=name == ALL_AT_ONCE or ATTACKS[name].poster,
                many=name == ALL_AT_ONCE,
                floor_ms=self._order.floor_ms,
                counts=dict(sum(map(Counter, counted), Counter())),
                addresses=_addresses_to_name(self._attackers, counted, over - attacked),
            )
        )  # fmt: skip
        self._attackers = []

    def _links_of(self, counted: list[dict[str, int]]) -> int:
        """Return how many connections or sessions attackers had at once: what they dialled is refused in part."""
        dialled = min(sum(count.get("most open", 0) for count in counted), self._order.open_files)
        return max(dialled, self._most_sessions - self._sessions_before)

    def _start_attackers(self, name: str) -> list[Attacker]:
        if name == ALL_AT_ONCE:
            return [Attacker(self._command(attack, _NICER)) for attack in ATTACKS]
        return [Attacker(self._command(name, _NICE))]

    def _command(self, attack: str, niceness: int) -> Command:
        number, order = len(self.rows) * 40 + list(ATTACKS).index(attack), self._order
        address = f"{number // 200}.{number % 200 + 1}"
        source, forwarded = f"127.1.{address}", ""
        if ATTACKS[attack].forwarded:
            source, forwarded = "127.0.0.1", f"198.18.{address}"  # addresses that are nobody's: RFC 2544
        return Command(attack, self._daemon.port, source, forwarded, order.seconds, niceness, order.seed)

    def _fill_history(self) -> None:
        if time.monotonic() - self._filled_at > _REFILL_S:
            sender = Sender(self._daemon.port, self._daemon.key)
            for channel in FULL:
                sender.post(channel, *[_FULL_MESSAGE] * _KEPT)
            sender.drop()
            self._filled_at = time.monotonic()

    # What is seen of it

    def _moment(self, begin: float, end: float) -> Moment:
        return Moment(
            self._acknowledged.spread(begin, end),
            self._bystanders.deliveries.spread(begin, end),
            self._machine.answered.spread(begin, end),
        )

    async def _calm_again(self, since: float, calm: Moment) -> float | None:
        """Wait until posts are acknowledged and delivered as before; returns since when, None: not within patience."""
        floor_ms = self._order.floor_ms
        while (now := time.monotonic()) < since + _PATIENCE_S:
            answered_to = min(now, self._poster.oldest_waiting, self._prober.oldest_waiting)
            heard_to = min(now, self._bystanders.oldest_unheard())
            calm_from = (
                self._acknowledged.calm_from(since, answered_to, allowed_ms(calm.acknowledged, floor_ms), _QUIET_S),
                self._bystanders.deliveries.calm_from(since, heard_to, allowed_ms(calm.delivered, floor_ms), _QUIET_S),
            )
            if None not in calm_from:
                return max(filter(None, calm_from))
            await asyncio.sleep(_LOOK_S)
        return None

    def _links_of_posters(self) -> int:
        return self._poster.links + self._prober.links

    def _seats_lost(self, links: dict[str, int], cut: int) -> list[str]:
        now = self._bystanders.links
        lost = [f"{who} lost its seat" for who, before in links.items() if now[who] > before]
        if self._links_of_posters() > cut:
            lost.append("a poster was cut off")
        return lost

    async def _events_lost(self) -> list[str]:
        """Wait until all have all; returns what does not come."""
        asked = time.monotonic()
        await _eventually(lambda: self._bystanders.oldest_unheard() > asked, _PATIENCE_S)
        missing = self._bystanders.missing() if self._bystanders.oldest_unheard() <= asked else 0
        self._bystanders.give_up()
        wrong = [str(violation) for violation in self._bystanders.verdicts.found]
        self._bystanders.verdicts.found.clear()
        return [*wrong[:3], *([f"{missing} events did not come"] if missing else [])]

    async def _weigh(self) -> None:
        while True:
            self._rss_mb.append((time.monotonic(), rss_mb(self._daemon.pid)))
            await asyncio.sleep(_LOOK_S)

    async def _count_sessions(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_ASK_WITHIN_S)) as session:
            while True:
                with contextlib.suppress(*ENDS):
                    async with session.get(f"{self._daemon.url}/metrics") as answer:
                        self._most_sessions = max(self._most_sessions, _sessions_in(await answer.text()))
                await asyncio.sleep(_COUNT_EVERY_S)

    def _grown_mb(self, begin: float, attacked: float, end: float) -> float:
        before = max(size for at, size in self._rss_mb if begin <= at < attacked)
        return max(size for at, size in self._rss_mb if attacked <= at <= end) - before

    # Who it was

    async def _wait_for_names(self) -> None:
        self._say("waiting for the log")
        await _eventually(lambda: not self._look_for_names(), _NAMED_WITHIN_S)

    def _look_for_names(self) -> bool:
        """Look whose address is in the log, of all at once anybody's; tells whether one is missing."""
        words = set(re.split(r"[ ,;:\n]+", self._daemon.stderr))
        for row in self.rows:
            if row.addresses:
                row.named = not words.isdisjoint(row.addresses)
        return any(row.named is False for row in self.rows)


def _addresses_to_name(attackers: Sequence[Attacker], counted: Sequence[dict[str, int]], seconds: float) -> list[str]:
    """Return whom the log has to name: all who did more than an address may do."""
    return [
        attacker.address
        for attacker, counts in zip(attackers, counted, strict=True)
        if (attack := ATTACKS[attacker.command.attack]).named and attack.exceeds_share(counts, seconds)
    ]


async def _eventually(holds: Callable[[], bool], within_s: float) -> bool:
    """Look again and again; False when the time is up."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if holds():
            return True
        await asyncio.sleep(_LOOK_S)
    return False


def _sessions_in(metrics: str) -> int:
    found = re.search(r"^oyez_sessions ([0-9]+)", metrics, re.MULTILINE)
    return int(found[1]) if found else 0


@contextlib.contextmanager
def _machine() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.siege.echo"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def _play(make: Callable[[], Siege]) -> None:
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, playing.cancel)
    await make().play()


def play(order: Order, say: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Make a run, in the main thread; Ctrl-C ends it with what was measured so far."""
    order.folder.mkdir(parents=True, exist_ok=True)
    limit = ("prlimit", f"--nofile={order.open_files}:{order.open_files}")
    rows: list[Row] = []
    with ExitStack() as stack:
        daemon = Daemon(order.folder, "--broker", order.broker_url, wrapper=limit)
        stack.enter_context(daemon)
        start, machine_port = daemon.last(), stack.enter_context(_machine())
        stack.callback(lambda: (order.folder / "daemon.log").write_text(daemon.stderr))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(asyncio.CancelledError):
            runner.run(_play(lambda: Siege(order, daemon, start, machine_port, say, rows)))
    return rows
