"""Channels and a position in a URL: how listeners without a socket of their own name them.

Knows percent-encoding and the two forms, of a long poll's path and of a stream's query. Must not know who listens.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from oyez.errors import ProtocolError
from oyez.wire import commands
from oyez.wire.commands import Measure

SEPARATOR = "|"

MOST_EVENTS = 256
"""Events of one answer to a poll; who asks for more gets as many."""

_MOST_FIELDS = 100
_MOST_DIGITS = 9
# By these, libraries ask for a script that calls them back.
_OF_SCRIPTS = frozenset(("callback", "jsonp"))

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class WordedError(ProtocolError):
    """One that pages of old never cause, so that its words may stand where those expect others."""


class ListenQuery(NamedTuple):
    """What a listener asks for."""

    channels: list[str]
    start: int | None
    """The id up to which it has everything; None: it named none."""
    notify: bool
    """It wants to be told of a gap at once."""
    nowait: bool
    """It wants an answer at once even if there is nothing to tell."""
    at_most: int | None = None
    """How many events it takes with one answer, which is then a list; None: one, as it is."""
    presence: bool = False
    """It wants to be told how many listen; of a stream only."""


def parse_poll(
    path: bytes,
    query: bytes,
    last_event_id: str | None,
    *,
    max_channels: int,
    max_length: int,
    measure: Measure | None = None,
) -> ListenQuery:
    """Read ``a|b`` and ``last=N&notify=1&nowait=1&max=N``.

    Args:
        path: what stands behind ``/channels/``, as it came: browsers write the separator as it is, or escape it.
        query: likewise.
        last_event_id: the header.
        max_channels: how many may be named.
        max_length: of a name, in UTF-16 units.
        measure: returns that part of a name whose length counts; None: all of it.

    Raises:
        ProtocolError: there is no channel, one too many, or one that cannot be; the escapes cannot be read; or ``max``
            is no number.
    """
    pairs = _parse_fields(query)
    fields = dict(pairs)
    names = _unescape(path).split(SEPARATOR)
    checked = _checked(names, max_channels, max_length, measure)
    start = _start(pairs, last_event_id)
    return ListenQuery(checked, start, _is_set(fields, "notify"), _is_set(fields, "nowait"), _at_most(fields))


def parse_stream(
    query: bytes, last_event_id: str | None, *, max_channels: int, max_length: int, measure: Measure | None = None
) -> ListenQuery:
    """Read ``channel=a&channel=b`` or ``channels=a|b``, ``last=N`` and ``presence=1``.

    Raises:
        ProtocolError: as for `parse_poll`.
    """
    pairs = _parse_fields(query)
    names = [value for name, value in pairs if name == "channel"]
    names += [part for name, value in pairs if name == "channels" for part in value.split(SEPARATOR)]
    start = _start(pairs, last_event_id)
    checked = _checked(names, max_channels, max_length, measure)
    return ListenQuery(checked, start, notify=True, nowait=False, presence=_is_set(dict(pairs), "presence"))


def _parse_fields(query: bytes) -> list[tuple[str, str]]:
    if _BAD_ESCAPE.search(query):
        raise ProtocolError("a percent sign in the query is not followed by two hexadecimal digits")
    if query.count(b"&") >= _MOST_FIELDS:
        raise WordedError(f"the query is too long: it has too many fields, {_MOST_FIELDS} are the most")
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise ProtocolError("the query is not UTF-8") from error
    if any(name in _OF_SCRIPTS and value for name, value in pairs):
        raise WordedError("JSONP is not spoken: ask by fetch, which pages of other origins may do as well")
    return pairs


def _unescape(path: bytes) -> str:
    if _BAD_ESCAPE.search(path):
        raise ProtocolError("a percent sign in the path is not followed by two hexadecimal digits")
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("the path is not UTF-8") from error


def _checked(names: list[str], max_channels: int, max_length: int, measure: Measure | None) -> list[str]:
    names = [name for name in dict.fromkeys(names) if name]
    if not names:
        raise ProtocolError("no channel is named")
    if len(names) > max_channels:
        raise ProtocolError(commands.too_many_subscriptions(max_channels).message)
    for name in names:
        if not commands.is_channel(name if measure is None else measure(name), max_length):
            raise ProtocolError(commands.invalid_channel_in_filter(max_length).message)
    return names


def _start(pairs: list[tuple[str, str]], last_event_id: str | None) -> int | None:
    """Find the position, where it was said last.

    The header is set by a browser when it comes back; the parameter of its name by scripts that stand in for
    EventSource, likewise; ``last`` stays what it was when the page was made. What names no event is passed over: some
    write ``null`` as long as they have none.
    """
    of_scripts = [value for name, value in pairs if _is_last_event_id(name)]
    said = filter(None, [last_event_id, *reversed(of_scripts), dict(pairs).get("last")])
    return next((position for position in map(commands.read_position, said) if position is not None), None)


def _is_last_event_id(name: str) -> bool:
    """Know ``lastEventId``, ``last_event_id``, ``Last-Event-ID`` and ``evs_last_event_id``.

    Scripts that stand in for EventSource say it so.
    """
    return name.lower().removeprefix("evs_").replace("-", "").replace("_", "") == "lasteventid"


def _is_set(fields: dict[str, str], name: str) -> bool:
    return fields.get(name) in ("1", "true")


def _at_most(fields: dict[str, str]) -> int | None:
    text = fields.get("max")
    if text is None:
        return None
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()):
        raise WordedError(f"max has to be a whole number from 1 on, of which {MOST_EVENTS} is the most that counts")
    return min(int(digits[:_MOST_DIGITS]), MOST_EVENTS)  # of a longer number, these are above it
