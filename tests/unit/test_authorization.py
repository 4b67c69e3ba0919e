"""Does a request of the HTTP API wait with its address, end with its client, and keep its body?"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from oyez.access.keys import KeyHolder
from oyez.access.peer import Peers
from oyez.access.places import unlimited
from oyez.access.poster_check import PosterCheck
from oyez.access.shares import Shares
from oyez.access.work import GUESS, REQUEST
from oyez.endpoints.api.authorization import Authorization
from oyez.limits import LimitSettings
from oyez.notes import Notes
from oyez.wire.api_answers import ApiError
from tests.fakes import Clock, Waits, check_of

AFAR = "203.0.113.9"


class World:
    """A request from an address that has to wait for a second, whose body and end are in the test's hands."""

    def __init__(self) -> None:
        self.waits, self.messages = Waits(), asyncio.Queue[Message]()
        self.peers = Peers()
        self.check: PosterCheck = check_of(Notes(Clock()), self.waits, free=1)
        self.shares = Shares(LimitSettings(), (), Clock())
        places = unlimited(Clock())
        places.shares = self.shares
        self.authorization = Authorization(self.check, self.peers, places)
        for _ in range(2):
            self.check.judge("wrong", self.peers.of_scope(self.scope("")))

    def scope(self, key: str) -> dict[str, object]:
        headers = [(b"host", b"judge.example"), (b"authorization", f"Bearer {key}".encode())]
        return {"type": "http", "client": (AFAR, 5), "headers": headers}

    def begin(self, key: str) -> "asyncio.Task[tuple[KeyHolder, Request]]":
        request = Request(self.scope(key), self.messages.get)
        return asyncio.create_task(self.authorization.authorize(request, trusted=False))

    def send(self, body: bytes, *, more: bool = False) -> None:
        self.messages.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def hang_up(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})


def in_loop(test: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def go() -> None:
            await asyncio.wait_for(test(World()), 5)

        asyncio.run(go())

    run.__name__ = getattr(test, "__name__", "run")
    return run


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@in_loop
async def test_the_right_key_is_answered_after_the_wait_with_its_body(world: World) -> None:
    task = world.begin("key")
    world.send(b"one ", more=True)
    await turn()
    assert not task.done()
    world.send(b"two")
    world.waits.pass_by(1)
    holder, request = await task
    assert holder.name == ""
    assert await request.body() == b"one two"


@in_loop
async def test_a_body_that_came_as_a_whole_is_kept(world: World) -> None:
    task = world.begin("key")
    world.send(b"all")
    await turn()
    world.waits.pass_by(1)
    _, request = await task
    assert await request.body() == b"all"


@in_loop
async def test_a_wrong_key_is_told_when_to_come_back(world: World) -> None:
    task = world.begin("wrong")
    await turn()
    world.waits.pass_by(1)
    with pytest.raises(ApiError) as caught:
        await task
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "2", "Connection": "close"})
    share = world.shares.of_host(AFAR)
    assert share is not None
    assert share.asked == GUESS


@in_loop
async def test_a_wrong_key_for_free_is_charged_as_a_request(world: World) -> None:
    world.waits.pass_by(61)
    with pytest.raises(ApiError) as caught:
        await world.begin("wrong")
    share = world.shares.of_host(AFAR)
    assert share is not None
    assert (caught.value.status, share.asked) == (401, REQUEST)


@in_loop
async def test_whoever_hangs_up_waits_no_longer(world: World) -> None:
    task = world.begin("key")
    world.send(b"all")
    world.hang_up()
    with pytest.raises(ApiError):
        await task
    assert not world.waits.planned


@in_loop
async def test_whoever_is_cancelled_waits_no_longer(world: World) -> None:
    task = world.begin("key")
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not world.waits.planned
