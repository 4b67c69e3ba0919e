"""Is every post settled once, in order, when it is confirmed and has come back, or when that takes too long?"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from oyez.brokers.rabbitmq.pending import TIMEOUT_S, PendingPosts
from oyez.errors import BrokerError
from oyez.hub.publication import Channel, EventId, Post

FAULT = BrokerError("no", temporary=True)


class Scene:
    """Posts under way, and what they are settled with."""

    def __init__(self, timeout_s: float) -> None:
        self.pending = PendingPosts(timeout_s)
        self.settled: list[tuple[str, list[EventId] | BrokerError]] = []

    def add(self, name: str, count: int = 1, size: int = 10) -> range:
        posts = [Post(Channel(name), None) for _ in range(count)]
        ids = [EventId(number) for number in range(100, 100 + count)]
        return self.pending.add(posts, ids, lambda outcome: self.settled.append((name, outcome)), size)

    def come(self, number: int) -> None:
        self.pending.delivered(number, EventId(1000 + number))
        self.pending.confirmed(number)


def in_loop(scene: Callable[[Scene], Coroutine[Any, Any, None]], timeout_s: float = TIMEOUT_S) -> None:
    async def play() -> None:
        await scene(Scene(timeout_s))

    asyncio.run(asyncio.wait_for(play(), 10))


def test_a_post_is_settled_when_it_is_confirmed_and_came_back_in_either_order() -> None:
    async def scene(own: Scene) -> None:
        (one,), (two,) = own.add("one"), own.add("two")
        own.pending.confirmed(one)
        assert own.settled == []
        own.pending.delivered(one, EventId(7))
        own.pending.delivered(two, EventId(8))
        assert own.settled == [("one", [7])]
        own.pending.confirmed(two)
        assert own.settled == [("one", [7]), ("two", [8])]

    in_loop(scene)


def test_posts_of_a_call_are_settled_together_in_their_order() -> None:
    async def scene(own: Scene) -> None:
        numbers = own.add("call", 3)
        for number in (numbers[2], numbers[0], numbers[1]):
            assert own.settled == []
            own.come(number)
        assert own.settled == [("call", [1000 + number for number in numbers])]

    in_loop(scene)


def test_no_call_overtakes_an_earlier_one() -> None:
    async def scene(own: Scene) -> None:
        (one,), (two,), (three,) = own.add("one"), own.add("two"), own.add("three")
        own.come(three)
        own.come(two)
        assert own.settled == []
        own.come(one)
        assert [name for name, _ in own.settled] == ["one", "two", "three"]

    in_loop(scene)


def test_a_refused_post_is_settled_at_once_with_its_whole_call_and_holds_up_nobody() -> None:
    async def scene(own: Scene) -> None:
        one, (two,) = own.add("one", 2), own.add("two")
        own.come(two)
        own.pending.failed(one[1], FAULT)
        assert own.settled == [("one", FAULT), ("two", [1000 + two])]
        own.pending.confirmed(one[0])
        own.pending.failed(one[0], FAULT)
        assert own.pending.find(one[0]) is None
        assert len(own.settled) == 2

    in_loop(scene)


def test_when_the_connection_is_lost_all_are_settled() -> None:
    async def scene(own: Scene) -> None:
        numbers = [own.add(str(place))[0] for place in range(1000)]
        own.come(numbers[5])
        own.pending.fail_all(FAULT)
        failed = [(str(place), FAULT) for place in range(1000) if place != 5]
        assert own.settled == [*failed, ("5", [1000 + numbers[5]])]
        await own.pending.idle()
        own.pending.confirmed(numbers[7])
        assert own.pending.find(numbers[7]) is None

    in_loop(scene)


def test_what_is_not_answered_in_time_is_settled() -> None:
    async def scene(own: Scene) -> None:
        one, two = own.add("one", 2), own.add("two")
        own.come(one[0])
        own.pending.confirmed(one[1])
        own.come(two[0])
        await own.pending.idle()
        assert isinstance(own.settled[0][1], BrokerError)
        assert own.settled[0][1].temporary
        assert own.settled[1] == ("two", [1000 + two[0]])
        (late,) = own.add("late")
        own.come(late)
        assert own.settled[2] == ("late", [1000 + late])

    in_loop(scene, timeout_s=0.05)


def test_the_post_itself_is_found_when_it_comes_back() -> None:
    async def scene(own: Scene) -> None:
        numbers = own.add("a", 2)
        found = own.pending.find(numbers[1])
        assert found is not None
        assert (found[0].channel, found[1]) == ("a", 101)
        own.pending.fail_all(FAULT)

    in_loop(scene)


def test_there_is_room_for_so_many_posts_and_bytes_only() -> None:
    async def scene(own: Scene) -> None:
        assert own.pending.has_room
        numbers = own.add("many", 5_000)
        assert not own.pending.has_room
        for number in numbers:
            own.pending.confirmed(number)
        assert not own.pending.has_room, "they have not come back"
        own.pending.fail_all(FAULT)
        assert own.pending.has_room
        (large,) = own.add("large", size=64 * 1024 * 1024)
        assert not own.pending.has_room
        own.come(large)
        assert own.pending.has_room

    in_loop(scene)


def test_a_poster_that_fails_costs_no_other() -> None:
    async def scene(own: Scene) -> None:
        def fail(outcome: object) -> None:
            raise ZeroDivisionError

        post = Post(Channel("a"), None)
        bad = [own.pending.add([post], [EventId(1)], fail, 10)[0] for _ in range(2)]
        good = [own.add("good")[0] for _ in range(2)]
        for number in (good[0], bad[0], bad[1]):
            own.come(number)
        own.pending.add([post], [EventId(1)], fail, 10)
        own.pending.fail_all(FAULT)
        assert [outcome for _, outcome in own.settled] == [[1000 + good[0]], FAULT]
        await own.pending.idle()

    in_loop(scene)


def test_a_post_may_follow_in_the_answer_to_another() -> None:
    async def scene(own: Scene) -> None:
        followers: list[int] = []
        post = Post(Channel("a"), None)
        (number,) = own.pending.add([post], [EventId(1)], lambda _: followers.append(own.add("follower")[0]), 10)
        own.come(number)
        own.come(followers[0])
        assert own.settled == [("follower", [1000 + followers[0]])]

    in_loop(scene)
