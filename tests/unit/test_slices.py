"""Do others have their turn of the event loop while long work is done?"""

import asyncio
import time
from collections.abc import Generator

from oyez.endpoints.api.slices import Slices

SLICE_S = 0.004


def work(slices: int, *, long: bool) -> Generator[None, None, int]:
    for _ in range(slices):
        until = time.perf_counter() + SLICE_S
        while long and time.perf_counter() < until:
            pass
        yield
    return slices


async def idle_share(count: int) -> float:
    """Let some work at once; returns the part of the time in which the loop had nothing to do."""
    slices, began, busy_s = Slices(), time.perf_counter(), 0.0

    async def timed() -> int:
        return await slices.run(work(10, long=True))

    assert await asyncio.gather(*(timed() for _ in range(count))) == [10] * count
    busy_s = count * 10 * SLICE_S
    return 1 - busy_s / (time.perf_counter() - began)


def test_half_of_the_time_is_left_to_others_however_many_work() -> None:
    assert asyncio.run(idle_share(1)) > 0.4
    assert asyncio.run(idle_share(3)) > 0.4


def test_what_is_short_waits_for_nobodys_rest() -> None:
    async def scene() -> None:
        slices = Slices()
        long = [asyncio.ensure_future(slices.run(work(20, long=True))) for _ in range(2)]
        await asyncio.sleep(0)
        assert await slices.run(work(3, long=False)) == 3
        assert not any(task.done() for task in long)
        await asyncio.gather(*long)

    asyncio.run(scene())
