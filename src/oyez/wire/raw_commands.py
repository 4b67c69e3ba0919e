"""The raw WebSocket dialect: one JSON object with a ``command`` a message, and what is answered to a bad one.

Knows the words of this dialect; what a post, a start or a filter may hold is `commands`' business. Must not know who
sends a command, or what it does.
"""

from typing import NamedTuple

import msgspec

from oyez.errors import ProtocolError
from oyez.wire import commands, json_text
from oyez.wire.commands import CommandError, Measure
from oyez.wire.json_text import Json

INVALID_CHANNEL = b'{"status":"error","code":"invalid-channel"}'
"""The one refusal of this dialect without a message: posters of old raise whatever they are told."""

AUTH_FAILED = CommandError("auth-failed", "Authentication failed")
ADDRESS_WAITS = CommandError("address-waits", "Too many wrong keys from this address; try again later")
NOT_AUTHORIZED = CommandError("unauthorized", "Show the key first, by the command auth")

_LONGEST_QUOTE = 100


class RawCommand(NamedTuple):
    """A command and the object that it came in. In a name, ``-`` and ``_`` are the same: here it is ``_``."""

    name: str
    members: Json


class _Named(msgspec.Struct, gc=False):
    command: str


_NAMED = msgspec.json.Decoder(_Named)


def parse_command(data: bytes) -> RawCommand | CommandError:
    """Read a message, which is UTF-8; what is no command gets the dialect's answer to it."""
    try:
        name: str | None = _NAMED.decode(data).command
    except (msgspec.DecodeError, RecursionError):  # not JSON, not an object, or a lone surrogate somewhere
        try:
            name = _find_name(data)
        except ProtocolError as error:
            return syntax_error(error)
    if name is None:
        return CommandError("syntax-error", "no command specified")
    return RawCommand(name.replace("-", "_"), Json(data))


def parse_bytes(data: bytes) -> RawCommand | CommandError:
    """Read a message that came as bytes: of those, nobody has seen yet whether they are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return CommandError("syntax-error", "the frame is not UTF-8")
    return parse_command(data)


def _find_name(data: bytes) -> str | None:
    value = json_text.decode(data)
    if not isinstance(value, dict):
        return None
    name = value.get("command")
    return name if isinstance(name, str) else None


def syntax_error(error: ProtocolError) -> CommandError:
    """Refuse what is no JSON, or JSON of no use."""
    return CommandError("syntax-error", str(error)[:_LONGEST_QUOTE])


def bad_command(name: str) -> CommandError:
    """Refuse a command that there is not, or not here."""
    return CommandError("bad-command", f"bad command: {name[:_LONGEST_QUOTE]}")


def parse_filter(
    command: RawCommand, *, max_channels: int, max_length: int, measure: Measure | None = None
) -> list[str] | CommandError:
    """Read set-filter: the channels, or what is wrong with them in the words of this dialect."""
    channels = commands.parse_filter(command.members, max_channels=max_channels, max_length=max_length, measure=measure)
    if not isinstance(channels, CommandError):
        return channels
    if channels.code == commands.INVALID_FILTER.code:
        return CommandError("invalid-filter", f"invalid filter: {_quote(command, 'filter')}")
    return CommandError("invalid-filter", f"invalid filter: {channels.message}")


def wants_notices(command: RawCommand) -> bool:
    """Return whether set-filter asks to be told of its success and of gaps."""
    return _is_true(command, "notify")


def wants_position(command: RawCommand) -> bool:
    """Return whether set-filter asks for the id up to which the listener has everything."""
    return _is_true(command, "position")


def wants_presence(command: RawCommand) -> bool:
    """Return whether set-filter asks for counts of listeners."""
    return _is_true(command, "presence")


def _is_true(command: RawCommand, name: str) -> bool:
    member = json_text.split_object(command.members).get(name)
    return member is not None and bytes(member) == b"true"


def parse_key(command: RawCommand) -> str | None:
    """Read auth: the key that is shown, if it is a text."""
    member = json_text.split_object(command.members).get("key")
    return None if member is None else json_text.decode_string(member)


def encode_position(answer: bytes, position: int) -> bytes:
    """Return an answer to set-filter with the id up to which the listener has everything: ``…,"id":7}``."""
    return b'%b,"id":%d}' % (answer[:-1], position)


def encode_gap_notice(channel: str, after: int, oldest: int) -> bytes:
    """Return ``{"status":"gap","channel":"a","from":5,"oldest":9}``: by ``status`` a client knows it from an event."""
    return b'{"status":"gap",' + commands.encode_gap(channel, after, oldest)[1:]


def encode_revoked_notice(channel: str, reason: str) -> bytes:
    """Return ``{"status":"revoked","channel":"a","reason":"expired"}``: by ``status`` it is known from an event."""
    return b'{"status":"revoked",' + commands.encode_revoked(channel, reason)[1:]


def encode_listeners_notice(channel: str, count: int) -> bytes:
    """Return ``{"status":"listeners","channel":"a","count":3}``: by ``status`` a client knows it from an event."""
    return b'{"status":"listeners",' + commands.encode_listeners(channel, count)[1:]


def _quote(command: RawCommand, name: str) -> str:
    """Return a member as the text that a browser makes of it, or its beginning."""
    member = json_text.split_object(command.members).get(name)
    if member is None:
        return "undefined"
    try:
        value = json_text.decode(bytes(member))
    except ProtocolError:  # a number of thousands of digits
        value = None
    if isinstance(value, str):
        return value[:_LONGEST_QUOTE]
    if isinstance(value, dict):
        return "[object Object]"
    return "" if value == [] else bytes(member)[:_LONGEST_QUOTE].decode("utf-8", "replace")
