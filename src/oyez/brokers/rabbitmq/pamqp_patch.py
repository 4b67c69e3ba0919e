"""A patch of pamqp: what stands beside a message's body is any poster's, and must not end the connection.

Knows how the client library reads values. Must not know which of them matter.

The library takes the whole connection down for a value that Python cannot hold: a timestamp in microseconds, a text in
Latin-1. RabbitMQ takes and keeps such messages, so a stream would deliver it again after each reconnect.
"""

import contextlib
from datetime import UTC, datetime

from pamqp import decode
from pamqp.common import FieldTable, FieldValue

_EPOCH = datetime.fromtimestamp(0, UTC)


def _read_text(value: bytes) -> tuple[int, str]:
    end = 1 + value[0] if value else 1
    return end, value[1:end].decode("utf-8", "replace")


def _read_time(value: bytes) -> tuple[int, datetime]:
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        return 8, _EPOCH


def _read_table(value: bytes) -> tuple[int, FieldTable]:
    """Return the members up to the first that cannot be read; RabbitMQ puts its own in front."""
    end = 4 + int.from_bytes(value[:4])
    table: dict[str, FieldValue] = {}
    at = 4
    with contextlib.suppress(Exception):  # whatever it is, it is the poster's
        while at < end:
            length, key = _read_text(value[at:end])
            at += length
            length, table[key] = decode.embedded_value(value[at:end])
            at += length
    return end, table


def read_leniently() -> None:
    """Make the library read texts, times and tables so, in the whole process."""
    decode.METHODS.update(shortstr=_read_text, timestamp=_read_time, table=_read_table)
    decode.TABLE_MAPPING.update({b"T": _read_time, b"F": _read_table})
