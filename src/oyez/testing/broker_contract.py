"""What every broker promises, as tests: derive a class from `BrokerContract`, and pytest runs them against your broker.

Knows the protocol of `oyez.hub.broker`. Must not know any broker.
"""

import asyncio
import time
from pathlib import Path
from typing import ClassVar

import pytest

from oyez.errors import BrokerError
from oyez.hub.broker import Broker
from oyez.hub.publication import EventId
from oyez.testing.harness import MANY_KINDS, BrokerHarness, Clock, SettleError, assert_rising
from oyez.testing.kill import kill_while_it_publishes

_AGE_TOLERANCE_S = 1.0  # of stores that note whole seconds
_RETRY_S = 0.02
_DAY_S = 86_400


class BrokerContract:
    """The promises of `oyez.hub.broker.Broker`.

    Give `make`, and say below what your broker promises beyond the least. Where it promises less, the tests hold it to
    saying so: what may be gone after a restart has to be below the horizon.
    """

    durable: ClassVar[bool] = False
    """What was settled is there when a new broker opens the store after `stop`."""
    survives_kill: ClassVar[bool] = False
    """It is there even if the process was killed."""
    ids_per_ms: ClassVar[int] = 1
    """The scale of ids: 1 where they are milliseconds since 1970, 1000 where they are microseconds."""
    now_s: ClassVar[float] = 1_800_000_000.0
    """Where the wall clock begins, in seconds since 1970; ``time.time()`` where the store has a clock of its own."""
    patience_s: ClassVar[float] = 20.0
    """How long a test may take."""
    refused_may_arrive: ClassVar[bool] = False
    """Whether a post may be refused, and published all the same, because only the store's answer got lost."""

    def make(self, folder: Path, clock: Clock, wall_clock: Clock) -> Broker:
        """Make a broker that is not started yet.

        Args:
            folder: of one store: whatever was made with the same folder shares its events, and nothing else does. It is
                there, and empty at first; a store elsewhere may be named after it.
            clock: the hub's: seconds on a steady scale. The broker writes it into `Publication.time`.
            wall_clock: seconds since 1970. Ids follow it.
        """
        raise NotImplementedError(f"{type(self).__name__} has to have a method make")

    def open_harness(self, folder: Path) -> BrokerHarness:
        """Make the harness of one test: on a store in this folder, with clocks."""
        clock, wall_clock = Clock(50.0), Clock(self.now_s)
        return BrokerHarness(
            lambda: self.make(folder, clock, wall_clock),
            clock,
            wall_clock,
            patience_s=self.patience_s,
            refused_may_arrive=self.refused_may_arrive,
        )

    @pytest.fixture
    def harness(self, tmp_path: Path) -> BrokerHarness:
        """The harness of one test."""
        return self.open_harness(tmp_path)

    def least_id(self, harness: BrokerHarness) -> int:
        """Return the id that belongs to the wall clock's time."""
        return int(harness.wall_clock() * 1000) * self.ids_per_ms

    async def restart(self, harness: BrokerHarness, step_s: float = 60.0) -> EventId:
        """Stop the broker and start another one on its store, later by the wall clock; return the horizon."""
        await harness.stop()
        harness.wall_clock.now += step_s
        horizon = await harness.start()
        if self.durable and harness.kept:
            first = min(harness.kept)
            assert horizon < first, f"the horizon is {horizon} after a restart: the settled event {first} is given up"
        return horizon

    # Before the first post

    def test_before_the_first_post(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            assert harness.broker.available
            await harness.stop()
            assert not harness.broker.available, "available after stop(), though no post would be taken"

        harness.run(steps())
        assert harness.delivered == []

    def test_a_fresh_store_promises_nothing_from_before_it(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            horizon = await harness.start()
            (first,) = await harness.publish(*harness.posts("a")).ids()
            assert horizon >= self.least_id(harness), "ids that an earlier store could have given are above the horizon"
            assert horizon < first
            await harness.stop()

        harness.run(steps())

    # Posts, and their ids

    def test_what_is_posted_is_delivered_as_it_was(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            harness.clock.now = 55.5
            await harness.publish(*MANY_KINDS).ids()
            await harness.stop()

        harness.run(steps())
        assert [(each.channel, each.message, each.attachments, each.time) for each in harness.delivered] == [
            (post.channel, post.message, post.attachments, 55.5) for post in MANY_KINDS
        ]

    def test_ids_rise_on_the_scale_of_the_clock(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            first = await harness.publish(*harness.posts("a", "b")).ids()
            assert 0 <= first[0] - self.least_id(harness) <= self.ids_per_ms
            harness.wall_clock.now += 60
            (later,) = await harness.publish(*harness.posts("a")).ids()
            assert 0 <= later - self.least_id(harness) <= self.ids_per_ms
            await harness.stop()

        harness.run(steps())

    @pytest.mark.parametrize("step_s", [-3600, -0.001, 0, 0.001])
    def test_ids_rise_whatever_the_wall_clock_does(self, harness: BrokerHarness, step_s: float) -> None:
        async def steps() -> None:
            ids = [await harness.start()]
            for _ in range(50):
                ids += await harness.publish(*harness.posts("a", "b", "a")).ids()
                harness.wall_clock.now += step_s
            await harness.stop()
            assert_rising(ids)
            assert [publication.id for publication in harness.delivered] == ids[1:]
            assert harness.broker.last_id() == ids[-1]

        harness.run(steps())

    def test_posts_are_settled_once_in_order_after_their_delivery(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            for number in range(100):  # all under way at once
                harness.publish(*harness.posts(*"abc"[: number % 3 + 1]))
            ids = [event for request in harness.requests for event in await request.ids()]
            await harness.stop()
            assert_rising(ids)
            assert [publication.id for publication in harness.delivered] == ids

        harness.run(steps())
        assert harness.settled == harness.requests, "the posts were settled in another order than that of publish"

    def test_a_large_call_keeps_its_order(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            posts = harness.posts(*"abcd" * 500)
            ids = await harness.publish(*posts).ids()
            await harness.stop()
            assert_rising(ids)
            assert [publication.message for publication in harness.delivered] == [post.message for post in posts]

        harness.run(steps())

    def test_no_posts_are_settled_too(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            before = harness.broker.last_id()
            assert await harness.publish().ids() == []
            assert harness.broker.last_id() == before
            await harness.stop()

        harness.run(steps())
        assert harness.delivered == []

    def test_a_post_may_follow_as_soon_as_another_is_settled(self, harness: BrokerHarness) -> None:
        done = asyncio.Event()

        def go_on() -> None:
            if len(harness.requests) == 20:
                done.set()
            else:
                harness.publish(*harness.posts("a"), then=go_on)

        async def steps() -> None:
            await harness.start()
            harness.publish(*harness.posts("a"), then=go_on)
            await done.wait()
            await harness.stop()

        harness.run(steps())
        assert len(harness.delivered) == 20

    def test_a_poster_that_fails_costs_no_other(self, harness: BrokerHarness) -> None:
        def fail() -> None:
            raise SettleError

        async def steps() -> None:
            await harness.start()
            for number in range(30):
                harness.publish(*harness.posts("a"), then=fail if number % 3 == 0 else lambda: None)
            for request in harness.requests:
                await request.ids()
            await harness.publish(*harness.posts("a")).ids()
            harness.publish(*harness.posts("a"), then=fail)
            harness.publish(*harness.posts("a"))
            await harness.stop()

        harness.run(steps())
        assert len(harness.delivered) == 33

    def test_a_client_goes_on_at_its_id_or_before_it(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            (event,) = await harness.publish(*harness.posts("a")).ids()
            assert 0 <= harness.broker.reach_back(event) <= event
            await harness.stop()

        harness.run(steps())

    # Stop

    def test_what_is_under_way_at_the_stop_is_settled(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            for _ in range(200):
                harness.publish(*harness.posts("a", "b"))
            await harness.stop()  # looks whether all are settled

        harness.run(steps())

    def test_posts_after_the_stop_are_refused(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            await harness.stop()
            outcome = await harness.publish(*harness.posts("a")).outcome()
            assert isinstance(outcome, BrokerError), f"a post after stop() was settled with {outcome}"

        harness.run(steps())
        assert harness.delivered == []

    # Restart. `BrokerHarness.start` looks whether what was settled above the horizon is there, as it was posted.

    def test_a_restart_replays_in_order_what_was_settled(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            await harness.publish(*MANY_KINDS).ids()
            for _ in range(50):
                harness.publish(*harness.posts("a", "é\ud800", "a"))
            await self.restart(harness)
            if self.durable:
                assert len(harness.delivered) == len(harness.kept) == len(MANY_KINDS) + 150
            await self.restart(harness)
            await harness.stop()

        harness.run(steps())

    def test_ids_rise_over_restarts(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            for step_s in (-3600.0, 0.0, 0.001, 60.0) if self.durable else (60.0, 60.0):
                before = await harness.publish(*harness.posts("a", "b")).ids()
                horizon = await self.restart(harness, step_s)
                last_id = harness.broker.last_id()
                assert last_id >= max(before), f"last_id() fell from {max(before)} to {last_id} over a restart"
                after = await harness.publish(*harness.posts("a", "b")).ids()
                assert_rising([*before, *after])
                assert horizon < after[0]
            await harness.stop()

        harness.run(steps())

    def test_a_restart_without_posts_gives_up_nothing(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            horizon = await harness.start()
            again = await self.restart(harness)
            assert again >= horizon
            if self.durable:
                assert again == horizon, "nothing happened, and the horizon rose: every client is told of a gap"
            await harness.stop()

        harness.run(steps())
        assert harness.delivered == []

    def test_events_keep_their_age_over_a_restart(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            (old,) = await harness.publish(*harness.posts("a")).ids()
            harness.wall_clock.now += 30
            harness.clock.now += 30
            (new,) = await harness.publish(*harness.posts("a")).ids()
            harness.clock.now = 7.0  # another process, another steady clock
            await self.restart(harness, 60.0)
            for publication in harness.delivered:
                posted_s, found_s = {old: 90.0, new: 60.0}[publication.id], 7.0 - publication.time
                assert abs(found_s - posted_s) <= _AGE_TOLERANCE_S, (
                    f"an event of {posted_s:g} s ago is replayed as one of {found_s:g} s ago"
                )
            await harness.stop()

        harness.run(steps())

    @pytest.mark.parametrize("step_days", [400, -400])
    def test_a_clock_that_is_set_makes_no_event_older(self, harness: BrokerHarness, step_days: float) -> None:
        async def steps() -> None:
            await harness.start()
            old = await harness.publish(*harness.posts("a", "b")).ids()
            harness.wall_clock.now += step_days * _DAY_S
            new = await harness.publish(*harness.posts("a", "b")).ids()
            assert_rising([*old, *new])
            if self.durable or step_days > 0:  # without a memory, nothing tells that an earlier run was ahead
                await self.restart(harness)  # looks whether all is there
            await harness.stop()

        harness.run(steps())

    def test_what_was_settled_outlives_a_kill(self, harness: BrokerHarness, tmp_path: Path) -> None:
        settled = kill_while_it_publishes(lambda: self.open_harness(tmp_path), 300)
        harness.kept = dict(settled)
        harness.wall_clock.now += 60

        async def steps() -> None:
            horizon = await harness.start()
            if self.survives_kill:
                assert horizon < min(settled), f"the horizon is {horizon} after a kill: settled events are given up"
            (event,) = await harness.publish(*harness.posts("a")).ids()
            assert event > max(settled)
            await harness.stop()

        harness.run(steps())


class BrokerOutageContract(BrokerContract):
    """For a store that can fail while it is used: define `break_store` and `mend_store` too."""

    def break_store(self) -> None:
        """Make the store of the last `make` unusable; runs in another thread, and the outage is there when it ends."""
        raise NotImplementedError(f"{type(self).__name__} has to have a method break_store")

    def mend_store(self) -> None:
        """Make the store usable again, in another thread too."""
        raise NotImplementedError(f"{type(self).__name__} has to have a method mend_store")

    def test_an_outage_refuses_posts_and_is_over_by_itself(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            await harness.publish(*harness.posts("a", "b")).ids()
            await asyncio.to_thread(self.break_store)
            try:
                await self.check_refused(harness)
            finally:
                await asyncio.to_thread(self.mend_store)
            await self.post_until_taken(harness)
            assert harness.broker.available, "a post was taken, and available is still False"
            await harness.publish(*harness.posts("a")).ids()
            await self.restart(harness)  # looks at what was refused, too
            await harness.stop()

        harness.run(steps())

    def test_a_broker_can_be_stopped_in_an_outage(self, harness: BrokerHarness) -> None:
        async def steps() -> None:
            await harness.start()
            await harness.publish(*harness.posts("a")).ids()
            await asyncio.to_thread(self.break_store)
            try:
                for _ in range(10):
                    harness.publish(*harness.posts("a"))
                await harness.stop()
            finally:
                await asyncio.to_thread(self.mend_store)
            harness.wall_clock.now += 60
            await harness.start()
            await self.post_until_taken(harness)
            await harness.stop()

        harness.run(steps())

    async def check_refused(self, harness: BrokerHarness) -> None:
        """Post while there is an outage: many at once, then one by one."""
        at_once = [harness.publish(*harness.posts("a", "b")) for _ in range(5)]
        for request in [*at_once, harness.publish(*harness.posts("a"))]:
            outcome = await request.outcome()
            assert isinstance(outcome, BrokerError), f"a post was settled with {outcome} in an outage"
            assert outcome.temporary, f"a post was refused for good in an outage: {outcome}"
        assert not harness.broker.available, "available in an outage, after posts were refused"

    async def post_until_taken(self, harness: BrokerHarness) -> None:
        """Post again and again; the outage is over."""
        deadline = time.monotonic() + self.patience_s / 2
        while isinstance(outcome := await harness.publish(*harness.posts("a")).outcome(), BrokerError):
            assert time.monotonic() < deadline, f"posts are still refused after the outage: {outcome}"
            await asyncio.sleep(_RETRY_S)
