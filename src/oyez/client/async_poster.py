"""The poster for asyncio: the same calls, awaited, with the same bounds.

It must not know sockets. It runs the blocking poster in a few threads of its own: a web process then needs no second
HTTP library, and what holds for `Poster` (times, errors, what is tried again) holds here because it is the same code.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from oyez.client.errors import TimedOut
from oyez.client.events import MAX_BATCH_EVENTS, NO_MESSAGE, Postable, PostedId
from oyez.client.poster import BATCH_TIMEOUT_S, CALL_TIMEOUT_S, REVOKE_TIMEOUT_S, Poster, Progress

THREADS = 8
_LEAST_S = 0.01  # a call with less time than this left would be cut off half-way, and leave open what became of it

Result = TypeVar("Result")


class AsyncPoster:
    """Posts events to a daemon: `await poster.post(channel, message)`. See `Poster` for what the calls promise.

    At most `threads` calls are under way at once; those beyond it wait, and their time runs. A message must not be
    changed before its call has ended.

    A call that is cancelled is not made if no thread had begun it. Else it goes on by itself, unheard, and ends in its
    time: its event may be taken. `post_many` begins no further request then. The poster is as good as new after it.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = CALL_TIMEOUT_S, threads: int = THREADS) -> None:
        self._poster = Poster(url, key, timeout_s=timeout_s)
        self._timeout_s = timeout_s
        self._size = threads
        self._threads: tuple[int, ThreadPoolExecutor] | None = None  # with the process they belong to

    async def post(
        self, channel: str, message: object = NO_MESSAGE, *, key: str = "", timeout_s: float | None = None
    ) -> PostedId:
        """Post any JSON value to a channel and return the id of the event. Raises as `Poster.post` does."""
        return await self._run(
            lambda left_s: self._poster.post(channel, message, key=key, timeout_s=left_s), self._limit(timeout_s)
        )

    async def publish(
        self, channels: Iterable[str], message: object = NO_MESSAGE, *, key: str = "", timeout_s: float | None = None
    ) -> list[PostedId]:
        """Post the same message to several channels; return the ids in their order. Raises as `Poster.publish` does."""
        return await self._run(
            lambda left_s: self._poster.publish(channels, message, key=key, timeout_s=left_s), self._limit(timeout_s)
        )

    async def post_many(
        self,
        events: Iterable[Postable],
        *,
        key: str = "",
        on_progress: Progress | None = None,
        timeout_s: float | None = None,
        batch_events: int = MAX_BATCH_EVENTS,
    ) -> list[PostedId]:
        """Post many events in few requests, as `Poster.post_many` does.

        `events` is iterated over in another thread; `on_progress` is called in the loop.
        """
        loop = asyncio.get_running_loop()
        limit_s = max(self._timeout_s, BATCH_TIMEOUT_S) if timeout_s is None else timeout_s
        is_cancelled = threading.Event()

        def report(done: int) -> None:
            if on_progress is not None and not is_cancelled.is_set():
                loop.call_soon_threadsafe(on_progress, done)

        try:
            return await self._run(
                lambda _: self._poster.post_many(
                    _until(is_cancelled, events),
                    key=key,
                    on_progress=report,
                    timeout_s=limit_s,
                    batch_events=batch_events,
                ),
                limit_s,
            )
        except asyncio.CancelledError:
            is_cancelled.set()
            raise

    async def last(self, *, timeout_s: float | None = None) -> int:
        """Return the newest id that the daemon has given. Raises PosterError."""
        return await self._run(lambda left_s: self._poster.last(timeout_s=left_s), self._limit(timeout_s))

    async def revoke(
        self, *, subject: object = None, channel: str | None = None, timeout_s: float | None = None
    ) -> int:
        """End grants before their time, as `Poster.revoke` does."""
        limit_s = max(self._timeout_s, REVOKE_TIMEOUT_S) if timeout_s is None else timeout_s
        return await self._run(
            lambda left_s: self._poster.revoke(subject=subject, channel=channel, timeout_s=left_s), limit_s
        )

    async def close(self) -> None:
        """Wait for the calls that are under way, and close the connections. A later call opens new ones."""
        kept, self._threads = self._threads, None
        if kept is not None and kept[0] == os.getpid():
            await asyncio.get_running_loop().run_in_executor(None, kept[1].shutdown)
        self._poster.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _limit(self, timeout_s: float | None) -> float:
        return self._timeout_s if timeout_s is None else timeout_s

    async def _run(self, call: Callable[[float], Result], limit_s: float) -> Result:
        """Make a call in a thread; it gets what is left of its time."""
        deadline = time.monotonic() + limit_s

        def begin() -> Result:
            left_s = deadline - time.monotonic()
            if left_s < min(_LEAST_S, limit_s / 10):
                raise TimedOut(f"no thread was free within {limit_s:g} s")
            return call(left_s)

        return await asyncio.get_running_loop().run_in_executor(self._executor(), begin)

    def _executor(self) -> ThreadPoolExecutor:
        """Return this process's threads: a forked child has none of its parent's."""
        process = os.getpid()
        kept = self._threads
        if kept is None or kept[0] != process:
            threads = ThreadPoolExecutor(self._size, thread_name_prefix="oyez-poster")
            kept = self._threads = (process, threads)
        return kept[1]


class _Cancelled(Exception):  # noqa: N818 - nobody hears it
    pass


def _until(is_cancelled: threading.Event, events: Iterable[Result]) -> Iterator[Result]:
    for event in events:
        if is_cancelled.is_set():
            raise _Cancelled
        yield event
    if is_cancelled.is_set():
        raise _Cancelled  # so that the last request is not made either
