"""Does the contract pass a broker that is right, and find what is wrong with each of those that are not?"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose, Settle
from oyez.hub.publication import EventId, Post, Publication
from oyez.testing.broker_contract import BrokerOutageContract
from oyez.testing.harness import Clock
from tests.contract.journal import JournalBroker

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-broker.md"


class TestJournal(BrokerOutageContract):
    """The example of the how-to; its outage: a folder stands where its file was."""

    durable = True
    survives_kill = True
    broker: type[JournalBroker] = JournalBroker

    def make(self, folder: Path, clock: Clock, wall_clock: Clock) -> JournalBroker:
        self.path = folder / "journal"
        return self.broker(self.path, clock, wall_clock)

    def break_store(self) -> None:
        self.path.rename(self.path.with_name("away"))
        self.path.mkdir()

    def mend_store(self) -> None:
        self.path.rmdir()
        self.path.with_name("away").rename(self.path)


def test_the_how_to_shows_this_broker() -> None:
    source = (Path(__file__).parent / "journal.py").read_text("utf-8")
    assert f"```python\n{source}```" in HOW_TO.read_text("utf-8")


# --- brokers that are wrong -------------------------------------------------------------------------------------------


class Forgetful(JournalBroker):
    """Starts its ids from the clock, whatever was before."""

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        horizon = await super().start(deliver, lose)
        self._last = max(horizon, EventId(self._now_ms()))
        return horizon


class Fast(JournalBroker):
    """Counts by the microsecond."""

    def _now_ms(self) -> int:
        return int(self._wall_clock() * 1_000_000)


class Backward(JournalBroker):
    """Follows the wall clock when it is set back."""

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        self._last = EventId(self._now_ms() - 1)
        super().publish(posts, settle)


class Deaf(JournalBroker):
    """Changes what it settles with; the parent's `publish` does the rest."""

    def outcome(self, settle: Settle, outcome: list[EventId] | BrokerError) -> None:
        raise NotImplementedError

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        super().publish(posts, partial(self.outcome, settle))


class Twice(Deaf):
    """Settles twice."""

    def outcome(self, settle: Settle, outcome: list[EventId] | BrokerError) -> None:
        settle(outcome)
        settle(outcome)


class Short(Deaf):
    """Settles with an id too few."""

    def outcome(self, settle: Settle, outcome: list[EventId] | BrokerError) -> None:
        settle(outcome[1:] if isinstance(outcome, list) else outcome)


class Late(Deaf):
    """Settles at some time, if it is still there."""

    def outcome(self, settle: Settle, outcome: list[EventId] | BrokerError) -> None:
        asyncio.get_running_loop().call_later(0.5, settle, outcome)


class Elsewhere(Deaf):
    """Settles in a thread of its own."""

    def outcome(self, settle: Settle, outcome: list[EventId] | BrokerError) -> None:
        thread = threading.Thread(target=settle, args=(outcome,))
        thread.start()
        thread.join()


class Hopeless(Deaf):
    """Refuses for good what may work later."""

    def outcome(self, settle: Settle, outcome: list[EventId] | BrokerError) -> None:
        settle(BrokerError(str(outcome), temporary=False) if isinstance(outcome, BrokerError) else outcome)


class Liar(Deaf):
    """Says yes to everything."""

    def outcome(self, settle: Settle, outcome: list[EventId] | BrokerError) -> None:
        settle([EventId(self._last)] if isinstance(outcome, BrokerError) else outcome)


class Disordered(Deaf):
    """Settles every second call after the next."""

    held: Callable[[], None] | None = None

    def outcome(self, settle: Settle, outcome: list[EventId] | BrokerError) -> None:
        if self.held is None:
            self.held = partial(settle, outcome)
            return
        held, self.held = self.held, None
        settle(outcome)
        held()


class Changed(JournalBroker):
    """Delivers something else than what comes; `change` says what."""

    def change(self, publications: Sequence[Publication]) -> Sequence[Publication]:
        raise NotImplementedError

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        return await super().start(lambda publications: deliver(self.change(publications)), lose)


class Reversed(Changed):
    """Delivers the newest first."""

    def change(self, publications: Sequence[Publication]) -> Sequence[Publication]:
        return publications[::-1]


class Stripped(Changed):
    """Drops attachments."""

    def change(self, publications: Sequence[Publication]) -> Sequence[Publication]:
        return [Publication(each.id, each.channel, each.message, (), each.time) for each in publications]


class Lossy(Changed):
    """Does not find its newest event again."""

    def change(self, publications: Sequence[Publication]) -> Sequence[Publication]:
        return publications if self.available else publications[:-1]


class Ageless(Changed):
    """Takes what it finds for new."""

    def change(self, publications: Sequence[Publication]) -> Sequence[Publication]:
        return [
            Publication(each.id, each.channel, each.message, each.attachments, self._clock()) for each in publications
        ]


class Slow(JournalBroker):
    """Delivers after it has settled."""

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        def deliver_later(publications: Sequence[Publication]) -> None:
            asyncio.get_running_loop().call_soon(deliver, publications)

        return await super().start(deliver_later, lose)


