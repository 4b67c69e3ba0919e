"""Keys that a repeated request is known by, so that it gets the first answer and posts nothing.

Knows keys, what was asked with them, and what was answered. Must not know requests, the hub or the clock: time is an
argument.

A key is known from the moment when somebody begins to act on it. If that fails it is forgotten, else it is remembered
with its answer: for a while, and as long as there is room.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import msgspec

from oyez.hub.publication import EventId

Key = str | bytes
"""Of a body, text; of a header, bytes. So neither is ever taken for the other."""

Content = int
"""A hash of what is asked, since a second request with the same key has to ask the same.

64 bits with a secret of this process are enough to notice a mistake of a poster, and cost a tenth of a digest.
"""

KEPT_S = 300.0
MOST_KEYS = 300_000  # a thousand posts a second for that time; some 300 bytes each, with a key of 24 characters
MOST_IDS = 1_000_000

# What is too old is dropped a little at a time, since all that a large batch brought becomes old at once.
_DROPPED_AT_ONCE = 1000


class KeyReused(Exception):  # noqa: N818 - what happened, not whose fault it is
    """A key came again with another content."""

    def __init__(self, key: Key) -> None:
        super().__init__("a key is used again for something else")
        self.key = key


class Attempt:
    """Keys that somebody is acting on."""

    __slots__ = ("_waiting", "contents")

    def __init__(self, contents: Mapping[Key, Content]) -> None:
        self.contents = contents
        self._waiting: list[Callable[[], None]] = []

    def when_over(self, call: Callable[[], None]) -> None:
        """Have a function called when the attempt is over, whether it was finished or given up."""
        self._waiting.append(call)

    def end(self) -> None:
        """Call all that were registered by `when_over`, once."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()


class _KnownAnswer(msgspec.Struct, gc=False, frozen=True):
    """What was answered to a key, and when. The collector passes it over: there may be hundreds of thousands."""

    key: Key
    content: Content
    ids: EventId | Sequence[EventId]  # one alone saves the sequence around it, a seventh of all
    time: float

    def all_ids(self) -> Sequence[EventId]:
        return [self.ids] if isinstance(self.ids, int) else self.ids


class KnownKeys:
    """All keys that are acted on or remembered.

    Args:
        kept_s: how long an answer is remembered.
        most_keys: how many answers are remembered; the oldest goes first.
        most_ids: how many ids may be in them, all together.
    """

    def __init__(self, *, kept_s: float = KEPT_S, most_keys: int = MOST_KEYS, most_ids: int = MOST_IDS) -> None:
        self._kept_s = kept_s
        self._most_keys = most_keys
        self._most_ids = most_ids
        self._attempts: dict[Key, Attempt] = {}
        self._answers: dict[Key, _KnownAnswer] = {}
        self._by_age: deque[_KnownAnswer] = deque()  # oldest first, with those that another has taken the place of
        self._ids = 0

    def __len__(self) -> int:
        return len(self._attempts) + len(self._answers)

    def find(self, key: Key, content: Content, now: float) -> Sequence[EventId] | Attempt | None:
        """Look a key up.

        Returns:
            The ids that were answered, the attempt of whoever is acting on the key, or None if it is new.

        Raises:
            KeyReused: something else was asked with it.
        """
        attempt = self._attempts.get(key)
        if attempt is not None:
            if attempt.contents[key] != content:
                raise KeyReused(key)
            return attempt
        answer = self._answers.get(key)
        if answer is None or now - answer.time > self._kept_s:
            return None
        if answer.content != content:
            raise KeyReused(key)
        return answer.all_ids()

    def begin(self, contents: Mapping[Key, Content]) -> Attempt:
        """Act on new keys; `finish` has to follow."""
        attempt = Attempt(contents)
        self._attempts.update(dict.fromkeys(contents, attempt))
        return attempt

    def give_up(self, attempt: Attempt) -> None:
        """Forget the keys of an attempt, so that whoever uses them next begins anew."""
        for key in attempt.contents:
            self._attempts.pop(key, None)
        attempt.end()

    def finish(self, attempt: Attempt, answers: Mapping[Key, Sequence[EventId]], now: float) -> None:
        """Remember what was answered to the keys of an attempt; those without an answer are new again."""
        for key, content in attempt.contents.items():
            ids = answers.get(key)
            if ids is not None:
                self._remember(_KnownAnswer(key, content, ids[0] if len(ids) == 1 else ids, now))
        self._drop_old(now)
        while len(self._by_age) > self._most_keys or self._ids > self._most_ids:
            self._drop()
        self.give_up(attempt)

    def _remember(self, answer: _KnownAnswer) -> None:
        self._answers[answer.key] = answer  # one that is there is too old, else nobody would have acted on the key
        self._by_age.append(answer)
        self._ids += len(answer.all_ids())

    def _drop_old(self, now: float) -> None:
        for _ in range(_DROPPED_AT_ONCE):
            if not self._by_age or now - self._by_age[0].time <= self._kept_s:
                return
            self._drop()

    def _drop(self) -> None:
        """Forget the oldest answer, and its key unless a newer answer has it."""
        answer = self._by_age.popleft()
        self._ids -= len(answer.all_ids())
        if self._answers.get(answer.key) is answer:
            del self._answers[answer.key]


def content_of(channels: tuple[str, ...], message: bytes | None) -> Content:
    """Return what stands for posting a message to channels."""
    return hash((channels, message))


def content_of_body(body: bytes | bytearray) -> Content:
    """Return what stands for a request as a whole: the same body, byte for byte."""
    return hash(bytes(body))
