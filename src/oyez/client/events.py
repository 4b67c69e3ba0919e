"""Events as a program holds them, and posts as JSON for the daemon.

It must not know how they travel.
"""

import enum
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

from oyez.client.errors import BadEvent
from oyez.json_scan import SCANNER

MAX_BATCH_EVENTS = 10_000
MAX_BATCH_BYTES = 8 * 2**20
_HEAD, _TAIL = b'{"events":[', b"]}"
_TOO_DEEP = "the message is nested too deeply"


class NoMessage(enum.Enum):
    """The type of `NO_MESSAGE`, which is false."""

    NO_MESSAGE = "no message"

    def __bool__(self) -> bool:
        return False


NO_MESSAGE = NoMessage.NO_MESSAGE
"""Stands where a message would, in an event that has none; None is a message, the JSON value null."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where a message would, in an event whose message Python cannot read here and now; it is false.

    Attributes:
        text: the message as it came: JSON, such as a number of more than 4,300 digits.
        reason: why it cannot be read.
    """

    text: str
    reason: str

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class JsonText:
    """A message that is JSON already: it is posted as the text that it is, whatever Python would make of it.

    Raises ValueError for what is no JSON.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            SCANNER.decode(self.text)
            self.text.encode()
        except RecursionError as error:
            raise ValueError(_TOO_DEEP) from error


class Post(NamedTuple):
    """An event to be posted; a plain tuple of the first two or of all three does as well.

    Attributes:
        message: any JSON value, JsonText, or NO_MESSAGE.
        key: makes a repetition harmless: within five minutes the daemon answers the same key with the first id.
    """

    channel: str
    message: object = NO_MESSAGE
    key: str = ""


class PostedId(int):
    """The id of an event that was posted: a whole number, which knows how many listeners its channel has.

    Attributes:
        listeners: on the daemon that took it, when it answered; None: it does not say.
    """

    listeners: int | None

    def __new__(cls, event_id: int, listeners: int | None = None) -> Self:
        """Make one of an answer."""
        made = super().__new__(cls, event_id)
        made.listeners = listeners
        return made


Postable = Post | tuple[str, object] | tuple[str, object, str]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a channel; `message` is the JSON value as Python has it, NO_MESSAGE, or Unreadable."""

    id: int
    channel: str
    message: object


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of a channel that may be gone for good: those with ids above `after` and below `oldest`."""

    channel: str
    after: int
    oldest: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The body of one request, with the number of its events."""

    body: bytes
    count: int


def check_channel(name: object) -> str:
    """Return a channel's name, if it is a text that UTF-8 can write. Raises TypeError or ValueError."""
    if not isinstance(name, str):
        raise TypeError("the name of a channel must be a string")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the channel {name!a} is no text that UTF-8 can write: it has a lone surrogate") from error
    return name


def new_key() -> str:
    """Make a key that no other post has."""
    return os.urandom(12).hex()  # asked of the system, so that forked processes make different ones


def encode_post(where: dict[str, object], message: object, key: str) -> bytes:
    """Write one post as JSON; `where` names its channel or channels.

    Raises TypeError or ValueError when the message is not JSON.
    """
    members = {**where, "key": key} if key else where
    if isinstance(message, JsonText):
        return b'%b,"message":%b}' % (encode_json(members).removesuffix(b"}"), message.text.encode())
    return encode_json(members if message is NO_MESSAGE else {**members, "message": message})


def gather(posts: Iterable[Postable], max_events: int, max_bytes: int) -> Iterator[Batch]:
    """Put posts into as few requests as the limits allow; one that is too long for any gets its own.

    Raises BadEvent, and whatever `posts` raises.
    """
    pending: list[bytes] = []
    size = 0
    for index, item in enumerate(posts):
        encoded = _encode_item(index, item)
        if pending and (len(pending) == max_events or size + len(encoded) > max_bytes):
            yield _join(pending)
            pending, size = [], 0
        pending.append(encoded)
        size += len(encoded) + 1
    if pending:
        yield _join(pending)


def _join(pending: list[bytes]) -> Batch:
    return Batch(_HEAD + b",".join(pending) + _TAIL, len(pending))


def _encode_item(index: int, item: Postable) -> bytes:
    try:
        post = Post(*item)  # what it is made of is looked at next
        if not isinstance(post.key, str):
            raise TypeError("the key must be a string")
        return encode_post({"channel": check_channel(post.channel)}, post.message, post.key)
    except (TypeError, ValueError) as error:
        raise BadEvent(index, str(error)) from error


def encode_json(value: object) -> bytes:
    """Write a value as JSON in UTF-8. Raises TypeError or ValueError when it is none."""

    def write(*, escaped: bool) -> bytes:
        return json.dumps(value, ensure_ascii=escaped, allow_nan=False, separators=(",", ":")).encode()

    try:
        try:
            return write(escaped=False)
        except UnicodeEncodeError:  # a lone surrogate: legal in JSON, but only as an escape
            return write(escaped=True)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
