"""Does what waits for a poll cost its bytes, come out in order, and have bounds that an honest poster never meets?"""

import gc
import tracemalloc

import pytest

from oyez.net.engineio.polling import PollingTransport
from oyez.net.engineio.unread import UnreadBudget
from oyez.net.ticker import Ticker
from tests.fakes import Clock

ACK = b'43%05d[{"status":"success","id":1732723456789}]'


def budget_of(limit: int) -> UnreadBudget:
    return UnreadBudget(limit, {}, Ticker(clock=Clock(1.0)), lambda *_: None)


class Side:
    """A transport, and what was called of it."""

    def __init__(self, budget: UnreadBudget | None = None) -> None:
        self.drained = 0
        self.transport = PollingTransport(self.be_drained, budget or budget_of(2**30))

    def be_drained(self) -> None:
        self.drained += 1


def test_packets_come_out_in_order_however_they_came_in() -> None:
    side = Side()
    side.transport.send(b"4a")
    side.transport.write(b"4b\x1e4c")
    side.transport.write(b"4" + b"d" * 2000 + b"\x1e4e")
    side.transport.send(b"4f")
    assert not side.transport.empty
    assert side.transport.take() == b"4a\x1e4b\x1e4c\x1e4" + b"d" * 2000 + b"\x1e4e\x1e4f"
    assert side.transport.empty
    assert side.transport.take() == b""


@pytest.mark.parametrize("most", [1, 2, 3, 4, 7])
def test_a_client_may_take_a_few_at_a_time(most: int) -> None:
    side = Side()
    side.transport.max_packets = most
    packets = [b"4%d" % number for number in range(6)] + [b"4" + b"x" * 2000] * 2 + [b"4z"]
    for packet in packets[:4]:
        side.transport.send(packet)
    side.transport.write(b"\x1e".join(packets[4:6]))
    side.transport.write(b"\x1e".join(packets[6:]))
    taken = []
    while not side.transport.empty:
        some = side.transport.take().split(b"\x1e")
        assert len(some) <= most
        taken += some
    assert taken == packets
    assert (side.transport.unread, side.transport.charged, side.transport.answers) == (0, 0, 0)


def test_many_small_answers_cost_their_bytes() -> None:
    side = Side()
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(10_000):
            side.transport.send(ACK % number)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 460_000 < side.transport.unread < 600_000
    assert held < 1.2 * side.transport.unread


def test_a_listener_that_fetches_late_is_told_when_there_is_room() -> None:
    side = Side()
    assert side.transport.write(b"4" + b"x" * 20_000)
    assert not side.transport.crowded
    assert not side.transport.write(b"4" + b"x" * 20_000)
    assert side.transport.crowded
    assert len(side.transport.take()) == 40_003
    assert side.drained == 1
    assert not side.transport.crowded


def test_what_a_fan_out_writes_to_all_is_charged_once() -> None:
    budget = budget_of(2**30)
    sides = [Side(budget) for _ in range(100)]
    event = b"4" + b"x" * 20_000
    for side in sides:
        side.transport.write(event)
    assert 20_000 < budget.used < 20_000 + 100 * 200
    for side in sides:
        side.transport.write(b"4" + b"y" * 20_000)
    assert budget.used > 2_000_000
    for side in sides[:50]:
        assert len(side.transport.take()) == 40_003
    assert 1_000_000 < budget.used < 1_100_000
    for side in sides[50:]:
        side.transport.end()
    assert budget.used == 0


def test_a_look_at_all_is_planned_when_they_leave_too_much() -> None:
    budget = budget_of(1000)
    one, other = Side(budget).transport, Side(budget).transport
    one.send(b"4" + b"x" * 600)
    assert not budget.tick_slot
    other.send(b"4" + b"x" * 600)
    assert budget.tick_slot
    one.take()
    assert budget.used < 1000
