"""Posts that are not settled yet: they wait for Redis, for its answer, or until they come back as events.

Knows who waits for what. Must not know how anything is sent or read.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from oyez.errors import BrokerError
from oyez.hub.broker import Settle
from oyez.hub.notices import Notice
from oyez.hub.publication import EventId, Post

logger = logging.getLogger(__name__)

# What may wait or be under way: more is refused at once, so that those who wait are answered in time. A call with many
# posts is let in whole if there is room for its first.
_MOST_POSTS = 20_000
_MOST_BYTES = 64 * 2**20

# Of one script, so that it does not keep Redis from its other clients; a call is never divided.
_POSTS_AT_ONCE = 500
_BYTES_AT_ONCE = 2**20

Encoded = tuple[bytes, bytes, bytes]


class PostCall(NamedTuple):
    """Posts that are settled together; or one notice, without posts."""

    posts: Sequence[Post]
    encoded: list[Encoded]
    settle: Settle
    notice: Notice | None = None

    @property
    def size(self) -> int:
        """Bytes of all posts."""
        return sum(len(name) + len(message) + len(attachments) for name, message, attachments in self.encoded)


class PostBatch(msgspec.Struct, eq=False):
    """Some calls whose posts one script takes, all or none."""

    nonce: bytes
    calls: list[PostCall]
    posts: list[Post]
    began: float
    """Seconds of the event loop."""
    first: int = 0
    """The id of the first event, by Redis's answer; 0: there is none yet."""
    came: int = 0
    """The id of the first event, as it came back; 0: none did yet."""

    @property
    def count(self) -> int:
        """How many ids it takes."""
        return len(self.posts) or 1


class PendingBatches:
    """Settles each call once, in the order of calls: when its batch is answered and has come back, or with an error."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._waiting: deque[PostCall] = deque()
        self._sent: deque[PostBatch] = deque()
        self._by_nonce: dict[bytes, PostBatch] = {}
        self._posts = self._bytes = self._batches = 0
        self._prefix = uuid.uuid4().hex
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def has_room(self) -> bool:
        """Whether one more post may wait."""
        return self._posts < _MOST_POSTS and self._bytes < _MOST_BYTES

    @property
    def oldest(self) -> float | None:
        """When the oldest batch was sent that is not settled; None: there is none."""
        return self._sent[0].began if self._sent else None

    def add(self, call: PostCall) -> None:
        """Have a call wait for the next batch."""
        self._waiting.append(call)
        self._posts += len(call.posts)
        self._bytes += call.size
        self._idle.clear()
        self.wake.set()

    def next_batch(self, now: float) -> PostBatch | None:
        """Make a batch of the calls that have waited longest; None: there are none."""
        calls: list[PostCall] = []
        posts: list[Post] = []
        size = 0
        while self._waiting:
            call = self._waiting[0]
            size += call.size
            too_much = len(posts) + len(call.posts) > _POSTS_AT_ONCE or size > _BYTES_AT_ONCE
            if calls and (too_much or call.notice or calls[0].notice):
                break
            calls.append(self._waiting.popleft())
            posts += call.posts
        if not calls:
            return None
        self._batches += 1
        batch = PostBatch(f"{self._prefix}{self._batches:x}".encode(), calls, posts, now)
        self._sent.append(batch)
        self._by_nonce[batch.nonce] = batch
        return batch

    def find(self, nonce: bytes) -> PostBatch | None:
        """Return the batch of a nonce that is under way; None: it is another daemon's, or was given up."""
        return self._by_nonce.get(nonce)

    def answered(self, batch: PostBatch, first: int, reached: EventId) -> None:
        """Note Redis's answer: the id of a batch's first event; `reached` is the newest event that was delivered."""
        batch.first = first
        self.settle_up_to(reached)

    def settle_up_to(self, reached: EventId) -> None:
        """Settle the batches that are answered, and have come back: all up to this id has."""
        while self._sent and (first := self._sent[0].first) and first + self._sent[0].count - 1 <= reached:
            batch = self._sent.popleft()
            del self._by_nonce[batch.nonce]
            for call in batch.calls:
                self._end(call, [EventId(first + place) for place in range(len(call.posts))])
                first += len(call.posts)
        self._note_idle()

    def refuse(self, batch: PostBatch, error: BrokerError) -> None:
        """Settle a batch with an error."""
        if self._by_nonce.pop(batch.nonce, None) is not None:
            self._sent.remove(batch)
            self._end_all(batch.calls, error)

    def fail_sent(self, error: BrokerError) -> None:
        """Settle all that was sent with an error: nobody can say what becomes of it."""
        while self._sent:
            self.refuse(self._sent[0], error)

    def fail_waiting(self, error: BrokerError) -> None:
        """Settle all that was not sent with an error."""
        calls = list(self._waiting)
        self._waiting.clear()
        self._end_all(calls, error)

    async def idle(self) -> None:
        """Wait until nothing is pending."""
        await self._idle.wait()

    def _end_all(self, calls: list[PostCall], error: BrokerError) -> None:
        for call in calls:
            self._end(call, error)
        self._note_idle()

    def _end(self, call: PostCall, outcome: list[EventId] | BrokerError) -> None:
        """Answer a poster, whose errors are its own: those after it wait for their answers."""
        self._posts -= len(call.posts)
        self._bytes -= call.size
        try:
            call.settle(outcome)
        except Exception:
            logger.exception("a poster gets no answer after an error of ours")

    def _note_idle(self) -> None:
        if not self._sent and not self._waiting:
            self._idle.set()
