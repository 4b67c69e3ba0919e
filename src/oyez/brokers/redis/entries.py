"""How an event stands in an entry of the stream.

Knows fields. Must not know Redis's commands, or what comes before and after an entry.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.hub.publication import MAX_EVENT_ID, Channel, EventId, Post
from oyez.wire import commands, json_text

Fields = Sequence[bytes]
"""Names and values in turn."""

_ATTACHMENTS = msgspec.msgpack.Decoder(tuple[bytes, ...])
_LONGEST_NUMBER = 16


class LogEntry(NamedTuple):
    """One entry, as far as it is a daemon's."""

    id: EventId
    nonce: bytes
    """Of its batch."""
    before: bytes | None
    """The nonce of the batch before; None: it is not the first of its batch."""
    fields: dict[bytes, bytes]


def encode_post(post: Post) -> tuple[bytes, bytes, bytes]:
    """Return channel, message and attachments, as the script takes them; what is not there is empty."""
    channel = post.channel
    name = channel.encode() if channel.isascii() else channel.encode("utf-8", "surrogatepass")
    if not post.attachments:
        return name, post.message or b"", b""
    return name, post.message or b"", msgspec.msgpack.encode(post.attachments)


def read_entry(raw_id: object, raw_fields: object) -> LogEntry | None:
    """Read an entry; None if no daemon wrote it."""
    if not isinstance(raw_id, bytes) or not isinstance(raw_fields, list) or len(raw_fields) % 2:
        return None
    number, _, sequence = raw_id.partition(b"-")
    if sequence != b"0" or not number.isdigit() or len(number) > _LONGEST_NUMBER:
        return None
    event_id = int(number)
    fields = dict(zip(raw_fields[::2], raw_fields[1::2], strict=True))
    nonce = fields.get(b"n")
    if not nonce or event_id > MAX_EVENT_ID:
        return None
    return LogEntry(EventId(event_id), nonce, fields.get(b"p"), fields)


def parse_post(fields: dict[bytes, bytes], max_channel_length: int) -> Post:
    """Return what was posted.

    Raises:
        ProtocolError: this is no event.
    """
    try:
        channel = fields[b"c"].decode("utf-8", "surrogatepass")
        message = fields[b"m"]
        joined = fields.get(b"a")
        attachments = () if joined is None else _ATTACHMENTS.decode(joined)
    except KeyError as error:
        raise ProtocolError("no channel, or no message") from error
    except UnicodeDecodeError as error:
        raise ProtocolError("a channel that is no text") from error
    except msgspec.DecodeError as error:
        raise ProtocolError("attachments that are none") from error
    if not commands.is_channel(channel, max_channel_length):
        raise ProtocolError(f"the channel is not a string of 1 to {max_channel_length} characters")
    if message:
        _check_message(message)
    return Post(Channel(channel), message or None, attachments)


def read_time_ms(fields: dict[bytes, bytes], default_ms: int) -> int:
    """Return when it was posted, in milliseconds since 1970."""
    text = fields.get(b"t", b"")
    return int(text) if text.isdigit() and len(text) <= _LONGEST_NUMBER else default_ms


def _check_message(message: bytes) -> None:
    try:
        message.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("a message that is not UTF-8") from error
    if len(json_text.split_array(b"[%b]" % message)) != 1:
        raise ProtocolError("a message that is not one value of JSON")
    json_text.check_depth(message)
