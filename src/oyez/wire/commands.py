"""The commands of the event dialects as typed values, and the replies to them.

Knows post, last-msg, who-am-i, start-msg and set-filter: what may stand in them and the words of every answer. Must
not know which transport carries them, or what they do.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.wire import json_text
from oyez.wire.json_text import Json

MAX_SAFE_INTEGER = 2**53 - 1

# Room for the JSON around a message that is as long as a message may be.
ENVELOPE_BYTES = 4096

Measure = Callable[[str], str]
"""Returns the part of a listener's name for a channel that limits count: there may be more at its end."""

SUCCESS = b'{"status":"success"}'


def success_with_id(event_id: int) -> bytes:
    """Return the answer to post and last-msg: ``{"status":"success","id":7}``."""
    return b'{"status":"success","id":%d}' % event_id


def success_with_caller(address: str | None, socket: str, proxy: str, doubt: str) -> bytes:
    """Return the answer to who-am-i.

    It is ``{"status":"success","address":"203.0.113.9","socket":"127.0.0.1:5","proxy":"names","doubt":"…"}``.
    """
    caller = {"address": address, "socket": socket, "proxy": proxy, "doubt": doubt}
    return msgspec.json.encode({"status": "success", **caller})


class CommandError(NamedTuple):
    """A command that is refused; nothing else changes by it."""

    code: str
    message: str
    channel: str | None = None
    """Which one it is about, where that is said."""

    def encode(self) -> bytes:
        """Return ``{"status":"error","code":"invalid-filter","message":"Invalid filter"}``, and its channel, if any."""
        channel = b"" if self.channel is None else b',"channel":%s' % json_text.encode_string(self.channel)
        return b'{"status":"error","code":%s,"message":%s%s}' % (
            json_text.encode_string(self.code),
            json_text.encode_string(self.message),
            channel,
        )


# The words are part of the contract; note that a sender and a listener are told of a bad channel differently.
INVALID_CHANNEL_IN_POST = CommandError("invalid-channel", "Invalid channel")
INVALID_FILTER = CommandError("invalid-filter", "Invalid filter")
MAY_NOT_POST = CommandError("may-not-post", "This key may not post to this channel")
UNAUTHORIZED = CommandError("unauthorized", "Unauthorized operation")
AT_CAPACITY = CommandError("server-capacity", "Server at capacity")
UNAVAILABLE = CommandError("unavailable", "The event store cannot take posts now")


def invalid_channel_in_filter(max_length: int) -> CommandError:
    """Refuse a channel name in a filter."""
    return CommandError("invalid-channel", f"Channel must be a non-empty string (max {max_length} chars)")


def too_many_subscriptions(maximum: int) -> CommandError:
    """Refuse a filter that is too long."""
    return CommandError("too-many-subscriptions", f"Maximum {maximum} subscriptions per connection")


def not_allowed(channel: str, *, by_grant: bool) -> CommandError:
    """Refuse a listener a channel: for want of a good grant, or for good."""
    words = "This channel needs a grant" if by_grant else "Nobody may listen to this channel"
    return CommandError("not-allowed", words, channel)


def is_channel(name: str, max_length: int) -> bool:
    """Accept names of 1 to ``max_length`` UTF-16 units, which is how browsers count."""
    if name.isascii():
        return 1 <= len(name) <= max_length
    return 1 <= len(name.encode("utf-16-le", "surrogatepass")) // 2 <= max_length


_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?")


class PostCommand(NamedTuple):
    """A post: the channel as it was named, and the message as JSON text, None if there is none."""

    channel: str
    message: bytes | None


class _PostMembers(msgspec.Struct, gc=False):
    channel: str
    message: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_POST = msgspec.json.Decoder(_PostMembers)
_FILTER = msgspec.json.Decoder(list[msgspec.Raw])


def parse_post(data: Json | None) -> PostCommand | None:
    """Read the argument of a post, which is valid JSON; None if it names no channel.

    Raises:
        ProtocolError: the message is nested too deeply.
    """
    if data is None:
        return None
    try:
        post = _POST.decode(data)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, RecursionError):  # a lone surrogate somewhere, or something to be refused
        return _parse_post_slowly(data)
    if isinstance(post.message, msgspec.UnsetType):
        return PostCommand(post.channel, None)
    message = bytes(post.message)
    if len(message) > json_text.SHALLOW_BYTES:  # else, for nearly all, there is not even a call
        json_text.check_depth(message)
    return PostCommand(post.channel, message)


