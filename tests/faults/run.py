"""One run from its beginning to its end: load, faults by the plan, proofs, report.

Knows the order of things, and how a run is asked to end early.
"""

import asyncio
import contextlib
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import uvloop

from tests.faults.checker import Verdicts
from tests.faults.mischief import Mischief
from tests.faults.plan import Fault, Kind, kinds_for, plan
from tests.faults.proofs import Proofs
from tests.faults.report import Progress, write_report
from tests.faults.world import Scale, World

LONG = Scale(
    each=4, dripping=6, stallers=3, clients=True, herd=3000, fresh=6, disk_mb=512, pause_s=0.3, pace=1
)  # fmt: skip
SHORT = Scale(
    each=1, dripping=2, stallers=1, clients=False, herd=200, fresh=1, disk_mb=0, pause_s=0.4, pace=4
)  # fmt: skip

_HERD_EVERY_S = 600.0
_SETTLING_S = 60.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Attributes:
        minutes: how long faults go on; None: as many as ``faults`` says.
        faults: how many there are; None: one of each kind.
    """

    broker: str
    seed: int
    minutes: float | None
    faults: int | None
    scale: Scale
    folder: Path

    @property
    def command(self) -> list[str]:
        """The command that repeats it."""
        length = [f"MINUTES={self.minutes:g}"] if self.minutes is not None else ["SHORT=1"]
        if self.faults is not None:
            length.append(f"FAULTS={self.faults}")
        if self.scale.herd not in {LONG.herd, SHORT.herd}:
            length.append(f"HERD={self.scale.herd}")
        return ["make", "faults", *length, f"SEED={self.seed}", f"BROKER={self.broker}"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    violations: int
    report: str


class Run:
    """One run."""

    def __init__(self, order: Order, stack: AsyncExitStack) -> None:
        self._order = order
        self._asked_to_end = asyncio.Event()
        self._until = None if order.minutes is None else time.monotonic() + order.minutes * 60
        self._world = World(
            folder=order.folder,
            broker=order.broker,
            seed=order.seed,
            scale=order.scale,
            verdicts=Verdicts(),
            random=Random(order.seed),
            stack=stack,
        )
        self._mischief = Mischief(self._world)
        self._proofs = Proofs(self._world, self._mischief)
        self._progress = Progress(self._world, self._until)
        self._world.verdicts.notice = lambda violation: self._progress.say(f"VIOLATION {violation}")

    def end_early(self) -> None:
        """Bring no more faults; what is under way is still judged."""
        self._progress.say("ending: the last checks are made; once more to leave them out")
        self._asked_to_end.set()

    def be_silent(self) -> None:
        """Say nothing more: what is accused from now on comes of the run's end."""
        self._world.verdicts.is_closed = True

    async def play(self) -> Outcome:
        """Do all of it."""
        world = self._world
        await world.open()
        await world.populate()
        if not await self._mischief.all_back(_SETTLING_S):
            raise RuntimeError("not every listener could connect, before anything went wrong")
        watching = [asyncio.create_task(self._proofs.watch()), asyncio.create_task(self._show())]
        try:
            await self._bring_faults()
            await self._proofs.close()
        except (aiohttp.ClientError, AssertionError, RuntimeError, OSError, TimeoutError) as error:
            world.verdicts.break_off(world.figures.phase, error)
        finally:
            for task in watching:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._progress.say("")
        return self._conclude()

    def _conclude(self) -> Outcome:
        order, world = self._order, self._world
        return Outcome(world.verdicts.count, write_report(world, repeat=order.command, folder=order.folder))

    async def _show(self) -> None:
        while True:
            self._progress.show()
            await asyncio.sleep(0.5)

    async def _bring_faults(self) -> None:
        order = self._order
        faults = plan(order.seed, order.broker, pace=order.scale.pace)
        if order.minutes is None:
            faults = islice(faults, order.faults or len(kinds_for(order.broker)))
        herd_at = time.monotonic()
        for fault in faults:
            if order.scale.herd and time.monotonic() >= herd_at:
                await self._bring_herd()
                herd_at = time.monotonic() + _HERD_EVERY_S
            await self._pause(fault)
            if self._asked_to_end.is_set() or (self._until is not None and time.monotonic() >= self._until):
                return
            await self._mischief.bring(fault)

    async def _bring_herd(self) -> None:
        figures = self._world.figures
        figures.phase = f"restart with {self._order.scale.herd} more listeners"
        figures.note(Kind.HERD)
        await self._proofs.restart_with_herd(self._order.scale.herd)
        figures.phase = "load"

    async def _pause(self, fault: Fault) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked_to_end.wait(), fault.after_s)


def _pass_over_unclosed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Leave out what the HTTP library says of links that were cut in its hands; that is what is done to them here."""
    if not str(context.get("message")).startswith("Unclosed"):
        loop.default_exception_handler(context)


async def _play(order: Order, *, listens: bool) -> Outcome:
    asyncio.get_running_loop().set_exception_handler(_pass_over_unclosed)
    async with AsyncExitStack() as stack:
        run = Run(order, stack)
        if listens:
            _end_at_interrupts(run)
        try:
            return await run.play()
        finally:
            run.be_silent()


def _end_at_interrupts(run: Run) -> None:
    """Let Ctrl-C end the faults, and once more the run."""
    loop, playing = asyncio.get_running_loop(), asyncio.current_task()
    assert playing is not None

    def leave() -> None:
        run.be_silent()
        playing.cancel()

    def interrupt() -> None:
        loop.add_signal_handler(signal.SIGINT, leave)
        run.end_early()

    loop.add_signal_handler(signal.SIGINT, interrupt)


def play(order: Order, *, listens: bool = False) -> Outcome:
    """Make a run; ``listens``: for Ctrl-C, which takes the main thread."""
    order.folder.mkdir(parents=True, exist_ok=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_play(order, listens=listens))
