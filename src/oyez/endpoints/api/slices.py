"""Long work, done in slices: whatever is asked of the API, others have half of the event loop's time.

Knows the event loop and the clock. Must not know what is done.
"""

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

# A slice of a single event, which must not wait for others' rests.
_SHORT_S = 0.001


class Slices:
    """One queue for all long work. A slice of one request is followed by a rest, and by a slice of another."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, steps: Generator[None, None, T]) -> T:
        """Run a generator to its end, and return its result. What is short has no rests.

        After each slice the loop is left to others for as long as that took. With `sleep(0)` two posters of 16 MiB left
        them a turn between two slices, and acknowledgements took 150 milliseconds at p99.
        """
        try:
            while True:
                began = time.perf_counter()
                next(steps)
                took_s = time.perf_counter() - began
                if took_s < _SHORT_S:
                    await asyncio.sleep(0)
                else:
                    async with self._turn:  # rests are not had together
                        await asyncio.sleep(took_s)
        except StopIteration as end:
            result: T = end.value
            return result
