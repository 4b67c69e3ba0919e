"""How an event stands in a row of the SQLite store.

Knows columns. Must not know SQL, or when anything is written.
"""

from typing import NamedTuple

from oyez.hub.publication import MAX_EVENT_ID, Channel, EventId, Publication

_LENGTH_BYTES = 8  # before each attachment, as an unsigned integer with its highest byte first


class Row(NamedTuple):
    """One event, as its columns hold it."""

    id: EventId
    time_ms: int
    channel: str | bytes
    message: str | None
    attachments: bytes | None

    @property
    def size(self) -> int:
        """How long the message and the attachments are, in bytes or nearly so."""
        return len(self.message or "") + len(self.attachments or b"")

    @property
    def is_empty(self) -> bool:
        """Whether it only says from where on its channel is complete, as rows did before there was a table for that."""
        return self.message is None and self.attachments == b""


class Floor(NamedTuple):
    """Events of a channel up to this id may be missing, since they left the file before others."""

    id: EventId
    channel: str | bytes


def as_row(publication: Publication, now_ms: int) -> Row:
    """Make the row of an event that came now, at ``now_ms`` since 1970."""
    message = publication.message
    return Row(
        publication.id,
        now_ms,
        channel_as_stored(publication.channel),
        None if message is None else message.decode(),
        _join(publication.attachments) if publication.attachments else None,
    )


def as_publications(newest_first: list[Row], now: float, now_ms: int) -> list[Publication]:
    """Return the events in rising order; the rows are used up, so that both are never there in full.

    ``now`` and ``now_ms`` are as for `as_publication`.
    """
    publications = []
    while newest_first:
        publications.append(as_publication(newest_first.pop(), now, now_ms))
    return publications


def as_publication(row: Row, now: float, now_ms: int) -> Publication:
    """Make the event of a row; ``now`` and ``now_ms`` are the same moment, on the hub's clock and since 1970."""
    return Publication(
        row.id,
        channel_as_read(row.channel),
        None if row.message is None else row.message.encode(),
        _split(row.attachments),
        now - max(now_ms - row.time_ms, 0) / 1000,
    )


def is_sound(row: Row) -> bool:
    """Return whether a row can have been written by us: SQLite has no checksums, and may read damage as a row."""
    return (
        0 < row.id <= MAX_EVENT_ID
        and isinstance(row.time_ms, int)
        and (isinstance(row.channel, str) or _is_name(row.channel))
        and (row.message is None or isinstance(row.message, str))
        and (row.attachments is None or isinstance(row.attachments, bytes))
    )


def is_sound_floor(floor: Floor) -> bool:
    """Return whether a floor can have been written by us."""
    return isinstance(floor.id, int) and is_sound(Row(floor.id, 0, floor.channel, None, None))


def _is_name(stored: bytes) -> bool:
    try:
        channel_as_read(stored)
    except (AttributeError, UnicodeDecodeError):
        return False
    return True


def channel_as_stored(channel: str) -> str | bytes:
    """Return a channel's name as it is stored: with a lone surrogate as bytes, since that cannot be text in SQLite."""
    if channel.isascii():  # nearly all
        return channel
    try:
        channel.encode()
    except UnicodeEncodeError:
        return channel.encode("utf-8", "surrogatepass")
    return channel


def channel_as_read(stored: str | bytes) -> Channel:
    """Return the name of a channel that is stored so. Raises UnicodeDecodeError for bytes that are no name."""
    return Channel(stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass"))


def _join(attachments: tuple[bytes, ...]) -> bytes:
    return b"".join(len(part).to_bytes(_LENGTH_BYTES) + part for part in attachments)


def _split(joined: bytes | None) -> tuple[bytes, ...]:
    parts: list[bytes] = []
    rest = joined or b""
    while rest:
        end = _LENGTH_BYTES + int.from_bytes(rest[:_LENGTH_BYTES])
        parts.append(rest[_LENGTH_BYTES:end])
        rest = rest[end:]
    return tuple(parts)
