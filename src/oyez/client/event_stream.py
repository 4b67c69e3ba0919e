"""The event stream format: bytes in, records out, by the HTML standard (§9.2.6, "Interpreting an event stream").

It must not know where the bytes come from, nor what the records mean.
"""

from collections.abc import Iterator
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_MOST_DIGITS = 15  # of a pause in milliseconds; longer ones are ignored


class TooLong(Exception):  # noqa: N818 - says what is wrong with the record
    """A record is longer than the reader has room for."""


class Record(NamedTuple):
    """One record that has data: its type (``message`` if it names none) and its data, lines joined by line feeds."""

    type: str
    data: str


class EventStream:
    """Reads one stream, cut anywhere. It holds one record at most, of up to `max_record_bytes`.

    Attributes:
        last_id: the newest id that a complete record named, with data or without; empty before the first.
        retry_ms: the pause that the stream asks for before a new connection; None before it did.
    """

    def __init__(self, max_record_bytes: int) -> None:
        self.last_id = ""
        self.retry_ms: int | None = None
        self._max_bytes = max_record_bytes
        self._rest = bytearray()  # of a line whose end has not come
        self._ends_in_cr = False  # a line feed that comes next belongs to a line that was taken
        self._is_first_line = True
        self._type = ""
        self._id = ""
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Record]:
        """Take bytes and yield the records that end in them. What follows is not read before it is asked for.

        Raises TooLong; the stream is of no use then.
        """
        if not data:
            return
        if self._ends_in_cr and data.startswith(b"\n"):
            data = data[1:]
        self._ends_in_cr = data.endswith(b"\r")
        lines = data.splitlines()
        tail = b"" if data.endswith((b"\r", b"\n")) or not lines else lines.pop()
        for line in lines:
            self._rest += line
            whole = bytes(self._rest)
            self._rest.clear()
            self._check_size(len(whole))
            record = self._take_line(whole)
            if record is not None:
                yield record
        self._rest += tail
        self._check_size(len(self._rest))

    def _check_size(self, pending: int) -> None:
        if len(self._data) + pending > self._max_bytes:
            raise TooLong

    def _take_line(self, line: bytes) -> Record | None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._end_record()
        name, _, value = line.partition(b":")  # of a comment the name is empty
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data += value
            self._data += b"\n"
        elif name == b"event":
            self._type = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _MOST_DIGITS:
            self.retry_ms = int(value)
        return None

    def _end_record(self) -> Record | None:
        self.last_id = self._id
        kind, data = self._type, bytes(self._data)
        self._type = ""
        self._data.clear()
        return Record(kind or "message", data[:-1].decode(errors="replace")) if data else None
