"""Is a revocation answered when all that it is for has ended, and with a documented error when it cannot be?"""

import asyncio
import time
from collections.abc import Callable

import pytest

from oyez.access.listen_policy import ListenPolicy, make_signers
from oyez.access.revocations import Revocations
from oyez.access.settings import ChannelSettings
from oyez.endpoints.context import HeldGrant, NoRoomError
from oyez.endpoints.gate import Gate
from oyez.errors import BrokerError
from oyez.hub.notices import LocalNotices, Notice, Notices, SettleNotice, TakeNotice
from oyez.hub.publication import Channel
from oyez.net.ticker import Ticker
from oyez.wire.revocations import Revocation
from tests.fakes import Clock, Listener, World

LONGEST_S = 1000


class Store:
    """Notices that are told and settled when the test says so."""

    def __init__(self) -> None:
        self.told: list[tuple[Notice, SettleNotice]] = []
        self.take: TakeNotice = lambda _: None

    def hear(self, take: TakeNotice) -> None:
        self.take = take

    def tell(self, notice: Notice, settle: SettleNotice) -> None:
        self.told.append((notice, settle))


def policy_of(revocations: Revocations, longest_s: int = LONGEST_S) -> ListenPolicy:
    rules = (ChannelSettings("a", "grant", 10), ChannelSettings("b", "grant", longest_s))
    return ListenPolicy(rules, make_signers("key", ()), revocations)


def gate_of(
    notices: Notices, clock: Callable[[], float] = time.time, most: int = 10, world: World | None = None
) -> tuple[Gate, Revocations]:
    revocations = Revocations(most)
    world = world or World()
    return Gate(policy_of(revocations), clock, world.hub, Ticker(clock=Clock()), notices), revocations


def test_the_answer_comes_when_its_second_is_over() -> None:
    gate, revocations = gate_of(LocalNotices())
    asyncio.run(gate.revoke("42", None))
    assert revocations.last_second("42", "a") < int(time.time())
    assert revocations.last_second("42", "a") >= int(time.time()) - 2


def test_it_counts_when_the_store_has_it_and_not_before() -> None:
    store, clock = Store(), Clock(1000.5)
    gate, revocations = gate_of(store, clock)

    async def revoke() -> None:
        under_way = asyncio.create_task(gate.revoke("42", "a"))
        await asyncio.sleep(0)
        ((notice, settle),) = store.told
        assert notice == (b'{"subject":"42","channel":"a"}', notice.text, 1000 + LONGEST_S + 1)
        assert revocations.last_second("42", "a") == 0
        store.take(notice.text)
        assert revocations.last_second("42", "a") == 1000
        clock.now = 1002
        settle(None)
        assert await under_way == 0

    asyncio.run(revoke())


def test_what_the_store_refuses_is_refused() -> None:
    store = Store()
    gate, revocations = gate_of(store)

    async def revoke() -> None:
        under_way = asyncio.create_task(gate.revoke("42", None))
        await asyncio.sleep(0)
        store.told[0][1](BrokerError("no room", temporary=True))
        with pytest.raises(BrokerError, match="no room"):
            await under_way
        gone = asyncio.create_task(gate.revoke("43", None))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
        store.told[1][1](None)  # nobody waits for it any more

    asyncio.run(revoke())
    assert len(revocations) == 0


def test_without_room_it_is_refused_and_all_that_is_remembered_stays() -> None:
    store = Store()
    gate, revocations = gate_of(store, Clock(1000.5), most=2)
    for number in range(2):
        store.take(Revocation(str(number), None, 1000, 3000).encode())
    with pytest.raises(NoRoomError):
        asyncio.run(gate.revoke("42", None))
    assert [revocations.last_second(str(number), "a") for number in range(2)] == [1000, 1000]


def test_what_is_no_revocation_or_one_too_many_is_logged_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    _, revocations = gate_of(store, Clock(1000), most=1)
    store.take(b"{}")
    assert "cannot be read" in caplog.text
    for number in range(3):
        store.take(Revocation(str(number), None, 1000, 3000).encode())
    assert "counts for nothing: 2 are remembered" in caplog.text
    assert len(revocations) == 2


@pytest.mark.parametrize("gives_up", [False, True], ids=["both wait", "one gives up"])
def test_equal_revocations_at_once_are_told_the_same_number(gives_up: bool) -> None:
    store, clock, world = Store(), Clock(1000.5), World()
    gate, revocations = gate_of(store, clock, world=world)
    for _ in range(3):
        listener = world.follow(Listener(), "a")
        gate.held.hold(listener.subscription, [HeldGrant(Channel("a"), "42", 999, 3000.0, is_needed=True)])

    async def revoke() -> None:
        tasks = [asyncio.create_task(gate.revoke("42", None)) for _ in range(3)]
        await asyncio.sleep(0)
        if gives_up:
            tasks.pop(0).cancel()
        for notice, settle in store.told:
            store.take(notice.text)
            settle(None)
        await asyncio.sleep(0.001)
        tasks.append(asyncio.create_task(gate.revoke("42", None)))  # the second is not over
        await asyncio.sleep(0)
        store.take(store.told[-1][0].text)
        store.told[-1][1](None)
        clock.now = 1001.0
        assert await asyncio.gather(*tasks) == [3] * len(tasks)
        later = asyncio.create_task(gate.revoke("42", None))
        await asyncio.sleep(0)
        clock.now = 1002.0
        store.take(store.told[-1][0].text)
        store.told[-1][1](None)
        assert await later == 0

    asyncio.run(revoke())
    assert len(revocations) == 1


def test_a_newer_revocation_is_of_use_for_as_long_as_the_one_whose_place_it_takes() -> None:
    """After a reload grants live for a shorter time, and a store keeps what is of use for longer."""
    store, clock = Store(), Clock(1000.5)
    gate, revocations = gate_of(store, clock)

    async def revoke(subject: str) -> None:
        under_way = asyncio.create_task(gate.revoke(subject, None))
        await asyncio.sleep(0)
        notice, settle = store.told[-1]
        store.take(notice.text)
        clock.now += 1
        settle(None)
        await under_way

    asyncio.run(revoke("42"))
    gate.change_policy(policy_of(revocations, 10))
    asyncio.run(revoke("42"))
    asyncio.run(revoke("43"))
    ends = [notice.until_s for notice, _ in store.told]
    assert ends == [1000 + LONGEST_S + 1, 1000 + LONGEST_S + 1, 1002 + 10 + 1]
    assert revocations.last_second("42", "a") == 1001
