"""Posts to RabbitMQ, as the AMQP posters of DMOJ and LQDOJ do: the same bodies, and ids from the clock.

It must not know when not to. A thread keeps the connection, so that no caller waits longer than its time and heartbeats
are answered while nobody posts.
"""

import json
import threading
import time
from collections.abc import Sequence

from oyez.client import NO_MESSAGE, Post, TimedOut
from oyez.django.backends.amqp_link import AmqpLink, Dropped, Job, read_parameters
from oyez.django.site import SiteSettings


class AmqpBackend:
    """Publishes to an exchange that exists; a post is done when RabbitMQ has confirmed it."""

    knows_last = True

    def __init__(self, settings: SiteSettings) -> None:
        read_parameters(settings.amqp, settings.timeout_s)
        self._settings = settings
        self._link: AmqpLink | None = None
        self._lock = threading.Lock()
        self._clock = IdClock()

    def post(self, posts: Sequence[Post], *, key: str, timeout_s: float) -> list[int]:
        """Publish one message for each event. The key is not used: RabbitMQ knows none.

        Raises PosterError; of several events some may have been taken when it is `uncertain`.
        """
        messages = [_encode_members(post) for post in posts]
        ids = self._clock.take(len(posts))
        self._run([b'{"id":%d,%s}' % pair for pair in zip(ids, messages, strict=True)], timeout_s)
        return ids

    def last(self, *, timeout_s: float) -> int:
        """Return the clock's microseconds, as the sites' own posters do; nobody is asked."""
        return self._clock.last()

    def probe(self, *, timeout_s: float) -> None:
        """Connect, if there is no connection. Raises PosterError."""
        self._run([], timeout_s)

    def close(self) -> None:
        """Let the connection end when what was given to it is done."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.retire()

    def _run(self, bodies: Sequence[bytes], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        for is_last in (False, True):
            link, job = self._kept_link(), Job(bodies)
            link.put(job)
            if not job.is_over.wait(max(deadline - time.monotonic(), 0)):
                self._forget(link)
                raise TimedOut(f"{link} did not answer within {timeout_s:g} s", uncertain=not job.give_up())
            if job.error is None:
                return
            if is_last or not isinstance(job.error, Dropped):  # else the link had ended when the job was put there
                raise job.error

    def _kept_link(self) -> AmqpLink:
        with self._lock:
            if self._link is None or self._link.has_ended:
                self._link = AmqpLink(self._settings)
                self._link.start()
            return self._link

    def _forget(self, link: AmqpLink) -> None:
        """Leave a link that hangs to itself: heartbeats, or the end of its connecting, end it."""
        with self._lock:
            if self._link is link:
                self._link = None
        link.retire()


class IdClock:
    """Microseconds since 1970 that rise with every event of this process."""

    def __init__(self) -> None:
        self._newest = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> list[int]:
        """Return ids for so many events, above all that were returned before."""
        with self._lock:
            first = max(self._newest + 1, time.time_ns() // 1000)
            self._newest = first + count - 1
        return list(range(first, first + count))

    def last(self) -> int:
        """Return the time; no event of this process has a higher id."""
        return max(self._newest, time.time_ns() // 1000)


def _encode_members(post: Post) -> bytes:
    """Write a body's members but the id. Raises TypeError or ValueError."""
    members: dict[str, object] = {"channel": post.channel}
    if post.message is not NO_MESSAGE:
        members["message"] = post.message
    return json.dumps(members, allow_nan=False, separators=(",", ":")).encode()[1:-1]
