"""Does the listener for asyncio give what the blocking one gives, at the pace of whoever awaits it?"""

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from oyez.client import Event, Gap, Refused, Unreachable, alisten
from tests.peer import Peer, StartPeer, answer
from tests.unit.streams import HEAD, event, gap, links, status

PATIENCE_S = 10.0


def assert_all_ended() -> None:
    for thread in threading.enumerate():
        if thread.name == "oyez-listener":
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def test_events_and_gaps_come_in_order(start_peer: StartPeer) -> None:
    peer = start_peer(links(HEAD + status(1) + gap(1, 5) + event(7), HEAD + status(7) + event(8)))

    async def main() -> None:
        given: list[Event | Gap] = []
        async with alisten(peer.url, "news", since=1) as events:
            assert events.position == 1
            async for arrival in events:
                given.append(arrival)
                if arrival == Event(8, "news", None):
                    break
            assert events.position == 8
        assert given == [Gap("news", 1, 5), Event(7, "news", None), Event(8, "news", None)]
        assert [arrival async for arrival in events] == []

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_cancelled_wait_loses_nothing(start_peer: StartPeer) -> None:
    go_on = threading.Event()

    def hesitate(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(HEAD + status(5))
        go_on.wait(PATIENCE_S)
        connection.sendall(event(7) + event(8))
        peer.stop.wait()

    async def main() -> None:
        async with alisten(start_peer(links(hesitate)).url, "news") as events:
            assert events.position == 5
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(events), 0.01)
            go_on.set()
            assert await anext(events) == Event(7, "news", None)
            assert await anext(events) == Event(8, "news", None)

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_reader_that_does_not_come_holds_the_thread_back(start_peer: StartPeer) -> None:
    stuck = threading.Event()

    def flood(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(HEAD + status(5))
        connection.settimeout(1)
        try:
            for number in range(10, 100_000):
                connection.sendall(event(number, "x" * 1000))
        except TimeoutError:
            stuck.set()
            peer.stop.wait()

    async def main() -> None:
        async with alisten(start_peer(links(flood)).url, "news") as events:
            await asyncio.to_thread(stuck.wait, PATIENCE_S)
            assert stuck.is_set()
            for number in range(10, 3000):
                assert (await anext(events)) == Event(number, "news", "x" * 1000)

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_errors_reach_whoever_waits(start_peer: StartPeer) -> None:
    refusing = start_peer(links(answer({"code": "invalid-filter", "message": "no"}, "400 Bad Request")))

    async def main() -> None:
        with pytest.raises(Refused):
            async with alisten(refusing.url, []):
                pass
        with pytest.raises(Unreachable):
            await anext(alisten("http://127.0.0.1:1", "news"))

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_close_ends_a_wait_and_the_thread(start_peer: StartPeer) -> None:
    async def main() -> None:
        events = alisten(start_peer(links(HEAD + status(5))).url, "news")
        await events.open()
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0)
        events.close()
        events.close()
        with pytest.raises(StopAsyncIteration):
            await waiting
        with pytest.raises(StopAsyncIteration):
            await anext(events)

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
    assert_all_ended()


def test_cancelled_opening_ends_the_thread(start_peer: StartPeer) -> None:
    def silence(peer: Peer, connection: socket.socket) -> None:
        peer.stop.wait()

    async def enter(url: str) -> None:
        async with alisten(url, "news"):
            pass

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(enter(start_peer(silence).url), 0.1)

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
    assert_all_ended()


def test_forgotten_listener_holds_no_process_back(start_peer: StartPeer) -> None:
    peer = start_peer(links(HEAD + status(5)))
    program = (
        "import asyncio\nfrom oyez.client import alisten\n"
        f"async def main():\n    global events\n    events = alisten({peer.url!r}, 'news')\n    await events.open()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, b"")