def _parse_post_slowly(data: Json) -> PostCommand | None:
    if not bytes(data).lstrip().startswith(b"{"):
        return None
    members = json_text.split_object(data)
    channel = json_text.decode_string(members["channel"]) if "channel" in members else None
    if channel is None:
        return None
    if "message" not in members:
        return PostCommand(channel, None)
    message = bytes(members["message"])
    json_text.check_depth(message)
    return PostCommand(channel, message)


def parse_start(data: Json | None) -> int | None:
    """Read the argument of start-msg: the id up to which the client has everything.

    A number or a numeric string counts; everything else, 0 and what is below it name no start.
    """
    try:
        start = json_text.split_object(data).get("start") if data is not None else None
    except ProtocolError:
        return None
    if start is None:
        return None
    text = json_text.decode_string(start)
    return read_position(bytes(start).decode() if text is None else text)


def read_position(text: str) -> int | None:
    """Read an id that a client names: a number of 1 or more; everything else names none."""
    digits = text.strip()
    if not _NUMBER.fullmatch(digits):
        return None
    number = float(digits)  # whatever its length; beyond the range of floats it becomes infinite
    return int(min(number, MAX_SAFE_INTEGER)) if number >= 1 else None


def parse_filter(
    data: Json | None, *, max_channels: int, max_length: int, measure: Measure | None = None
) -> list[str] | CommandError:
    """Read the argument of set-filter, checked in the order of the contract: array, count, entries.

    Args:
        data: ``{"filter":["a","b"]}``.
        max_channels: how many entries there may be.
        max_length: of a name, in UTF-16 units.
        measure: returns that part of a name whose length counts; None: all of it.
    """
    try:
        wanted = json_text.split_object(data).get("filter") if data is not None else None
        entries = json_text.split_array(bytes(wanted)) if wanted is not None else []
    except ProtocolError:
        return INVALID_FILTER
    if not entries:
        return INVALID_FILTER
    if len(entries) > max_channels:
        return too_many_subscriptions(max_channels)
    channels: list[str] = []
    for entry in entries:
        name = json_text.decode_string(entry)
        if name is None or not is_channel(name if measure is None else measure(name), max_length):
            return invalid_channel_in_filter(max_length)
        channels.append(name)
    return channels


def encode_event(event_id: int, channel: str, message: bytes | None) -> bytes:
    """Return ``{"id":7,"channel":"a","message":…}``, as every dialect has it; without ``message`` if there is none."""
    if message is None:
        return b'{"id":%d,"channel":%s}' % (event_id, json_text.encode_string(channel))
    return b'{"id":%d,"channel":%s,"message":%s}' % (event_id, json_text.encode_string(channel), message)


def wants_presence(data: Json | None) -> bool:
    """Return whether set-filter, whose argument `parse_filter` has read, asks for counts of listeners."""
    member = json_text.split_object(data).get("presence") if data is not None else None
    return member is not None and bytes(member) == b"true"


def encode_listeners(channel: str, count: int) -> bytes:
    """Return ``{"channel":"a","count":3}``: how many listen to a channel."""
    return b'{"channel":%s,"count":%d}' % (json_text.encode_string(channel), count)


def encode_gap(channel: str, after: int, oldest: int) -> bytes:
    """Return ``{"channel":"a","from":5,"oldest":9}``: events above ``after`` and below ``oldest`` may be missing."""
    return b'{"channel":%s,"from":%d,"oldest":%d}' % (json_text.encode_string(channel), after, oldest)


def encode_revoked(channel: str, reason: str) -> bytes:
    """Return ``{"channel":"a","reason":"expired"}``: whoever gets it follows that channel no longer."""
    return b'{"channel":%s,"reason":%s}' % (json_text.encode_string(channel), json_text.encode_string(reason))


def encode_subscribed(recovered: bool | None) -> bytes:
    """Return the answer to set-filter: ``{"status":"success","recovered":true}``.

    Args:
        recovered: whether all that the client asked for is still there; None: it named no start, and nothing is said.
    """
    if recovered is None:
        return SUCCESS
    return b'{"status":"success","recovered":%s}' % (b"true" if recovered else b"false")
