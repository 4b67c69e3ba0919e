"""What is looked into while a run goes on and at its end: histories, a herd that comes back, the last posts.

Knows how to find out whether all is there. Must not know how it could have got lost.
"""

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import quote

import aiohttp

from tests.faults.checker import Record
from tests.faults.clients import ClientListener
from tests.faults.doors import DOORS, EventStream, LongPoll, RawWebSocket, SocketIOWebSocket
from tests.faults.ledger import Mark, Outcome, Post
from tests.faults.listeners import Listener
from tests.faults.mischief import Mischief
from tests.faults.world import POSTED, World

_HERD_DOORS: tuple[type[Listener], ...] = (SocketIOWebSocket, RawWebSocket, EventStream)
_HERD_CHANNELS = 30
_HERD_BEGUN_AT_ONCE = 50
_PATIENCE_S = 180.0
_ON_ITS_WAY_S = 3.0
_MEMORY_MB = 250.0
_MEMORY_MB_PER_LISTENER = 0.05


class Proofs:
    """The questions that are asked of a world."""

    def __init__(self, world: World, mischief: Mischief) -> None:
        self._world = world
        self._mischief = mischief

    async def watch(self) -> None:
        """Go on checking what must have come by now, the newest id, memory and a history; for ever."""
        while True:
            await asyncio.sleep(1.0)
            for record in list(self._world.records):
                record.check()
                await asyncio.sleep(0)
            self.check_memory()
            try:
                await self._world.ask_mark()
                await self.check_history(self._world.random.choice(POSTED), self.some_mark())
            except (aiohttp.ClientError, OSError, TimeoutError):
                continue  # the daemon is down or hung

    def check_memory(self) -> None:
        world = self._world
        bound = _MEMORY_MB + _MEMORY_MB_PER_LISTENER * len(world.records)
        size = world.daemon.measure_mb()
        if size > bound:
            world.verdicts.add("I5", "the daemon", f"has {size:.0f} MB, with a bound of {bound:.0f}")

    def some_mark(self) -> Mark:
        """Choose a position of long ago or of just now."""
        return self._world.random.choice(self._world.ledger.marks)

    async def check_history(self, channel: str, mark: Mark) -> None:
        """Read a channel's history as a back end does, and judge it like a listener's story."""
        world = self._world
        life, asked = world.daemon.lives, world.ledger.tick()
        who = f"history of {channel} since {mark.start}"
        record = Record(who, [channel], mark, world.ledger, world.verdicts, has_all=True)
        if world.store.skew:  # what others have posted is confirmed before it has come to the daemon
            await asyncio.sleep(_ON_ITS_WAY_S)
        since: int | None = mark.start
        pages = []
        while since is not None:
            page = await world.get(f"/api/channels/{quote(channel, safe='')}/history?since={since}&limit=1000")
            pages.append(page)
            since = page["next"]
        if world.daemon.lives != life:
            return  # pages of two lives need not fit
        for page in pages:
            if page["gap"] is not None:
                record.gap(page["gap"])
            for event in page["events"]:
                record.message(event)
        record.check(up_to=asked, to_the_end=True)
        world.figures.histories += 1
        world.figures.deliveries += record.deliveries
        world.figures.gaps += record.gaps

    # A herd

    async def restart_with_herd(self, size: int) -> None:
        """Kill the daemon with very many listeners, and wait until the last of them is back and complete."""
        world = self._world
        channels = [f"herd-{number}" for number in range(_HERD_CHANNELS)]
        mark = await world.ask_mark()
        herd: list[Listener] = []
        for number in range(size):
            record = Record(f"herd {number}", [channels[number % len(channels)]], mark, world.ledger, world.verdicts)
            kind = _HERD_DOORS[number % len(_HERD_DOORS)]
            herd.append(kind(record, lambda: world.daemon.url, world.session, world.random))
            herd[-1].begin()
            if number % _HERD_BEGUN_AT_ONCE == 0:
                await asyncio.sleep(0.02)
        world.records += [listener.record for listener in herd]
        try:
            await self._await_herd(herd, "at first")
            await self._await_posts(herd, await world.post(channels))
            await world.post(channels)
            await self._mischief.kill_daemon()
            await self._mischief.restart()
            begun = time.monotonic()
            posts = await world.post(channels)
            await self._await_herd(herd, "after the restart")
            await self._await_posts(herd, posts)
            world.figures.herds.append((size, time.monotonic() - begun))
        finally:
            await asyncio.gather(*(listener.end() for listener in herd))
        self._retire(herd)  # if it broke off, there is nothing to judge

    async def _await_herd(self, herd: list[Listener], when: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not all(listener.is_back for listener in herd):
            if time.monotonic() > deadline:
                away = sum(not listener.is_back for listener in herd)
                self._world.verdicts.add("I7", f"{away} of a herd of {len(herd)}", f"not there {when}")
                return
            await asyncio.sleep(0.05)

    def _retire(self, listeners: list[Listener]) -> None:
        world = self._world
        records = [listener.record for listener in listeners]
        for record in records:
            record.check(to_the_end=True)
        world.forget(records)
        world.figures.deliveries += sum(record.deliveries for record in records)
        world.figures.gaps += sum(record.gaps for record in records)
        world.figures.reconnects += sum(listener.links - 1 for listener in listeners)

    async def _await_posts(self, listeners: Sequence[Listener | ClientListener], posts: list[Post]) -> None:
        """Wait until each listener has what it follows of some posts, or knows that it is gone."""
        deadline = time.monotonic() + _PATIENCE_S
        late = [listener.record for listener in listeners]
        while late := [record for record in late if not all(map(record.is_content, posts))]:
            if time.monotonic() > deadline:
                names = ", ".join(record.who for record in late[:5])
                self._world.verdicts.add("I2", f"{len(late)} listeners ({names})", "never got the last posts")
                return
            await asyncio.sleep(0.05)

    # The end

    async def close(self) -> None:
        """Heal all, wait until everybody has everything, ask anew for all that was kept, and drain."""
        world, mischief = self._world, self._mischief
        world.figures.phase = "healing"
        await mischief.heal()
        await asyncio.gather(*(poster.end() for poster in world.posters))
        world.figures.phase = "the last posts to everybody"
        await self._await_posts(world.listeners, await world.post(POSTED))
        for record in world.records:
            record.check(to_the_end=True)
        for post in world.ledger.never_heard():
            world.verdicts.add("I4", "everybody", f"was never given {post.channel}#{post.serial}, which was confirmed")
        world.figures.phase = "all histories after one more kill -9"
        await mischief.kill_daemon()
        await mischief.restart()
        await self._ask_anew()
        await mischief.all_back(_PATIENCE_S)
        world.figures.phase = "draining"
        for listener in world.listeners:
            if isinstance(listener, ClientListener):  # they have no good way to leave a daemon that is gone
                await listener.end()
        await mischief.drain_daemon()
        for listener in world.listeners:
            if isinstance(listener, Listener):
                await listener.end()

    async def _ask_anew(self) -> None:
        """Let new listeners name old ids on each door, and read every history."""
        world = self._world
        posts = [posted[-1] for channel in POSTED if (posted := world.ledger.posts(channel))]
        posts = [post for post in posts if post.outcome is Outcome.ACKNOWLEDGED]
        fresh: list[Listener] = []
        for number in range(world.scale.fresh * len(DOORS)):
            door, kind = list(DOORS.items())[number % len(DOORS)]
            mark = self.some_mark()
            # A long poll brings one event: far behind, and with many channels, it would take minutes.
            channels = world.random.sample(POSTED, 1 if kind is LongPoll else 3)
            record = await world.new_record(f"{door}, back from {mark.start}", channels, mark)
            fresh.append(kind(record, lambda: world.daemon.url, world.session, world.random))
            fresh[-1].begin()
        await self._await_posts(fresh, posts)
        for listener in fresh:
            await listener.end()
        self._retire(fresh)
        for channel in POSTED:
            await self.check_history(channel, self.some_mark())
