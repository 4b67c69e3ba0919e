"""How each fault of a plan is brought about, and ended.

Knows the daemon's process, disk, clock and networks. Must not know what is right: that is the checker's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.faults.disk import tear
from tests.faults.doors import SocketIOUpgrade
from tests.faults.ledger import HEAVY, Outcome
from tests.faults.plan import Fault, Kind
from tests.faults.world import DRAIN_DEADLINE_S, KEPT_EVENTS, World

# The promise is the deadline; what comes on top is a busy machine, and the end of an interpreter.
_DRAIN_SLACK_S = 5.0
_RETURN_PATIENCE_S = 90.0
_TAKES_AGAIN_S = 30.0
_FULL_WITHIN_S = 10.0

# All that comes while readers stall is ten megabytes for each of them: it would show if it were kept for each.
_HEAVY_BURST = 100
_STALLED_BURSTS = 6
_MOST_GROWTH_MB = 25.0


class Mischief:
    """Brings faults about, one after the other; those of the network may outlast the next."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ending: set[asyncio.Task[None]] = set()
        self._returning: asyncio.Task[None] | None = None
        self._means: dict[Kind, Callable[[Fault], Awaitable[None]]] = {
            Kind.KILL: self._kill,
            Kind.KILL_TWICE: self._kill_twice,
            Kind.DRAIN: self._drain,
            Kind.STOP: self._stop,
            Kind.RESET: self._reset,
            Kind.SILENCE: self._silence,
            Kind.LOST_ANSWERS: self._lose_answers,
            Kind.BROKEN_UPGRADES: self._break_upgrades,
            Kind.STALL: self._stall,
            Kind.CLOCK_BACK: self._step_clock_back,
            Kind.DISK_FULL: self._fill_disk,
            Kind.TORN: self._tear,
            Kind.OUTAGE: self._stop_rabbitmq,
        }

    async def bring(self, fault: Fault) -> None:
        self._world.figures.phase = str(fault)
        self._world.figures.note(fault.kind)
        await self._means[fault.kind](fault)
        self._world.figures.phase = "load"

    async def heal(self) -> None:
        """End everything that is wrong."""
        for task in (*self._ending, *([self._returning] if self._returning else [])):
            task.cancel()
        world = self._world
        world.daemon.go_on()
        world.store.disk.free()
        self._heal_networks()
        for staller in world.stallers:
            staller.read_on()
        if not world.daemon.is_up:
            await self.restart()

    def _heal_networks(self) -> None:
        network = self._world.network
        network.answers_to_lose = 0
        network.mend()
        network.resume()

    # The process

    async def kill_daemon(self) -> None:
        await self._world.daemon.kill()
        self._world.figures.kills += 1
        await asyncio.sleep(0.2)  # what it had sent arrives

    async def restart(self, *, loses: bool = False) -> None:
        """Start the daemon again; ``loses``: also if it keeps its events, it cannot be sure of them this time."""
        world = self._world
        forgets = loses or not world.store.remembers
        if forgets:
            world.ledger.excuse()
        await world.daemon.start()
        if forgets:  # nor are those that nobody has heard of
            answer = await world.get("/api/last")
            world.ledger.note_id(answer["id"])
            world.ledger.excuse()
        if self._returning is not None:
            self._returning.cancel()
        self._returning = asyncio.create_task(self._time_return())

    async def _time_return(self) -> None:
        begun = time.monotonic()
        if await self.all_back(_RETURN_PATIENCE_S):
            self._world.figures.note_return(time.monotonic() - begun)
        else:
            away = [listener.record.who for listener in self._world.listeners if not listener.is_back]
            self._world.verdicts.add("I7", ", ".join(away[:5]), f"not back {_RETURN_PATIENCE_S:g} s after a restart")

    async def all_back(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while not all(listener.is_back for listener in self._world.listeners):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def _kill(self, fault: Fault) -> None:
        await self.kill_daemon()
        await asyncio.sleep(fault.share * 0.5)
        await self.restart()

    async def _kill_twice(self, fault: Fault) -> None:
        await self._kill(fault)
        await asyncio.sleep(fault.share * 0.7)
        await self._kill(fault)

    async def _drain(self, fault: Fault) -> None:
        await self.drain_daemon()
        await asyncio.sleep(fault.share * 0.5)
        await self.restart()

    async def drain_daemon(self) -> None:
        """Ask the daemon to end, and hold it to the time that it has for that."""
        world = self._world
        seconds, code = await world.daemon.drain()
        world.figures.longest_drain_s = max(world.figures.longest_drain_s, seconds)
        if seconds > DRAIN_DEADLINE_S + _DRAIN_SLACK_S:
            world.verdicts.add(
                "I6", "the daemon", f"took {seconds:.1f} s to end, its deadline was {DRAIN_DEADLINE_S:g}"
            )
        if code != 0:
            world.verdicts.add("I6", "the daemon", f"ended with code {code} after SIGTERM")

    async def _stop(self, fault: Fault) -> None:
        self._world.daemon.hang()
        await asyncio.sleep(fault.for_s)
        if fault.kills:
            await self.kill_daemon()
            await self.restart()
        else:
            self._world.daemon.go_on()

    async def _step_clock_back(self, fault: Fault) -> None:
        clock = self._world.daemon.clock
        clock.set(-fault.seconds_back)
        await asyncio.sleep(0.3 + fault.for_s)
        if fault.kills:
            await self.kill_daemon()
            await self.restart()
            await asyncio.sleep(0.3 + fault.for_s)
            await self.kill_daemon()
            clock.set(0)
            await self.restart()
        else:
            clock.set(0)

    # The network

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            act()

        task = asyncio.create_task(wait())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _reset(self, fault: Fault) -> None:
        random = self._world.random
        await asyncio.to_thread(self._world.network.reset_some, lambda: random.random() < 0.2 + 0.8 * fault.share)

    async def _silence(self, fault: Fault) -> None:
        random = self._world.random
        await asyncio.to_thread(self._world.network.hush_some, lambda: random.random() < fault.share)
        self._later(fault.for_s, self._world.network.resume)

    async def _lose_answers(self, fault: Fault) -> None:
        self._world.network.answers_to_lose = fault.number
        await asyncio.sleep(fault.for_s)

    async def _break_upgrades(self, fault: Fault) -> None:
        for listener in self._world.listeners:
            if isinstance(listener, SocketIOUpgrade):
                listener.breaks_next = True
                listener.drop_link()
        await asyncio.sleep(fault.for_s)

    async def _stall(self, fault: Fault) -> None:
        """Let readers stall while much comes for them; the daemon must not keep it for each of them."""
        world = self._world
        for _ in range(
            0, KEPT_EVENTS, _HEAVY_BURST
        ):  # history has all that it may have of it before memory is measured
            await world.post([HEAVY] * _HEAVY_BURST)
        for staller in world.stallers:
            staller.stall()
        before, grown = world.daemon.measure_mb(), 0.0
        for _ in range(_STALLED_BURSTS):
            await world.post([HEAVY] * _HEAVY_BURST)
            grown = max(grown, world.daemon.measure_mb() - before)
            await asyncio.sleep(fault.for_s / _STALLED_BURSTS)
        for staller in world.stallers:
            staller.read_on()
        world.figures.stalled_growth_mb = max(world.figures.stalled_growth_mb, grown)
        if grown > _MOST_GROWTH_MB:
            what = f"grew by {grown:.0f} MB while readers stalled, with a bound of {_MOST_GROWTH_MB:.0f}"
            world.verdicts.add("I5", "the daemon", what)

    # The disk

    async def _fill_disk(self, fault: Fault) -> None:
        world = self._world
        await asyncio.to_thread(world.store.disk.fill, world.daemon)
        deadline = time.monotonic() + _FULL_WITHIN_S
        refused = world.ledger.counts[Outcome.REFUSED]
        while world.ledger.counts[Outcome.REFUSED] == refused and time.monotonic() < deadline:
            await world.try_to_post([HEAVY] * _HEAVY_BURST)  # what SQLite has of the disk already is soon used up
        await asyncio.sleep(fault.for_s)
        if fault.kills:
            await self.kill_daemon()
            world.store.disk.free()
            await self.restart()
        else:
            world.store.disk.free()
        await self._await_posting("the disk had room")

    async def _await_posting(self, since: str) -> None:
        """Wait until a post is taken again, by the daemon itself and without a restart."""
        world = self._world
        acknowledged = world.ledger.newest_acknowledged
        deadline = time.monotonic() + _TAKES_AGAIN_S
        while world.ledger.newest_acknowledged == acknowledged:
            if time.monotonic() > deadline:
                world.verdicts.add("I4", "the daemon", f"takes no posts {_TAKES_AGAIN_S:g} s after {since}")
                return
            await asyncio.sleep(0.05)

    async def _tear(self, fault: Fault) -> None:
        """Take the last pages away while the daemon is down, and let it believe that the machine was started anew."""
        world = self._world
        await self.kill_daemon()
        world.figures.torn_bytes += tear(world.store.database, world.random, fault.number)
        world.daemon.boot += 1
        await self.restart(loses=True)

    # RabbitMQ

    async def _stop_rabbitmq(self, fault: Fault) -> None:
        """Stop or kill it; without a stream, what is published meanwhile, and what was on its way, may be lost."""
        world = self._world
        assert world.store.rabbitmq is not None
        excuse = world.ledger.excuse_confirmed if world.store.remembers else world.ledger.excuse
        excuse()  # what was confirmed and not read yet ends with the queue; coming back may take long
        world.ledger.in_outage = not world.store.remembers
        await asyncio.to_thread(world.store.rabbitmq.kill if fault.kills else world.store.rabbitmq.stop)
        await asyncio.sleep(fault.for_s)
        await asyncio.to_thread(world.store.rabbitmq.start)
        await self._await_posting("RabbitMQ was back")
        excuse()  # until then nobody read what others published
        world.ledger.in_outage = False
