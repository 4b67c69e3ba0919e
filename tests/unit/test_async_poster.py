"""Does the poster for asyncio keep the promises of the blocking one, and survive cancelled calls?"""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from oyez.client import AsyncPoster, BadEvent, TimedOut, Unauthorized
from tests.peer import Peer, StartPeer, always, answer

PATIENCE_S = 10.0


def echo(peer: Peer, connection: socket.socket) -> None:
    """Take the messages for the ids."""
    file = connection.makefile("rb")
    while request := peer.read_request(file):
        asked = json.loads(request[2] or b"{}")
        if "events" in asked:
            connection.sendall(answer({"ids": [event["message"] for event in asked["events"]]}))
        elif "channels" in asked:
            connection.sendall(answer({"ids": [asked["message"]] * len(asked["channels"])}))
        else:
            connection.sendall(answer({"id": asked.get("message", 5)}))


def silence(peer: Peer, connection: socket.socket) -> None:
    peer.stop.wait()


def use(url: str, work: Callable[[AsyncPoster], Awaitable[None]], **options: float) -> None:
    async def main() -> None:
        async with AsyncPoster(url, "k", **options) as poster:  # type: ignore[arg-type]
            await work(poster)

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_every_call_of_the_poster(start_peer: StartPeer) -> None:
    done: list[int] = []

    async def work(poster: AsyncPoster) -> None:
        assert await poster.post("news", 7, key="once") == 7
        assert await poster.publish(["a", "b"], 8) == [8, 8]
        assert await poster.post_many([("a", n) for n in range(5)], batch_events=2, on_progress=done.append) == [
            *range(5)
        ]
        assert await poster.last() == 5

    use(start_peer(echo).url, work)
    assert done == [2, 4, 5]


def test_calls_at_once_share_the_threads(start_peer: StartPeer) -> None:
    peer = start_peer(echo)

    async def work(poster: AsyncPoster) -> None:
        assert await asyncio.gather(*(poster.post("news", n) for n in range(500))) == [*range(500)]

    use(peer.url, work, threads=3, timeout_s=PATIENCE_S)
    assert len(peer.connections) <= 3


def test_errors_are_those_of_the_poster(start_peer: StartPeer) -> None:
    async def refused(poster: AsyncPoster) -> None:
        with pytest.raises(Unauthorized):
            await poster.post("news", 1)
        with pytest.raises(BadEvent):
            await poster.post_many([("news", object())])
        with pytest.raises(TypeError):
            await poster.post("news", object())

    use(start_peer(always(answer({"code": "unauthorized", "message": "Wrong"}, "401 Unauthorized"))).url, refused)


def test_waiting_for_a_thread_counts(start_peer: StartPeer) -> None:
    async def work(poster: AsyncPoster) -> None:
        before = time.monotonic()
        outcomes = await asyncio.gather(*(poster.post("news", 1) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(outcome, TimedOut) for outcome in outcomes)
        assert time.monotonic() - before < 10  # one after the other they would take 20 s
        uncertain = [outcome.uncertain for outcome in outcomes if isinstance(outcome, TimedOut)]
        assert uncertain[0]
        assert (
            False in uncertain
        )  # it never had the thread; the next after the first may have had it for its last moment

    use(start_peer(silence).url, work, threads=1, timeout_s=1.0)


def test_cancelled_call_leaves_a_poster_as_good_as_new(start_peer: StartPeer) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hesitate(peer: Peer, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        while request := peer.read_request(file):
            arrived.set()
            go_on.wait(PATIENCE_S)
            connection.sendall(answer({"id": json.loads(request[2])["message"]}))

    peer = start_peer(hesitate)

    async def work(poster: AsyncPoster) -> None:
        under_way = asyncio.create_task(poster.post("news", 1))
        waiting = asyncio.create_task(poster.post("news", 2))
        await asyncio.to_thread(arrived.wait, PATIENCE_S)
        for task in (under_way, waiting):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        go_on.set()
        assert await poster.post("news", 3) == 3

    use(peer.url, work, threads=1, timeout_s=5.0)
    assert [json.loads(body)["message"] for _, _, body in peer.requests] == [1, 3]
    assert len(peer.connections) == 1


@pytest.mark.parametrize("count", [3, 4, 100])
def test_cancelled_batches_end_with_the_request_that_is_under_way(start_peer: StartPeer, count: int) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hesitate(peer: Peer, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        while request := peer.read_request(file):
            arrived.set()
            go_on.wait(PATIENCE_S)
            connection.sendall(answer({"ids": [1] * len(json.loads(request[2])["events"])}))

    peer = start_peer(hesitate)
    done: list[int] = []

    async def work(poster: AsyncPoster) -> None:
        task = asyncio.create_task(
            poster.post_many([("news", n) for n in range(count)], batch_events=2, on_progress=done.append)
        )
        await asyncio.to_thread(arrived.wait, PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    use(peer.url, work)
    assert len(peer.requests) == 1
    assert done == []


def test_closed_poster_opens_again_in_another_loop(start_peer: StartPeer) -> None:
    poster = AsyncPoster(start_peer(echo).url, "k")

    async def work() -> None:
        assert await poster.last() == 5
        await poster.close()
        assert await poster.last() == 5

    asyncio.run(work())
    asyncio.run(work())
    asyncio.run(poster.close())


def test_forked_child_has_threads_of_its_own(start_peer: StartPeer) -> None:
    poster = AsyncPoster(start_peer(echo).url, "k")
    assert asyncio.run(poster.post("news", 1)) == 1
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os._exit(0 if asyncio.run(poster.post("news", 2)) == 2 else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    asyncio.run(poster.close())
