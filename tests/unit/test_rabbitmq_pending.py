"""Is every post settled once, in order, when it is confirmed and has come back, or when that takes too long?"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from oyez.brokers.rabbitmq.pending import UnderWay
from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post

FAULT = BrokerError("no", temporary=True)


class Desk:
    """Posts under way, and what they are settled with."""

    def __init__(self) -> None:
        self.under_way = UnderWay()
        self.settled: list[tuple[str, list[EventId] | BrokerError]] = []

    def add(self, name: str, count: int = 1, size: int = 10) -> range:
        posts = [Post(Channel(name), None) for _ in range(count)]
        ids = [EventId(number) for number in range(100, 100 + count)]
        return self.under_way.add(posts, ids, lambda outcome: self.settled.append((name, outcome)), size)

    def come(self, number: int) -> None:
        self.under_way.delivered(number, EventId(1000 + number))
        self.under_way.confirmed(number)


def in_loop(scene: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    async def play() -> None:
        await scene(Desk())

    asyncio.run(asyncio.wait_for(play(), 10))


def test_a_post_is_settled_when_it_is_confirmed_and_came_back_in_either_order() -> None:
    async def scene(desk: Desk) -> None:
        (one,), (two,) = desk.add("one"), desk.add("two")
        desk.under_way.confirmed(one)
        assert desk.settled == []
        desk.under_way.delivered(one, EventId(7))
        desk.under_way.delivered(two, EventId(8))
        assert desk.settled == [("one", [7])]
        desk.under_way.confirmed(two)
        assert desk.settled == [("one", [7]), ("two", [8])]

    in_loop(scene)


def test_posts_of_a_call_are_settled_together_in_their_order() -> None:
    async def scene(desk: Desk) -> None:
        numbers = desk.add("call", 3)
        for number in (numbers[2], numbers[0], numbers[1]):
            assert desk.settled == []
            desk.come(number)
        assert desk.settled == [("call", [1000 + number for number in numbers])]

    in_loop(scene)


def test_no_call_overtakes_an_earlier_one() -> None:
    async def scene(desk: Desk) -> None:
        (one,), (two,), (three,) = desk.add("one"), desk.add("two"), desk.add("three")
        desk.come(three)
        desk.come(two)
        assert desk.settled == []
        desk.come(one)
        assert [name for name, _ in desk.settled] == ["one", "two", "three"]

    in_loop(scene)


def test_a_refused_post_is_settled_at_once_with_its_whole_call_and_holds_up_nobody() -> None:
    async def scene(desk: Desk) -> None:
        one, (two,) = desk.add("one", 2), desk.add("two")
        desk.come(two)
        desk.under_way.failed(one[1], FAULT)
        assert desk.settled == [("one", FAULT), ("two", [1000 + two])]
        desk.under_way.confirmed(one[0])
        desk.under_way.failed(one[0], FAULT)
        assert desk.under_way.find(one[0]) is None
        assert len(desk.settled) == 2

    in_loop(scene)


def test_when_the_connection_is_lost_all_are_settled() -> None:
    async def scene(desk: Desk) -> None:
        numbers = [desk.add(str(place))[0] for place in range(1000)]
        desk.come(numbers[5])
        desk.under_way.fail_all(FAULT)
        failed = [(str(place), FAULT) for place in range(1000) if place != 5]
        assert desk.settled == [*failed, ("5", [1000 + numbers[5]])]
        await desk.under_way.idle()
        desk.under_way.confirmed(numbers[7])
        assert desk.under_way.find(numbers[7]) is None

    in_loop(scene)


def test_what_is_not_answered_in_time_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oyez.brokers.rabbitmq.pending.TIMEOUT_S", 0.05)

    async def scene(desk: Desk) -> None:
        one, two = desk.add("one", 2), desk.add("two")
        desk.come(one[0])
        desk.under_way.confirmed(one[1])
        desk.come(two[0])
        await desk.under_way.idle()
        assert isinstance(desk.settled[0][1], BrokerError)
        assert desk.settled[0][1].temporary
        assert desk.settled[1] == ("two", [1000 + two[0]])
        (late,) = desk.add("late")
        desk.come(late)
        assert desk.settled[2] == ("late", [1000 + late])

    in_loop(scene)


def test_the_post_itself_is_found_when_it_comes_back() -> None:
    async def scene(desk: Desk) -> None:
        numbers = desk.add("a", 2)
        found = desk.under_way.find(numbers[1])
        assert found is not None
        assert (found[0].channel, found[1]) == ("a", 101)
        desk.under_way.fail_all(FAULT)

    in_loop(scene)


def test_there_is_room_for_so_many_posts_and_bytes_only() -> None:
    async def scene(desk: Desk) -> None:
        assert desk.under_way.has_room
        numbers = desk.add("many", 5_000)
        assert not desk.under_way.has_room
        for number in numbers:
            desk.under_way.confirmed(number)
        assert not desk.under_way.has_room, "they have not come back"
        desk.under_way.fail_all(FAULT)
        assert desk.under_way.has_room
        (large,) = desk.add("large", size=64 * 1024 * 1024)
        assert not desk.under_way.has_room
        desk.come(large)
        assert desk.under_way.has_room

    in_loop(scene)


def test_a_poster_that_fails_costs_no_other() -> None:
    async def scene(desk: Desk) -> None:
        def fail(outcome: object) -> None:
            raise ZeroDivisionError

        post = Post(Channel("a"), None)
        bad = [desk.under_way.add([post], [EventId(1)], fail, 10)[0] for _ in range(2)]
        good = [desk.add("good")[0] for _ in range(2)]
        for number in (good[0], bad[0], bad[1]):
            desk.come(number)
        desk.under_way.add([post], [EventId(1)], fail, 10)
        desk.under_way.fail_all(FAULT)
        assert [outcome for _, outcome in desk.settled] == [[1000 + good[0]], FAULT]
        await desk.under_way.idle()

    in_loop(scene)


def test_a_post_may_follow_in_the_answer_to_another() -> None:
    async def scene(desk: Desk) -> None:
        followers: list[int] = []
        post = Post(Channel("a"), None)
        (number,) = desk.under_way.add([post], [EventId(1)], lambda _: followers.append(desk.add("follower")[0]), 10)
        desk.come(number)
        desk.come(followers[0])
        assert desk.settled == [("follower", [1000 + followers[0]])]

    in_loop(scene)
