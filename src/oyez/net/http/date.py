"""The header Date, written for the first request of a second.

Knows the wall clock. Must not know what is asked for.
"""

import time
from collections.abc import Callable
from email.utils import formatdate

from oyez.net.http.uvicorn_parts import ServerState


class DatedState(ServerState):
    """What all connections share, as uvicorn has it; its own loop would write the date while nobody asks.

    An idle process woke up and formatted a date each second for that: a fifth of what it did.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._second = 0
        super().__init__()

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The header lines that all answers have; within a second it is the same list."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._lines = [(b"date", formatdate(second, usegmt=True).encode())]
        return self._lines

    @default_headers.setter
    def default_headers(self, lines: list[tuple[bytes, bytes]]) -> None:
        self._lines = lines