class Boastful(JournalBroker):
    """Claims to have everything from the beginning of time."""

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        await super().start(deliver, lose)
        return EventId(0)


class Timid(JournalBroker):
    """Gives up at each start what it has."""

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        await super().start(deliver, lose)
        self._last = max(self._last, EventId(self._now_ms()))
        return self._last


class Buffered(JournalBroker):
    """Settles what it has not written yet."""

    def _write(self, events: Sequence[Publication], now_ms: int) -> None:
        self.waiting = [*getattr(self, "waiting", ()), *events]

    async def stop(self) -> None:
        super()._write(self.waiting, self._now_ms())
        await super().stop()


class Open(JournalBroker):
    """Takes posts when it is stopped."""

    async def stop(self) -> None:
        self.available = False


class Stubborn(JournalBroker):
    """Does not notice that its store is back."""

    broken = False

    def _write(self, events: Sequence[Publication], now_ms: int) -> None:
        if self.broken:
            raise OSError(28, "No space left")
        self.broken = True
        super()._write(events, now_ms)
        self.broken = False


class Resurrecting(JournalBroker):
    """Refuses a post, and writes it when that works again."""

    refused: tuple[Post, ...] = ()

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        def note(outcome: list[EventId] | BrokerError) -> None:
            self.refused = tuple(posts) if isinstance(outcome, BrokerError) else ()
            settle(outcome)

        refused = self.refused
        super().publish(posts, note)
        if refused and not self.refused:
            super().publish(refused, lambda outcome: None)


class Fragile(JournalBroker):
    """Settles all that waits in a callback of its own, and stops at the first poster that fails."""

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        self.waiting = [*getattr(self, "waiting", ()), settle]
        super().publish(posts, self.settle_later)

    def settle_later(self, outcome: list[EventId] | BrokerError) -> None:
        asyncio.get_running_loop().call_soon(self.settle_all, outcome)

    def settle_all(self, outcome: list[EventId] | BrokerError) -> None:
        waiting, self.waiting = self.waiting, []
        for settle in waiting:
            settle(outcome)


class Judge(TestJournal):
    """Does not wait long for what will never come."""

    patience_s = 1.0


ids = TestJournal.test_ids_rise_over_restarts
replay = TestJournal.test_a_restart_replays_in_order_what_was_settled
in_order = TestJournal.test_posts_are_settled_once_in_order_after_their_delivery
outage = TestJournal.test_an_outage_refuses_posts_and_is_over_by_itself


@pytest.mark.parametrize(
    ("broker", "test", "complaint"),
    [
        (Forgetful, ids, "below the horizon 1800000000000, or the newest event 1800000000002"),
        (Fast, TestJournal.test_ids_rise_on_the_scale_of_the_clock, "least_id"),
        (Backward, partial(TestJournal.test_ids_rise_whatever_the_wall_clock_does, step_s=-1), "ids have to rise"),
        (Twice, in_order, "settled twice"),
        (Short, in_order, "1 posts were settled with 0 ids"),
        (Elsewhere, in_order, "settle was called in another thread"),
        (Disordered, in_order, "in another order than that of publish"),
        (Slow, in_order, "before that event was delivered"),
        (Late, TestJournal.test_what_is_under_way_at_the_stop_is_settled, "not settled after stop()"),
        (Fragile, TestJournal.test_a_poster_that_fails_costs_no_other, "never settled"),
        (Open, TestJournal.test_posts_after_the_stop_are_refused, "a post after stop() was settled with"),
        (Reversed, TestJournal.test_a_large_call_keeps_its_order, "ids have to rise"),
        (Stripped, TestJournal.test_what_is_posted_is_delivered_as_it_was, "is that of another event"),
        (Lossy, replay, "1 of 154 settled events are missing"),
        (Timid, replay, "is given up"),
        (Timid, TestJournal.test_a_restart_without_posts_gives_up_nothing, "the horizon rose"),
        (Boastful, TestJournal.test_a_fresh_store_promises_nothing_from_before_it, "above the horizon"),
        (
            Ageless,
            TestJournal.test_events_keep_their_age_over_a_restart,
            "an event of 90 s ago is replayed as one of 0 s ago",
        ),
        (Hopeless, outage, "refused for good"),
        (Liar, outage, "in an outage"),
        (Stubborn, outage, "still refused after the outage"),
        (Resurrecting, outage, "after its post had been refused"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_the_contract_finds_it(
    tmp_path: Path, broker: type[JournalBroker], test: Callable[..., None], complaint: str
) -> None:
    contract = Judge()
    contract.broker = broker
    with pytest.raises(AssertionError) as failure:
        test(contract, harness=contract.open_harness(tmp_path))
    assert complaint in "\n".join([str(failure.value), *getattr(failure.value, "__notes__", ())])


def test_the_contract_finds_a_broker_that_loses_events_when_it_is_killed(tmp_path: Path) -> None:
    contract = Judge()
    contract.broker = Buffered
    with pytest.raises(AssertionError, match="settled events are missing"):
        contract.test_what_was_settled_outlives_a_kill(contract.open_harness(tmp_path), tmp_path)
