"""For tests and development without a daemon: events are kept in this process.

It must not know who looks at them.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Sequence

from oyez.client import NO_MESSAGE, Event, Post
from oyez.django.site import SiteSettings

_MOST_EVENTS = 10_000


class MemoryBackend:
    """Keeps the newest events, with rising ids, and with messages as they are behind JSON.

    Attributes:
        events: the newest 10,000.
    """

    knows_last = True

    def __init__(self, settings: SiteSettings) -> None:
        self.events: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self._last = int(time.time() * 1000)
        self._lock = threading.Lock()

    def post(self, posts: Sequence[Post], *, key: str, timeout_s: float) -> list[int]:
        """Keep the events. Raises TypeError or ValueError for what is not JSON."""
        with self._lock:
            return [event.id for event in self.take(posts)]

    def take(self, posts: Sequence[Post]) -> list[Event]:
        """Keep the events and return them; the lock has to be held."""
        messages = [_as_json(post.message) for post in posts]
        first = self._last + 1
        kept = [Event(first + at, post.channel, messages[at]) for at, post in enumerate(posts)]
        self.events.extend(kept)
        self._last += len(kept)
        return kept

    def last(self, *, timeout_s: float) -> int:
        """Return the newest id; before the first event, the time of the start in milliseconds."""
        return self._last

    def probe(self, *, timeout_s: float) -> object:
        """Return at once: nothing can be in the way."""
        return None

    def close(self) -> None:
        """Forget the events that were kept."""
        self.events.clear()


def _as_json(message: object) -> object:
    return message if message is NO_MESSAGE else json.loads(json.dumps(message, allow_nan=False))
