"""Marks among the messages of an exchange: notices of daemons for each other, and where a stream ends.

Knows their message ids and their JSON. Must not know what a notice says, nor who has which.

A consumer that knows no marks takes one for an event of a channel without a name, which nobody can follow.
"""

import base64
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.wire import commands

MARK = "oyez-marker-"
"""What the message id of a mark begins with: what reads a stream passes over all that it knows nothing more of."""

NOTICES = MARK + "notice-"

MOST_BODY_BYTES = 512 * 1024

# What is written into one record at most: bytes of names and texts, which are longer as base64, and notices.
MOST_BYTES = 128 * 1024
MOST_NOTICES = 2000


class WrittenNotice(NamedTuple):
    """A notice as it is written: what it is about, its text, and the second since 1970 until which it is of use."""

    name: bytes
    text: bytes
    until_s: int


class NoticesRecord(NamedTuple):
    """What a daemon says to all others: notices; ``asks``: that they tell theirs."""

    notices: tuple[WrittenNotice, ...]
    asks: bool


class _Members(msgspec.Struct, gc=False):
    notices: tuple[tuple[bytes, bytes, int], ...] = ()
    asks: bool = False


class _Time(msgspec.Struct, gc=False):
    time: int


_MEMBERS = msgspec.json.Decoder(_Members)
_TIME = msgspec.json.Decoder(_Time)


def encode_mark(time_us: int) -> bytes:
    """Return ``{"id":1700000000000000,"channel":"","time":1700000000000000}``: nothing but when it was."""
    return b'{"id":%d,"channel":"","time":%d}' % (time_us, time_us)


def encode_notices(time_us: int, notices: Iterable[tuple[bytes, bytes, int]], *, asks: bool = False) -> bytes:
    """Return ``{"id":…,"channel":"","time":…,"notices":[["base64","base64",1795434343]],"asks":false}``.

    Args:
        time_us: microseconds since 1970; no event that was published before has a higher id.
        notices: names, texts and ends, as `WrittenNotice` has them.
        asks: whether others are to tell what they know.
    """
    texts = b",".join(
        b'["%b","%b",%d]' % (base64.b64encode(name), base64.b64encode(text), until_s) for name, text, until_s in notices
    )
    return b'%b,"notices":[%b],"asks":%b}' % (encode_mark(time_us)[:-1], texts, b"true" if asks else b"false")


def parse_notices(body: bytes) -> NoticesRecord:
    """Read what `encode_notices` writes; further members are passed over.

    Raises:
        ProtocolError: it is none.
    """
    if len(body) > MOST_BODY_BYTES:
        raise ProtocolError(f"{len(body)} bytes, more than {MOST_BODY_BYTES}")
    try:
        members = _MEMBERS.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProtocolError(f"no notices: {error}") from error
    notices = tuple(WrittenNotice(*notice) for notice in members.notices)
    if not all(0 <= notice.until_s <= commands.MAX_SAFE_INTEGER for notice in notices):
        raise ProtocolError("no notices: an end that is no second since 1970")
    return NoticesRecord(notices, members.asks)


def read_time(body: bytes) -> int | None:
    """Return when a mark was published, in microseconds since 1970; None if it does not say."""
    try:
        time_us = _TIME.decode(body).time
    except (msgspec.DecodeError, RecursionError):
        return None
    return time_us if 1 <= time_us <= commands.MAX_SAFE_INTEGER else None
