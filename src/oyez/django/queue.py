"""Events that wait while the daemon is away, so that none is lost and no request waits for it.

It must not know how they are posted. One thread for each process, started with the first event that waits; it posts in
batches, tries again until they are taken, and has a bounded time to finish when the process ends.
"""

import json
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from oyez.backoff import Backoff
from oyez.client import MAX_BATCH_BYTES, NO_MESSAGE, Post, PosterError
from oyez.client.events import check_channel, encode_json, new_key
from oyez.django.losses import Losses
from oyez.django.outage import FIRST_PAUSE_S, LONGEST_PAUSE_S, is_away, may_pass
from oyez.django.sender import Sender

QUEUED = -1
"""What a call returns for an event that waits, whose id nobody knows yet."""

DRAIN_S = 2.0
MOST_BYTES = 8 * 2**20
BATCH_EVENTS = 1000
CALL_TIMEOUT_S = 2.0


class QueueFull(PosterError):  # noqa: N818 - as its siblings are called
    """The events do not fit into the queue any more; none of them was taken."""


class _Waiting(NamedTuple):
    """An event with its message as JSON: what the caller changes later is not posted, and memory can be counted."""

    channel: str
    message: bytes | None
    key: str

    def as_post(self) -> Post:
        return Post(self.channel, NO_MESSAGE if self.message is None else json.loads(self.message), self.key)


class Queue:
    """First in, first out. What does not fit is refused at once.

    Each event should have a key: it may be tried more than once, and taken at any of these times.

    Args:
        sender: how events are posted.
        losses: where those are counted that are given up.
        max_events: how many may wait.
        drain_s: how long what waits may take when the process ends.
    """

    def __init__(self, sender: Sender, losses: Losses, max_events: int, drain_s: float = DRAIN_S) -> None:
        self._sender = sender
        self._losses = losses
        self._max_events = max_events
        self._drain_s = drain_s
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._under_way = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._end_at: float | None = None
        self._has_ended = False
        self._process = os.getpid()

    def post(self, posts: Sequence[Post], *, timeout_s: float | None = None) -> list[int]:
        """Post events at once, or let them wait: if others wait before them, or while the backend is away.

        Return their ids, QUEUED for those that wait. Raises what the sender raises, and what `put` does but
        RuntimeError; the `ids` of a PosterError are of those that were taken before.
        """
        if len(posts) > self._max_events and not self._sender.outage.is_on:  # they cannot wait behind others
            began = time.monotonic()
            limit_s = self._sender.timeout_s if timeout_s is None else timeout_s
            self.flush(limit_s)
            timeout_s = max(began + limit_s - time.monotonic(), 0.0)
        failure: PosterError | None = None
        if self._is_idle() or self._end_at is not None:
            try:
                return self._sender.post(posts, timeout_s=timeout_s)
            except PosterError as error:
                if self._end_at is not None or not is_away(error):
                    raise
                failure = error
        ids = failure.ids if failure is not None else ()
        try:
            self.put(posts[len(ids) :])
        except QueueFull as full:
            full.ids = ids
            raise full from failure
        if failure is not None:
            self._losses.add(0, failure)
        return [*ids, *[QUEUED] * (len(posts) - len(ids))]

    def put(self, posts: Sequence[Post]) -> None:
        """Take all events, or none.

        Raises QueueFull; TypeError or ValueError for what is not JSON; RuntimeError when it is closed, or Python ends.
        """
        items = [_freeze(post) for post in posts]
        size = sum(map(_size, items))
        with self._changed:
            if self._end_at is not None:
                raise RuntimeError("the queue is closed")
            waiting = len(self._waiting) + self._under_way
            if waiting + len(items) > self._max_events or self._bytes + size > MOST_BYTES:
                may = f"{self._max_events} events and {MOST_BYTES // 2**20} MiB may wait"
                raise QueueFull(f"no room for {len(items)} more beside {waiting} that wait already: {may}")
            if self._thread is None:
                self._start()
            self._waiting.extend(items)
            self._bytes += size
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits; False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._under_way, timeout_s)

    def close(self) -> None:
        """Post what waits within a bounded time, and end; harmless to repeat."""
        if self._process != os.getpid():  # what waits here is its parent's, and the lock may be held for ever
            return
        with self._changed:
            self._end_at = time.monotonic() + self._drain_s
            self._changed.notify_all()
            thread, self._thread = self._thread, None
        if thread is None:
            return
        self.flush(self._drain_s)
        with self._changed:
            left = len(self._waiting) + self._under_way
            self._waiting.clear()
            self._has_ended = True
        if left:
            self._losses.add(left, TimeoutError(f"the process ends, and they waited {self._drain_s:g} s more in vain"))

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="oyez-queue", daemon=True)
        thread.start()
        self._thread = thread

    def _is_idle(self) -> bool:
        with self._changed:
            return not self._waiting and not self._under_way

    def _run(self) -> None:
        while batch := self._next_batch():
            self._post_batch(batch)
            with self._changed:
                self._under_way = 0
                self._bytes -= sum(map(_size, batch))
                self._changed.notify_all()

    def _next_batch(self) -> list[_Waiting]:
        """Wait for events; none come when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._end_at is not None)
            batch: list[_Waiting] = []
            size = 0
            while self._waiting and len(batch) < BATCH_EVENTS:
                size += _size(self._waiting[0])
                if batch and size > MAX_BATCH_BYTES:  # one request: all of it is taken, or nothing
                    break
                batch.append(self._waiting.popleft())
            self._under_way = len(batch)
            return batch

    def _post_batch(self, batch: list[_Waiting]) -> None:
        """Post a batch; if it is refused, those of its events that are not to blame."""
        posts = [item.as_post() for item in batch]
        refusal = self._post_patiently(posts)
        if refusal is None:
            return
        left = posts[len(refusal.ids) :]
        if len(left) == 1:
            self._lose(1, refusal)
            return
        for post in left:
            refusal = self._post_patiently([post])
            if refusal is not None:
                self._lose(1, refusal)

    def _post_patiently(self, posts: list[Post]) -> PosterError | None:
        """Post until the events are taken, or refused, which is returned; the key lets no repetition post twice."""
        key, backoff = new_key(), Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while True:
            try:
                self._sender.post(posts, key=key, timeout_s=self._time_left(), tries_anyway=True)
            except PosterError as error:
                if not may_pass(error):
                    return error
                if not self._pause(backoff.take()):
                    self._lose(len(posts), error)
                    return None
            except Exception as error:  # noqa: BLE001 - a backend of the site's own; the queue outlives it
                self._lose(len(posts), error)
                return None
            else:
                return None

    def _lose(self, count: int, error: Exception) -> None:
        with self._changed:
            if self._has_ended:  # what was left is counted
                return
        self._losses.add(count, error)

    def _pause(self, pause_s: float) -> bool:
        """Wait before another attempt; False when there is no time for one."""
        with self._changed:
            is_ending = self._end_at is not None
            if self._has_time():
                self._changed.wait_for(lambda: not is_ending and self._end_at is not None, pause_s)
            return self._has_time()

    def _has_time(self) -> bool:
        return self._end_at is None or time.monotonic() < self._end_at

    def _time_left(self) -> float:
        end_at = self._end_at
        return CALL_TIMEOUT_S if end_at is None else max(min(end_at - time.monotonic(), CALL_TIMEOUT_S), 0.05)


def _freeze(post: Post) -> _Waiting:
    message = None if post.message is NO_MESSAGE else encode_json(post.message)
    return _Waiting(check_channel(post.channel), message, post.key)


def _size(item: _Waiting) -> int:
    return len(item.channel) + len(item.message or b"") + 200
