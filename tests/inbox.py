"""What one side was told, in the order it was told it, kept for a test that waits.

Knows neither clients nor daemon. Every wait has a deadline and fails with what was heard so far.
"""

import time
from collections.abc import Callable
from threading import Condition
from typing import Any, NamedTuple

PATIENCE_S = 30.0


class Heard(NamedTuple):
    """One thing that happened: an event's name and its argument."""

    name: str
    data: Any


class Inbox:
    """Filled by a client's thread, read by the test's."""

    def __init__(self) -> None:
        self._heard: list[Heard] = []
        self._changed = Condition()

    def put(self, name: str, data: Any = None) -> None:
        with self._changed:
            self._heard.append(Heard(name, data))
            self._changed.notify_all()

    def heard(self) -> list[Heard]:
        with self._changed:
            return self._heard.copy()

    def of(self, name: str) -> list[Any]:
        """The arguments of all events of this name so far."""
        return [data for heard, data in self.heard() if heard == name]

    def wait(self, name: str, count: int = 1, *, within_s: float = PATIENCE_S) -> list[Any]:
        """Wait until `count` events of this name came; returns the arguments of all of them."""
        self.wait_until(lambda: len(self.of(name)) >= count, f"{count} x {name}", within_s=within_s)
        return self.of(name)

    def wait_until(self, holds: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + within_s
        while True:
            seen = len(self.heard())  # counted before the look, so that nothing falls between look and wait
            if holds():
                return
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise AssertionError(f"no {what} within {within_s} s; heard {self._summary()}")
            self._await_more(seen, left_s)

    def _await_more(self, seen: int, at_most_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._heard) > seen, at_most_s)

    def _summary(self) -> str:
        heard = self.heard()
        tail = ", ".join(f"{name} {str(data)[:80]}" for name, data in heard[-8:])
        return f"{len(heard)} events, last: {tail or 'nothing'}"
