"""The body of an AMQP message: one event, as the posters of DMOJ and LQDOJ write it.

Knows the keys and what may stand in them. Must not know exchanges, queues or clocks.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.wire import commands, json_text, socketio
from oyez.wire.json_text import Json


class AmqpRecord(NamedTuple):
    """An event as a poster wrote it: ``{"id":1700000000000000,"channel":"a","message":…,"attachments":["base64",…]}``.

    ``id`` is its clock's microseconds since 1970, ``message`` JSON text, or None if there is none.
    """

    id: int
    channel: str
    message: bytes | None
    attachments: tuple[bytes, ...] = ()


class _RecordMembers(msgspec.Struct, gc=False):
    id: int
    channel: str
    message: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    attachments: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_RECORD = msgspec.json.Decoder(_RecordMembers)
_ID = msgspec.json.Decoder(int)
_TEXTS = msgspec.json.Decoder(list[str])


def longest_body(max_message_bytes: int) -> int:
    """Return how many bytes an event may have: its text and each attachment may be a message; the latter are base64."""
    return max_message_bytes * (1 + socketio.MAX_ATTACHMENTS * 4 // 3) + commands.ENVELOPE_BYTES


def parse_record(body: bytes, *, max_channel_length: int, max_body_bytes: int) -> AmqpRecord:
    """Read a body; other keys than those of an event are passed over.

    Raises:
        ProtocolError: it holds no event.
    """
    if len(body) > max_body_bytes:
        raise ProtocolError(f"{len(body)} bytes, more than {max_body_bytes}")
    record = _split(body)
    if not 1 <= record.id <= commands.MAX_SAFE_INTEGER:
        raise ProtocolError("the id is not an integer from 1 to 2^53 - 1")
    if not commands.is_channel(record.channel, max_channel_length):
        raise ProtocolError(f"the channel is not a string of 1 to {max_channel_length} characters")
    message = None if isinstance(record.message, msgspec.UnsetType) else bytes(record.message)
    if message is not None:
        json_text.check_depth(message)
    if isinstance(record.attachments, msgspec.UnsetType):
        return AmqpRecord(record.id, record.channel, message)
    return AmqpRecord(record.id, record.channel, message, _read_attachments(record.attachments, message))


def encode_record(event_id: int, channel: str, message: bytes | None, attachments: Sequence[bytes] = ()) -> bytes:
    """Return the body of an event, as `parse_record` reads it; without ``attachments`` if there are none."""
    event = commands.encode_event(event_id, channel, message)
    if not attachments:
        return event
    texts = b",".join(b'"%s"' % base64.b64encode(attachment) for attachment in attachments)
    return b'%s,"attachments":[%s]}' % (event[:-1], texts)


def _split(body: bytes) -> _RecordMembers:
    try:
        body.decode()  # the decoder below does not look into what it passes through
        return _RECORD.decode(body)
    except UnicodeDecodeError as error:
        raise ProtocolError("not UTF-8") from error
    except msgspec.ValidationError as error:
        raise ProtocolError(f"not an event: {error}") from error
    except msgspec.DecodeError:
        return _split_slowly(body)  # a lone surrogate, which is JSON, or no JSON
    except RecursionError as error:
        raise ProtocolError("JSON is nested too deeply") from error


def _split_slowly(body: bytes) -> _RecordMembers:
    members = json_text.split_object(body)
    channel = json_text.decode_string(members["channel"]) if "channel" in members else None
    if channel is None:
        raise ProtocolError("not an event: no channel")
    try:
        event_id = _ID.decode(members.get("id", b""))
    except msgspec.DecodeError as error:
        raise ProtocolError("not an event: the id is not an integer") from error
    unset = msgspec.UNSET
    return _RecordMembers(event_id, channel, members.get("message", unset), members.get("attachments", unset))


def _read_attachments(texts: Json, message: bytes | None) -> tuple[bytes, ...]:
    """Read what the placeholders in a message stand for."""
    try:
        attachments = tuple(base64.b64decode(text, validate=True) for text in _TEXTS.decode(texts))
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise ProtocolError("attachments that are not a list of base64 texts") from error
    if len(attachments) > socketio.MAX_ATTACHMENTS:
        raise ProtocolError(f"more than {socketio.MAX_ATTACHMENTS} attachments")
    if attachments:
        socketio.check_placeholders(message or b"", len(attachments))
    return attachments
