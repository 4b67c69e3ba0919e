"""An event stream as a strict reader of the HTML standard's §9.2.6 sees it, and a socket that follows one.

What a browser would pass over in silence - an unknown field, a retry that is no number, bytes that are not UTF-8 -
fails here: the daemon has no reason to send it.
"""

import json
import re
import socket
from collections import deque
from typing import Any, NamedTuple

from tests.raw import Dropped, dial, read_to_end

_LINE_END = re.compile(rb"\r\n|\n|\r(?!$)")


class Record(NamedTuple):
    """One event that a page would be told: its type, its text, and the position that the page holds from now on."""

    event: str
    data: str
    last_id: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class RecordReader:
    """Takes the bytes of a stream in any pieces.

    Attributes:
        last_id: what the page would name as its position.
        retry_ms: how long it would wait before it comes back.
        comments: how many there were.
        story: each record's type, empty where it has no data, and the position after it.
    """

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry_ms: int | None = None
        self.comments = 0
        self.story: list[tuple[str, str]] = []
        self._unread = b""
        self._id = last_id
        self._event = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[Record]:
        *lines, self._unread = _LINE_END.split(self._unread + data)
        records = []
        for line in lines:
            if line:
                self._take_field(line.decode())
            elif (record := self._dispatch()) is not None:
                records.append(record)
        return records

    def _take_field(self, line: str) -> None:
        if line.startswith(":"):
            self.comments += 1
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id":
            assert "\0" not in value
            self._id = value
        else:
            assert name == "retry", f"a field that there is not: {line[:80]!r}"
            assert re.fullmatch("[0-9]+", value), line
            self.retry_ms = int(value)

    def _dispatch(self) -> Record | None:
        self.last_id = self._id
        data, event, self._data, self._event = self._data, self._event or "message", [], ""
        self.story.append((event if data else "", self.last_id))
        return Record(event, "\n".join(data), self.last_id) if data else None


class Stream(Dropped):
    """The answer to one GET, read when it is asked for and not before."""

    def __init__(self, port: int, target: str, *, receive_buffer: int | None = None, **headers: str) -> None:
        self.link: socket.socket = dial(port, receive_buffer=receive_buffer)
        fields = {"Host": "127.0.0.1"} | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self.link.sendall("\r\n".join(lines).encode())
        head, _, self._begun = self._read_head().partition(b"\r\n\r\n")
        status, *rest = head.decode().split("\r\n")
        self.status = int(status.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        self.reader = RecordReader()
        self._records: deque[Record] = deque()

    def _read_head(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            part = self.link.recv(65536)
            assert part, f"the answer ends within its head: {data!r}"
            data += part
        return data

    def record(self) -> Record:
        """Give the next record; comments are passed over."""
        while not self._records:
            data = self.some()
            if not data:
                raise EOFError("the stream has ended")
            self._records += self.reader.feed(data)
        return self._records.popleft()

    def some(self) -> bytes:
        """Give what has come, as it is; what was given here is no record any more."""
        data, self._begun = self._begun or self.link.recv(1 << 18), b""
        return data

    def comment(self) -> None:
        """Wait for one more sign of life."""
        seen = self.reader.comments
        while self.reader.comments == seen:
            self._records += self.reader.feed(self.some())

    def rest(self) -> bytes:
        """Give all that comes until the end, as it is."""
        begun, self._begun = self._begun, b""
        return begun + read_to_end(self.link)

    def drop(self) -> None:
        self.link.close()
