"""`listen` for asyncio: a thread follows, the loop gets what arrives, and neither runs ahead of the other.

It must not know links; it knows the blocking listener.
"""

import asyncio
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from oyez.client.events import Event, Gap
from oyez.client.listener import SILENCE_S, Listener

_AHEAD = 1000  # arrivals that may wait for the loop; then the thread waits, and at last the daemon's socket


def alisten(
    url: str,
    channels: str | Iterable[str],
    since: int | None = None,
    *,
    patient: bool = False,
    silence_s: float = SILENCE_S,
) -> "AsyncListener":
    """Follow channels as `listen` does, with the same arguments, by `async for`."""
    return AsyncListener(url, channels, since, patient=patient, silence_s=silence_s)


class AsyncListener:
    """Iterates asynchronously over what a `Listener` gives, and raises what that raises.

    `async with` closes it; without, call `close`, or its thread goes on. A wait for an event may be cancelled, as by
    `asyncio.wait_for`: nothing is lost, the next wait gets it. It belongs to the loop that it was first used in.
    """

    def __init__(
        self,
        url: str,
        channels: str | Iterable[str],
        since: int | None = None,
        *,
        patient: bool = False,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._listener = Listener(url, channels, since, patient=patient, silence_s=silence_s)
        self._position = self._listener.position
        self._arrived: asyncio.Queue[Event | Gap | int | Exception] = asyncio.Queue()  # int: the first position
        self._room = threading.Semaphore(_AHEAD)
        self._thread: threading.Thread | None = None
        self._has_ended = False

    @property
    def position(self) -> int | None:
        """The id of the newest event that was given; before the first, as of `Listener`."""
        return self._position

    async def open(self) -> None:
        """Make the first link, and wait until the daemon has subscribed the channels. Raises as the iteration does."""
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, args=(loop,), name="oyez-listener", daemon=True)
            self._thread.start()
            with suppress(StopAsyncIteration):
                await self._take()

    def close(self) -> None:
        """End the iteration; harmless to repeat. The thread ends by itself soon after."""
        self._has_ended = True
        self._listener.close()
        self._room.release()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Gap:
        await self.open()
        while not self._has_ended:
            arrival = await self._take()
            if arrival is not None:
                return arrival
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _take(self) -> Event | Gap | None:
        """Take the next arrival; None is the first link, which is up now."""
        arrival = await self._arrived.get()
        self._room.release()
        if isinstance(arrival, Exception):
            self._has_ended = True
            raise arrival
        if isinstance(arrival, int):
            self._position = arrival or None
            return None
        if isinstance(arrival, Event):
            self._position = arrival.id
        return arrival

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        end: Exception = StopAsyncIteration()
        try:
            self._listener.open()
            self._give(loop, self._listener.position or 0)
            for arrival in self._listener:
                self._give(loop, arrival)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the events are awaited
            end = error
        self._listener.close()
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(self._arrived.put_nowait, end)

    def _give(self, loop: asyncio.AbstractEventLoop, arrival: Event | Gap | int) -> None:
        self._room.acquire()
        loop.call_soon_threadsafe(self._arrived.put_nowait, arrival)
