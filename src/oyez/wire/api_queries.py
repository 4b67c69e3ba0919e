"""What the HTTP API is asked in an address: parameters of the query, and the channel in a path.

Knows percent-encoding and which parameters there are. Must not know what becomes of them.

Whatever is not known is refused, so that a misspelt parameter is told and not silently ignored.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from oyez.wire import commands
from oyez.wire.api_answers import ApiError

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
DEFAULT_ADDRESSES = 20
ADDRESS_SORTS = ("refusals", "connections", "commands")

_CHANNEL_PATH = re.compile(r"/api/channels/(.*)/(?:history|listeners)", re.DOTALL)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,16}")


class ChannelsQuery(NamedTuple):
    """Which channels are asked for: those that begin with ``prefix`` and come behind ``after``."""

    prefix: str
    after: str
    limit: int


class HistoryQuery(NamedTuple):
    """Which events of a channel are asked for: those with an id above ``since``; None: all that there are."""

    since: int | None
    limit: int


class ListenersQuery(NamedTuple):
    """Which subjects of a channel's listeners are asked for: those that come behind ``after``."""

    after: str
    limit: int


class AddressesQuery(NamedTuple):
    """Which addresses are asked for: those with the most of what ``sort`` names."""

    sort: str
    limit: int


def parse_path(path: bytes) -> str:
    """Take the escapes out of a path. UTF-8 is asked for, with lone surrogates, since names may hold them.

    Raises:
        ApiError: it is something else.
    """
    return _unescape(path, "path")


def find_channel(path: str) -> str | None:
    """Return the channel whose history or listeners a path names, slashes and all; None if it is another path."""
    match = _CHANNEL_PATH.fullmatch(path)
    return match[1] if match else None


def check_channel(name: str, max_length: int) -> None:
    """Require a channel's name in a path.

    Raises:
        ApiError: it is none.
    """
    if not commands.is_channel(name, max_length):
        raise ApiError(400, "invalid-channel", f"A channel's name has 1 to {max_length} characters (UTF-16 units)")


def parse_no_query(query: bytes) -> None:
    """Require that nothing is asked.

    Raises:
        ApiError: there is a parameter.
    """
    _parse_fields(query, ())


def parse_channels_query(query: bytes) -> ChannelsQuery:
    """Read ``prefix``, ``after`` and ``limit``.

    Raises:
        ApiError: a parameter is not known, comes twice, or is out of its range.
    """
    fields = _parse_fields(query, ("prefix", "after", "limit"))
    return ChannelsQuery(fields.get("prefix", ""), fields.get("after", ""), _limit(fields))


def parse_history_query(query: bytes) -> HistoryQuery:
    """Read ``since`` and ``limit``; 0 is no position, as everywhere.

    Raises:
        ApiError: as for `parse_channels_query`.
    """
    fields = _parse_fields(query, ("since", "limit"))
    since = _number(fields, "since", 0, 0, commands.MAX_SAFE_INTEGER)
    return HistoryQuery(since or None, _limit(fields))


def parse_listeners_query(query: bytes) -> ListenersQuery:
    """Read ``after`` and ``limit``.

    Raises:
        ApiError: as for `parse_channels_query`.
    """
    fields = _parse_fields(query, ("after", "limit"))
    return ListenersQuery(fields.get("after", ""), _limit(fields))


def parse_addresses_query(query: bytes) -> AddressesQuery:
    """Read ``sort`` and ``limit``.

    Raises:
        ApiError: as for `parse_channels_query`.
    """
    fields = _parse_fields(query, ("sort", "limit"))
    sort = fields.get("sort", ADDRESS_SORTS[0])
    if sort not in ADDRESS_SORTS:
        raise ApiError(400, "bad-request", f"'sort' must be one of: {', '.join(ADDRESS_SORTS)}")
    return AddressesQuery(sort, _limit(fields, DEFAULT_ADDRESSES))


def _limit(fields: dict[str, str], default: int = DEFAULT_LIMIT) -> int:
    return _number(fields, "limit", default, 1, MAX_LIMIT)


def _number(fields: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = fields.get(name)
    if text is None:
        return default
    if not _WHOLE_NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise ApiError(400, "bad-request", f"'{name}' must be a whole number from {low} to {high}")
    return int(text)


def _parse_fields(query: bytes, known: tuple[str, ...]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for field in query.split(b"&"):
        if not field:
            continue
        raw_name, _, raw_value = field.partition(b"=")
        name = _unescape(raw_name.replace(b"+", b" "), "query")
        if name not in known:
            wanted = ", ".join(known) or "none"
            raise ApiError(400, "bad-request", f"The query parameter '{name[:50]}' is not known; there are: {wanted}")
        if name in fields:
            raise ApiError(400, "bad-request", f"The query parameter '{name}' is given twice")
        fields[name] = _unescape(raw_value.replace(b"+", b" "), f"value of '{name}'")
    return fields


def _unescape(text: bytes, what: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise ApiError(400, "bad-request", f"A percent sign in the {what} is not followed by two hexadecimal digits")
    try:
        return unquote_to_bytes(text).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise ApiError(400, "bad-request", f"The {what} is not UTF-8") from error
