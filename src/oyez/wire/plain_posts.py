"""Posts of the plainest form, which nearly all are: read in one step, and acknowledged in one.

Knows how the two dialects of WebSockets write a post. Must not know what becomes of it, nor what else a peer may send:
whatever is not quite plain is left to `socketio`, `raw_commands` and `commands`, which also say what is wrong with it.

One typed decoding takes the place of three, and no packet is made of it: a quarter of what a post costs beside the
system's calls (`bench/stages.py`).
"""

from typing import Literal

import msgspec

from oyez.wire import json_text


class _Post(msgspec.Struct, gc=False):
    channel: str
    message: msgspec.Raw


class _RawPost(msgspec.Struct, gc=False):
    command: Literal["post"]
    channel: str
    message: msgspec.Raw


_decode_event = msgspec.json.Decoder(tuple[Literal["post"], _Post]).decode
_decode_command = msgspec.json.Decoder(_RawPost).decode

_EVENT, _ZERO = ord("2"), ord("0")
_BEGIN = b'["post",'
_LONGEST_HEAD = 41  # the type, and an ack id of 40 digits, which is as many as `socketio.decode` takes


def read_packet(data: bytes) -> tuple[bytes, str, bytes] | None:
    """Read a Socket.IO packet ``213["post",{"channel":"a","message":…}]``, in UTF-8 and without Engine.IO's type byte.

    Returns:
        The digits of the ack id, the channel as it was named, and the message as JSON text; None: this is not all that
        plain.

    Raises:
        ProtocolError: the message is nested too deeply.
    """
    begin = data.find(_BEGIN, 2, _LONGEST_HEAD + len(_BEGIN))
    ack_id = data[1:begin]
    if begin < 0 or data[0] != _EVENT or not ack_id.isdigit() or (ack_id[0] == _ZERO and begin > 2):
        return None
    try:
        post = _decode_event(data[begin:])[1]
    except (msgspec.DecodeError, RecursionError):
        return None
    message = bytes(post.message)
    if len(message) > json_text.SHALLOW_BYTES:
        json_text.check_depth(message)
    return ack_id, post.channel, message


def read_command(data: bytes) -> tuple[str, bytes] | None:
    """Read a raw command ``{"command":"post","channel":"a","message":…}``, in UTF-8.

    Returns:
        The channel as it was named, and the message as JSON text; None: this is not all that plain.

    Raises:
        ProtocolError: the message is nested too deeply.
    """
    try:
        post = _decode_command(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    message = bytes(post.message)
    if len(message) > json_text.SHALLOW_BYTES:
        json_text.check_depth(message)
    return post.channel, message


def encode_ack(ack_id: bytes, event_id: int) -> bytes:
    """Return what a post is acknowledged with: ``4313[{"status":"success","id":7}]`` for the ack id ``13``."""
    return b'43%b[{"status":"success","id":%d}]' % (ack_id, event_id)
