"""For the tests of a site: what it posts is caught, and no daemon is asked.

It must not know test frameworks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from oyez.client import Post
from oyez.django import wiring
from oyez.django.backends.memory import MemoryBackend
from oyez.django.site import SiteSettings

Captured = tuple[str, object]


class _Recorder(MemoryBackend):
    """Writes down what is posted, beside numbering it."""

    def __init__(self, caught: list[Captured]) -> None:
        super().__init__(SiteSettings(backend=""))
        self._caught = caught

    def post(self, posts: Sequence[Post], *, key: str, timeout_s: float) -> list[int]:
        with self._lock:
            events = self.take(posts)
            self._caught += [(event.channel, event.message) for event in events]
        return [event.id for event in events]


@contextmanager
def captured_events() -> Iterator[list[Captured]]:
    """Catch what the site posts, in all threads, whatever its settings are: `(channel, message)` each, in order.

    Messages are as a browser would get them, behind JSON; one that is no JSON raises where it is posted.
    """
    caught: list[Captured] = []
    with wiring.replaced(_Recorder(caught)):
        yield caught
