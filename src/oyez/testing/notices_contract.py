"""What a store promises that has notices, as tests: derive a class from `NoticesContract`, beside that of the broker.

Knows the protocols of `oyez.hub.notices` and `oyez.hub.broker`. Must not know any broker.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import pytest

from oyez.errors import BrokerError
from oyez.hub.broker import Broker
from oyez.hub.notices import Notice, Notices
from oyez.hub.publication import Channel, EventId, Post
from oyez.testing.harness import Clock

MANY = 300
_RETRY_S = 0.02
_DAY_S = 86_400


class TellingBroker(Broker, Notices, Protocol):
    """A broker that has notices."""


class Hearer:
    """``async with Hearer(broker) as hearer``: a daemon of the store, as far as notices go.

    Attributes:
        heard: the texts that were taken.
        events: how many events were delivered.
        lost: how often some were said to be missing.
    """

    def __init__(self, broker: TellingBroker) -> None:
        self.broker = broker
        self.heard: list[bytes] = []
        self.events = 0
        self.lost = 0
        self.horizon = EventId(0)
        self._came = asyncio.Event()
        broker.hear(self._take)

    def _take(self, text: bytes) -> None:
        self.heard.append(text)
        self._came.set()

    def _lose(self, up_to: EventId) -> None:
        self.lost += 1

    async def __aenter__(self) -> Self:
        self.horizon = await self.broker.start(self._deliver, self._lose)
        return self

    def _deliver(self, publications: Any) -> None:
        self.events += len(publications)

    async def __aexit__(self, *_: object) -> None:
        await self.broker.stop()

    def tell(self, notice: Notice) -> "asyncio.Future[BrokerError | None]":
        """Tell a notice; the outcome, with a look whether it was taken before."""
        settled: asyncio.Future[BrokerError | None] = asyncio.get_running_loop().create_future()

        def settle(error: BrokerError | None) -> None:
            assert not settled.done(), "a notice was settled twice"
            assert error is not None or notice.text in self.heard, "a notice was settled before it was taken"
            settled.set_result(error)

        self.broker.tell(notice, settle)
        return settled

    async def told(self, *notices: Notice) -> None:
        """Tell notices all at once, and wait until each is settled; none may be refused."""
        outcomes = await asyncio.gather(*map(self.tell, notices))
        assert not any(outcomes), f"a notice was refused where nothing was in its way: {outcomes}"

    async def until_heard(self, *texts: bytes) -> None:
        """Wait until all of these were taken."""
        while not set(texts) <= set(self.heard):
            self._came.clear()
            await self._came.wait()


class NoticesContract:
    """The promises of `oyez.hub.notices.Notices`.

    Give `make`, and say below what your store promises.
    """

    remembers: ClassVar[bool] = True
    """What was told is known to the next broker on the store, though none was there in between."""
    shared: ClassVar[bool] = False
    """Several brokers may have the store open at a time."""
    now_s: ClassVar[float] = 1_800_000_000.0
    """Where the wall clock begins, in seconds since 1970; ``time.time()`` where the store has a clock of its own."""
    patience_s: ClassVar[float] = 20.0
    """How long a test may take."""

    wall_clock: Clock

    def make(self, folder: Path, clock: Clock, wall_clock: Clock) -> TellingBroker:
        """Make a broker that is not started yet: what `BrokerContract.make` does."""
        raise NotImplementedError(f"{type(self).__name__} has to have a method make")

    @pytest.fixture
    def hearer(self, tmp_path: Path) -> Callable[[], Hearer]:
        """Make a daemon; all of a test are on one store, with one clock."""
        self.wall_clock = Clock(self.now_s)
        return lambda: self.open_hearer(tmp_path)

    def open_hearer(self, folder: Path) -> Hearer:
        """Return a daemon on the store of a folder, not started yet."""
        return Hearer(self.make(folder, Clock(50.0), self.wall_clock))

    def run(self, steps: Coroutine[Any, Any, None]) -> None:
        """Take the steps of a test."""
        asyncio.run(asyncio.wait_for(steps, self.patience_s))

    def notice(self, name: bytes, text: bytes, *, for_s: float = _DAY_S) -> Notice:
        """Return a notice that is of use for so long."""
        return Notice(name, text, int(self.wall_clock() + for_s))

    def test_what_is_told_is_taken_here_and_is_no_event(self, hearer: Callable[[], Hearer]) -> None:
        async def steps() -> None:
            async with hearer() as one:
                last_id = one.broker.last_id()
                await one.told(self.notice(b"a", b"\x00\xff any bytes"), self.notice(b"", b""))
                assert one.heard == [b"\x00\xff any bytes", b""]
                assert one.broker.last_id() == last_id
                assert (one.events, one.lost) == (0, 0)

        self.run(steps())

    def test_all_that_is_of_use_is_known_after_a_restart_and_nothing_else(self, hearer: Callable[[], Hearer]) -> None:
        many = [b"text %d" % number for number in range(MANY)]

        async def steps() -> None:
            async with hearer() as one:
                await one.told(*(self.notice(text, text) for text in many))
                await one.told(self.notice(b"short", b"soon over", for_s=5))
                await one.told(self.notice(b"again", b"the first"))
                await one.told(self.notice(b"again", b"in its place", for_s=_DAY_S + 1))
            self.wall_clock.now += 60
            async with hearer() as later:
                assert sorted(later.heard) == (sorted([*many, b"in its place"]) if self.remembers else [])
            async with hearer() as last:
                assert len(last.heard) == (MANY + 1 if self.remembers else 0)

        self.run(steps())

    def test_what_is_soon_of_no_use_comes_first(self, hearer: Callable[[], Hearer]) -> None:
        async def steps() -> None:
            async with hearer() as one:
                await one.told(self.notice(b"a", b"long", for_s=1000))
                await one.told(self.notice(b"b", b"short", for_s=500))
            async with hearer() as later:
                assert later.heard == ([b"short", b"long"] if self.remembers else [])

        self.run(steps())

    def test_events_are_as_they_were(self, hearer: Callable[[], Hearer]) -> None:
        async def steps() -> None:
            async with hearer() as one:
                await one.told(self.notice(b"a", b"before"))
                settled = asyncio.get_running_loop().create_future()
                one.broker.publish([Post(Channel("a"), b"1")], settled.set_result)
                (event,) = await settled
                await one.told(self.notice(b"b", b"after"))
                assert one.broker.last_id() == event
            self.wall_clock.now += 60
            async with hearer() as later:
                assert later.horizon >= event or later.events == 1, "a notice costs an event, and nobody is told"
                assert later.broker.last_id() >= event

        self.run(steps())

    def test_after_the_stop_it_is_refused(self, hearer: Callable[[], Hearer]) -> None:
        async def steps() -> None:
            async with hearer() as one:
                pass
            assert isinstance(await one.tell(self.notice(b"a", b"late")), BrokerError)
            assert one.heard == []

        self.run(steps())

    def test_all_daemons_on_a_store_are_told(self, hearer: Callable[[], Hearer]) -> None:
        async def steps() -> None:
            async with hearer() as one, hearer() as two:
                await one.told(self.notice(b"a", b"of one"))
                await two.told(self.notice(b"b", b"of two"))
                for each in one, two:
                    await each.until_heard(b"of one", b"of two")
                async with hearer() as three:  # whoever comes later learns of it, of the store or of the others
                    await three.until_heard(b"of one", b"of two")
                    assert sorted(three.heard) == [b"of one", b"of two"], "a notice was taken twice"

        if self.shared:
            self.run(steps())


class NoticesOutageContract(NoticesContract):
    """For a store that can fail while it is used: define `break_store` and `mend_store` too."""

    def break_store(self) -> None:
        """Make the store of the last `make` unusable; runs in another thread, and the outage is there when it ends."""
        raise NotImplementedError(f"{type(self).__name__} has to have a method break_store")

    def mend_store(self) -> None:
        """Make the store usable again, in another thread too."""
        raise NotImplementedError(f"{type(self).__name__} has to have a method mend_store")

    def test_in_an_outage_it_is_refused_and_afterwards_all_is_known(self, hearer: Callable[[], Hearer]) -> None:
        async def steps() -> None:
            async with contextlib.AsyncExitStack() as stack:
                others = [await stack.enter_async_context(hearer())] if self.shared else []
                one = await stack.enter_async_context(hearer())  # the store of the last that was made is broken
                await one.told(self.notice(b"a", b"before"))
                await asyncio.to_thread(self.break_store)
                try:
                    outcomes = await asyncio.gather(*(one.tell(self.notice(b"b", b"refused")) for _ in range(5)))
                    assert all(outcome and outcome.temporary for outcome in outcomes), outcomes
                    for other in others:
                        await other.told(self.notice(b"c", b"meanwhile"))
                finally:
                    await asyncio.to_thread(self.mend_store)
                if others:
                    await one.until_heard(b"meanwhile")
                await self.tell_until_taken(one)
            async with hearer() as later:
                assert {b"before", b"after"} <= set(later.heard) or not self.remembers

        self.run(steps())

    def test_who_comes_back_tells_whoever_started_meanwhile(self, hearer: Callable[[], Hearer]) -> None:
        async def steps() -> None:
            other = hearer()
            async with hearer() as one:  # the store of the last that was made is broken
                await one.told(self.notice(b"a", b"before"))
                await asyncio.to_thread(self.break_store)
                async with contextlib.AsyncExitStack() as stack:
                    try:
                        await stack.enter_async_context(other)
                        assert (b"before" in other.heard) == self.remembers
                    finally:
                        await asyncio.to_thread(self.mend_store)
                    await other.until_heard(b"before")

        if self.shared:
            self.run(steps())

    async def tell_until_taken(self, one: Hearer) -> None:
        """Tell again and again; the outage is over."""
        deadline = time.monotonic() + self.patience_s / 2
        while (error := await one.tell(self.notice(b"d", b"after"))) is not None:
            assert time.monotonic() < deadline, f"notices are still refused after the outage: {error}"
            await asyncio.sleep(_RETRY_S)
