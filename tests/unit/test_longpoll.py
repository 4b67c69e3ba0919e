"""Is every long poll answered, with what is there, what comes, or what its store has lost sight of?"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from starlette.types import Message

from oyez.access.origins import Origins
from oyez.access.peer import Peer
from oyez.endpoints.longpoll import LongPollEndpoint
from oyez.endpoints.waiting_polls import Finish, PollAnswer, WaitingPolls
from oyez.hub.publication import Channel, EventId
from oyez.limits import LimitSettings
from oyez.net.http.settings import HttpSettings
from oyez.net.ticker import Ticker
from oyez.wire.listen_query import ListenQuery
from tests.fakes import World, context_of, places_for
from tests.unit.asgi import Fields


def begin(door: "PollDoor", names: list[str], start: EventId, *, notify: bool) -> list[PollAnswer]:
    """Have a poll wait; returns its answers, of which one comes."""
    answers: list[PollAnswer] = []
    finish = cast(Finish, answers.append)
    door.polls.begin(Peer(None), ListenQuery(names, start, notify, nowait=False), finish)
    return answers


@pytest.mark.parametrize("notify", [True, False])
def test_a_loss_while_it_waits(notify: bool) -> None:
    async def scene() -> None:
        door = PollDoor()
        world = door.world
        answers = begin(door, ["a"], world.hub.last_id(), notify=notify)
        world.hub.lose(EventId(5000))
        world.run()
        await asyncio.sleep(0)
        if not notify:  # a page of old takes any answer for an event; it is told in a header of the next one
            assert not answers
            world.wall_clock.now = 6
            world.post("a")
            world.run()
        (answer,) = answers
        assert [gap["oldest"] for gap in json.loads(answer.fields["Oyez-Gap"])] == [5001]
        assert json.loads(answer.body)["id"] == (5000 if notify else 6000)

    asyncio.run(scene())


def test_an_event_brings_the_gaps_of_all_channels() -> None:
    """Its id says that the client has what was before it, of the others too."""

    async def scene() -> None:
        door = PollDoor()
        world = door.world
        start = world.post("a", "b")[-1]
        world.hub.lose(EventId(5000))
        world.wall_clock.now = 6
        world.post("a", "b")
        (answer,) = begin(door, ["a", "b"], EventId(start), notify=False)
        assert json.loads(answer.body)["channel"] == "a"
        assert {gap["channel"] for gap in json.loads(answer.fields["Oyez-Gap"])} == {"a", "b"}

    asyncio.run(scene())


def test_an_answer_that_cannot_be_written_costs_one_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        door = PollDoor()
        (event_id,) = door.world.post("a")
        monkeypatch.setattr("oyez.endpoints.waiting_polls._as_header", lambda _: 1 / 0)
        assert (await door.ask(f"/channels/a?last={event_id - 1}"))[0] == 500
        assert (door.places.listeners, door.polls.held, door.world.hub.listeners(Channel("a"))) == (0, 0, 0)

    asyncio.run(scene())


class PollDoor:
    """The door of polls, without sockets; `ask` makes a request while its loop runs."""

    def __init__(self, listeners: int = 2, origins: Origins | None = None) -> None:
        self.world = World()
        self.noted: list[str] = []
        self.places = places_for(listeners)
        self.ticker = Ticker(clock=self.world.clock)
        limits = LimitSettings(max_subscriptions=3, max_channel_length=10)
        context = context_of(
            self.world.hub, lambda reason, *_: self.noted.append(reason), ticker=self.ticker, limits=limits,
            places=self.places,
        )  # fmt: skip
        context.origins = origins or Origins()
        self.polls = WaitingPolls(context, HttpSettings())
        self.endpoint = LongPollEndpoint(context, self.polls)

    async def ask(
        self, target: str, fields: Fields = (), *, method: str = "GET", meanwhile: Callable[[], object] | None = None,
        hangs_up: bool = False,
    ) -> tuple[int, dict[str, str], Any]:  # fmt: skip
        """Ask, do something while the poll waits, and return status, headers and body; status 0: no answer."""
        sent: list[Message] = []
        messages = [{"type": "http.request", "body": b"", "more_body": False}]
        gone = asyncio.Event()

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        path, _, query = target.partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in fields], "client": ("192.0.2.1", 5),
        }  # fmt: skip
        asking = asyncio.ensure_future(self.endpoint(scope, receive, send))
        for _ in range(3):
            await asyncio.sleep(0)
        if meanwhile:
            meanwhile()
            self.world.run()
        if hangs_up:
            gone.set()
        async with asyncio.timeout(5):
            await asking
        if not sent:
            return 0, {}, None
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:]).decode()


def test_what_is_there_is_the_answer_and_else_what_comes() -> None:
    async def scene() -> None:
        door = PollDoor()
        (first,) = door.world.post("a")
        status, headers, body = await door.ask(f"/channels/a%7Cb?last={first - 1}")
        assert (status, json.loads(body)["id"], headers["cache-control"]) == (200, first, "no-store")
        status, _, body = await door.ask(f"/channels/a%7Cb?last={first}", meanwhile=lambda: door.world.post("b"))
        assert (status, json.loads(body)["channel"]) == (200, "b")
        assert door.world.hub.listeners(Channel("a")) == 0

    asyncio.run(scene())


def test_a_poll_for_many_gets_all_that_is_there() -> None:
    async def scene() -> None:
        door = PollDoor()
        ids = [door.world.post("a")[0] for _ in range(3)]
        _, _, body = await door.ask(f"/channels/a?last={ids[0] - 1}&max=2")
        answer = json.loads(body)
        assert [each["id"] for each in answer["events"]] == ids[:2]

    asyncio.run(scene())


def test_a_poll_that_waits_in_vain_is_told_so_and_a_stop_sends_it_away() -> None:
    async def scene() -> None:
        door = PollDoor()

        def pass_time() -> None:
            (poll,) = door.polls._waiting
            poll.tick(60.0)

        status, _, body = await door.ask("/channels/a?last=1", meanwhile=pass_time)
        assert (status, json.loads(body)["error"]) == (504, "timeout")
        assert door.polls.held == 1  # it comes again
        status, headers, _ = await door.ask("/channels/a?last=1", meanwhile=door.polls.close)
        assert (status, headers["retry-after"]) == (503, "1")
        assert (door.places.listeners, door.polls.held) == (0, 0)

    asyncio.run(scene())


def test_a_stop_frees_the_places_that_are_held_for_those_who_were_answered() -> None:
    async def scene() -> None:
        door = PollDoor()
        (event_id,) = door.world.post("a")
        await door.ask("/channels/a?nowait=1")
        assert (door.places.listeners, door.polls.held) == (0, 0)  # it only looked
        await door.ask(f"/channels/a?last={event_id - 1}")
        await door.ask("/channels/a?nowait=1")
        assert (door.places.listeners, door.polls.held) == (1, 1)
        door.polls.close()
        assert (door.places.listeners, door.polls.held) == (0, 0)

    asyncio.run(scene())


def test_who_hangs_up_gives_its_place_back() -> None:
    async def scene() -> None:
        door = PollDoor()
        status, _, _ = await door.ask("/channels/a?last=1", hangs_up=True)
        assert status == 0
        assert (door.places.listeners, door.polls.held) == (0, 0)
        assert door.world.hub.listeners(Channel("a")) == 0

    asyncio.run(scene())


def test_who_asks_for_no_wait_has_an_answer_at_once() -> None:
    async def scene() -> None:
        door = PollDoor()
        status, _, body = await door.ask("/channels/a?nowait=1&notify=1")
        assert (status, json.loads(body)["id"]) == (200, door.world.hub.last_id())

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("target", "fields", "method", "status", "noted"),
    [
        ("/channels/a?max=x", [], "GET", 400, ["bad-request"]),
        ("/channels/a%7Cb%7Cc%7Cd", [], "GET", 400, ["bad-request"]),
        ("/channels/a", [("Origin", "https://evil.example")], "GET", 403, ["bad-request"]),
        ("/channels/a", [("Origin", "https://judge.example")], "OPTIONS", 204, []),
    ],
)
def test_what_is_no_poll_is_answered_at_once(
    target: str, fields: Fields, method: str, status: int, noted: list[str]
) -> None:
    async def scene() -> None:
        door = PollDoor(origins=Origins(["https://judge.example"]))
        assert (await door.ask(target, fields, method=method))[0] == status
        assert door.noted == noted
        assert door.places.listeners == 0

    asyncio.run(scene())


def test_who_finds_no_room_is_told_when_to_come_again() -> None:
    async def scene() -> None:
        door = PollDoor(listeners=0)
        status, headers, _ = await door.ask("/channels/a?last=1")
        assert (status, headers["retry-after"]) == (503, "5")

    asyncio.run(scene())
