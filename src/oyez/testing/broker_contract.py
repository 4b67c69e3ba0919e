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
from oyez.testing.kill import kill_while_it_publishes
from oyez.testing.stage import MANY_KINDS, Clock, SceneError, Stage, assert_rising

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

    def open_stage(self, folder: Path) -> Stage:
        """Make the stage of one test: a store in this folder, and clocks."""
        clock, wall_clock = Clock(50.0), Clock(self.now_s)
        return Stage(
            lambda: self.make(folder, clock, wall_clock),
            clock,
            wall_clock,
            patience_s=self.patience_s,
            refused_may_arrive=self.refused_may_arrive,
        )

    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        """The stage of one test."""
        return self.open_stage(tmp_path)

    def least_id(self, stage: Stage) -> int:
        """Return the id that belongs to the wall clock's time."""
        return int(stage.wall_clock() * 1000) * self.ids_per_ms

    async def restart(self, stage: Stage, step_s: float = 60.0) -> EventId:
        """Stop the broker and start another one on its store, later by the wall clock; return the horizon."""
        await stage.stop()
        stage.wall_clock.now += step_s
        horizon = await stage.start()
        if self.durable and stage.kept:
            first = min(stage.kept)
            assert horizon < first, f"the horizon is {horizon} after a restart: the settled event {first} is given up"
        return horizon

    # Before the first post

    def test_before_the_first_post(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            assert stage.broker.available
            await stage.stop()
            assert not stage.broker.available, "available after stop(), though no post would be taken"

        stage.play(scene())
        assert stage.delivered == []

    def test_a_fresh_store_promises_nothing_from_before_it(self, stage: Stage) -> None:
        async def scene() -> None:
            horizon = await stage.start()
            (first,) = await stage.publish(*stage.posts("a")).ids()
            assert horizon >= self.least_id(stage), "ids that an earlier store could have given are above the horizon"
            assert horizon < first
            await stage.stop()

        stage.play(scene())

    # Posts, and their ids

    def test_what_is_posted_is_delivered_as_it_was(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            stage.clock.now = 55.5
            await stage.publish(*MANY_KINDS).ids()
            await stage.stop()

        stage.play(scene())
        assert [(each.channel, each.message, each.attachments, each.time) for each in stage.delivered] == [
            (post.channel, post.message, post.attachments, 55.5) for post in MANY_KINDS
        ]

    def test_ids_rise_on_the_scale_of_the_clock(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            first = await stage.publish(*stage.posts("a", "b")).ids()
            assert 0 <= first[0] - self.least_id(stage) <= self.ids_per_ms
            stage.wall_clock.now += 60
            (later,) = await stage.publish(*stage.posts("a")).ids()
            assert 0 <= later - self.least_id(stage) <= self.ids_per_ms
            await stage.stop()

        stage.play(scene())

    @pytest.mark.parametrize("step_s", [-3600, -0.001, 0, 0.001])
    def test_ids_rise_whatever_the_wall_clock_does(self, stage: Stage, step_s: float) -> None:
        async def scene() -> None:
            ids = [await stage.start()]
            for _ in range(50):
                ids += await stage.publish(*stage.posts("a", "b", "a")).ids()
                stage.wall_clock.now += step_s
            await stage.stop()
            assert_rising(ids)
            assert [publication.id for publication in stage.delivered] == ids[1:]
            assert stage.broker.last_id() == ids[-1]

        stage.play(scene())

    def test_posts_are_settled_once_in_order_after_their_delivery(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            for number in range(100):  # all under way at once
                stage.publish(*stage.posts(*"abc"[: number % 3 + 1]))
            ids = [event for request in stage.requests for event in await request.ids()]
            await stage.stop()
            assert_rising(ids)
            assert [publication.id for publication in stage.delivered] == ids

        stage.play(scene())
        assert stage.settled == stage.requests, "the posts were settled in another order than that of publish"

    def test_a_large_call_keeps_its_order(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            posts = stage.posts(*"abcd" * 500)
            ids = await stage.publish(*posts).ids()
            await stage.stop()
            assert_rising(ids)
            assert [publication.message for publication in stage.delivered] == [post.message for post in posts]

        stage.play(scene())

    def test_no_posts_are_settled_too(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            before = stage.broker.last_id()
            assert await stage.publish().ids() == []
            assert stage.broker.last_id() == before
            await stage.stop()

        stage.play(scene())
        assert stage.delivered == []

    def test_a_post_may_follow_as_soon_as_another_is_settled(self, stage: Stage) -> None:
        done = asyncio.Event()

        def go_on() -> None:
            if len(stage.requests) == 20:
                done.set()
            else:
                stage.publish(*stage.posts("a"), then=go_on)

        async def scene() -> None:
            await stage.start()
            stage.publish(*stage.posts("a"), then=go_on)
            await done.wait()
            await stage.stop()

        stage.play(scene())
        assert len(stage.delivered) == 20

    def test_a_poster_that_fails_costs_no_other(self, stage: Stage) -> None:
        def fail() -> None:
            raise SceneError

        async def scene() -> None:
            await stage.start()
            for number in range(30):
                stage.publish(*stage.posts("a"), then=fail if number % 3 == 0 else lambda: None)
            for request in stage.requests:
                await request.ids()
            await stage.publish(*stage.posts("a")).ids()
            stage.publish(*stage.posts("a"), then=fail)
            stage.publish(*stage.posts("a"))
            await stage.stop()

        stage.play(scene())
        assert len(stage.delivered) == 33

    def test_a_client_goes_on_at_its_id_or_before_it(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            (event,) = await stage.publish(*stage.posts("a")).ids()
            assert 0 <= stage.broker.reach_back(event) <= event
            await stage.stop()

        stage.play(scene())

    # Stop

    def test_what_is_under_way_at_the_stop_is_settled(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            for _ in range(200):
                stage.publish(*stage.posts("a", "b"))
            await stage.stop()  # looks whether all are settled

        stage.play(scene())

    def test_posts_after_the_stop_are_refused(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            await stage.stop()
            outcome = await stage.publish(*stage.posts("a")).outcome()
            assert isinstance(outcome, BrokerError), f"a post after stop() was settled with {outcome}"

        stage.play(scene())
        assert stage.delivered == []

    # Restart. `Stage.start` looks each time whether what was settled above the horizon is there, as it was posted.

    def test_a_restart_replays_in_order_what_was_settled(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            await stage.publish(*MANY_KINDS).ids()
            for _ in range(50):
                stage.publish(*stage.posts("a", "é\ud800", "a"))
            await self.restart(stage)
            if self.durable:
                assert len(stage.delivered) == len(stage.kept) == len(MANY_KINDS) + 150
            await self.restart(stage)
            await stage.stop()

        stage.play(scene())

    def test_ids_rise_over_restarts(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            for step_s in (-3600.0, 0.0, 0.001, 60.0) if self.durable else (60.0, 60.0):
                before = await stage.publish(*stage.posts("a", "b")).ids()
                horizon = await self.restart(stage, step_s)
                last_id = stage.broker.last_id()
                assert last_id >= max(before), f"last_id() fell from {max(before)} to {last_id} over a restart"
                after = await stage.publish(*stage.posts("a", "b")).ids()
                assert_rising([*before, *after])
                assert horizon < after[0]
            await stage.stop()

        stage.play(scene())

    def test_a_restart_without_posts_gives_up_nothing(self, stage: Stage) -> None:
        async def scene() -> None:
            horizon = await stage.start()
            again = await self.restart(stage)
            assert again >= horizon
            if self.durable:
                assert again == horizon, "nothing happened, and the horizon rose: every client is told of a gap"
            await stage.stop()

        stage.play(scene())
        assert stage.delivered == []

    def test_events_keep_their_age_over_a_restart(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            (old,) = await stage.publish(*stage.posts("a")).ids()
            stage.wall_clock.now += 30
            stage.clock.now += 30
            (new,) = await stage.publish(*stage.posts("a")).ids()
            stage.clock.now = 7.0  # another process, another steady clock
            await self.restart(stage, 60.0)
            for publication in stage.delivered:
                posted_s, found_s = {old: 90.0, new: 60.0}[publication.id], 7.0 - publication.time
                assert abs(found_s - posted_s) <= _AGE_TOLERANCE_S, (
                    f"an event of {posted_s:g} s ago is replayed as one of {found_s:g} s ago"
                )
            await stage.stop()

        stage.play(scene())

    @pytest.mark.parametrize("step_days", [400, -400])
    def test_a_clock_that_is_set_makes_no_event_older(self, stage: Stage, step_days: float) -> None:
        async def scene() -> None:
            await stage.start()
            old = await stage.publish(*stage.posts("a", "b")).ids()
            stage.wall_clock.now += step_days * _DAY_S
            new = await stage.publish(*stage.posts("a", "b")).ids()
            assert_rising([*old, *new])
            if self.durable or step_days > 0:  # without a memory, nothing tells that an earlier run was ahead
                await self.restart(stage)  # looks whether all is there
            await stage.stop()

        stage.play(scene())

    def test_what_was_settled_outlives_a_kill(self, stage: Stage, tmp_path: Path) -> None:
        settled = kill_while_it_publishes(lambda: self.open_stage(tmp_path), 300)
        stage.kept = dict(settled)
        stage.wall_clock.now += 60

        async def scene() -> None:
            horizon = await stage.start()
            if self.survives_kill:
                assert horizon < min(settled), f"the horizon is {horizon} after a kill: settled events are given up"
            (event,) = await stage.publish(*stage.posts("a")).ids()
            assert event > max(settled)
            await stage.stop()

        stage.play(scene())


class BrokerOutageContract(BrokerContract):
    """For a store that can fail while it is used: define `break_store` and `mend_store` too."""

    def break_store(self) -> None:
        """Make the store of the last `make` unusable; runs in another thread, and the outage is there when it ends."""
        raise NotImplementedError(f"{type(self).__name__} has to have a method break_store")

    def mend_store(self) -> None:
        """Make the store usable again, in another thread too."""
        raise NotImplementedError(f"{type(self).__name__} has to have a method mend_store")

    def test_an_outage_refuses_posts_and_is_over_by_itself(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            await stage.publish(*stage.posts("a", "b")).ids()
            await asyncio.to_thread(self.break_store)
            try:
                await self.check_refused(stage)
            finally:
                await asyncio.to_thread(self.mend_store)
            await self.post_until_taken(stage)
            assert stage.broker.available, "a post was taken, and available is still False"
            await stage.publish(*stage.posts("a")).ids()
            await self.restart(stage)  # looks at what was refused, too
            await stage.stop()

        stage.play(scene())

    def test_a_broker_can_be_stopped_in_an_outage(self, stage: Stage) -> None:
        async def scene() -> None:
            await stage.start()
            await stage.publish(*stage.posts("a")).ids()
            await asyncio.to_thread(self.break_store)
            try:
                for _ in range(10):
                    stage.publish(*stage.posts("a"))
                await stage.stop()
            finally:
                await asyncio.to_thread(self.mend_store)
            stage.wall_clock.now += 60
            await stage.start()
            await self.post_until_taken(stage)
            await stage.stop()

        stage.play(scene())

    async def check_refused(self, stage: Stage) -> None:
        """Post while there is an outage: many at once, then one by one."""
        at_once = [stage.publish(*stage.posts("a", "b")) for _ in range(5)]
        for request in [*at_once, stage.publish(*stage.posts("a"))]:
            outcome = await request.outcome()
            assert isinstance(outcome, BrokerError), f"a post was settled with {outcome} in an outage"
            assert outcome.temporary, f"a post was refused for good in an outage: {outcome}"
        assert not stage.broker.available, "available in an outage, after posts were refused"

    async def post_until_taken(self, stage: Stage) -> None:
        """Post again and again; the outage is over."""
        deadline = time.monotonic() + self.patience_s / 2
        while isinstance(outcome := await stage.publish(*stage.posts("a")).outcome(), BrokerError):
            assert time.monotonic() < deadline, f"posts are still refused after the outage: {outcome}"
            await asyncio.sleep(_RETRY_S)
