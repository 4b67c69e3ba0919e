"""One connection to the daemon's event stream: what arrives on it, as events, gaps and words on its state.

It must not know what happens when the connection ends, but for the reason that it gives.
"""

import http.client
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from oyez.client.errors import BadAnswer, Refused, TimedOut, Unreachable
from oyez.client.event_stream import EventStream, Record, TooLong
from oyez.client.events import NO_MESSAGE, Event, Gap, Unreadable
from oyez.client.failures import explain, refusal
from oyez.client.sockets import connect, cut, until
from oyez.client.target import Target

CONNECT_TIMEOUT_S = 5.0
OPEN_TIMEOUT_S = 10.0
_PATH = "/sse"
_CHUNK_BYTES = 65_536
_MAX_REFUSAL_BYTES = 65_536
_MOST_DIGITS = 16  # of an id, which is below 2^53
_MAX_RECORD_BYTES = 2**26  # far above what back ends may post

_FORBIDDEN = 403  # as a poll would be answered; a stream always begins with 200
_NOT_ALLOWED = "not-allowed"

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
# An event as the daemon writes it: where the message stands can be told without reading it.
_EVENT = re.compile(r'\{"id":(\d{1,16}),"channel":("(?:[^"\\]|\\.)*"),"message":(.*)\}', re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ready:
    """The daemon has subscribed the channels; it begins behind the stream's position."""


Arrival = Event | Gap | Ready


class NoRoom(Unreachable):
    """The daemon has no room now, and has said when to ask again (`ClientStream.retry_s`)."""


class BadRecord(BadAnswer):
    """A record is not what the daemon writes; it would be the same another time."""


class ClientStream:
    """A connection that was made; `open` has to come next. All raises are of PosterError.

    One thread makes and reads it. `cut` may be called from any.
    """

    def __init__(self, target: Target, silence_s: float) -> None:
        self._target = target
        self._silence_s = silence_s
        self._stream = EventStream(_MAX_RECORD_BYTES)
        self._answer: BaseHTTPResponse | None = None
        deadline = time.monotonic() + OPEN_TIMEOUT_S
        try:
            with until(deadline):
                self._connection, self._socket = connect(target, CONNECT_TIMEOUT_S)
        except (HTTPError, OSError) as error:
            raise explain(error, target, CONNECT_TIMEOUT_S) from error
        self._open_until = deadline

    @property
    def retry_s(self) -> float | None:
        """The pause that the daemon asks for before the next connection; None if it named none."""
        return None if self._stream.retry_ms is None else self._stream.retry_ms / 1000

    @property
    def position(self) -> int | None:
        """The newest id that the stream has named: of the event last yielded; before the first, where it begins."""
        named = self._stream.last_id
        return int(named) if named.isdecimal() and len(named) <= _MOST_DIGITS else None

    def open(self, channels: Sequence[str], position: int | None) -> None:
        """Ask for the channels' events behind an id, and read the head of the answer."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if position is not None:
            headers["Last-Event-ID"] = str(position)
        path = f"{self._target.path_of(_PATH)}?{urlencode([('channel', name) for name in channels])}"
        try:
            with until(self._open_until):
                self._connection.request("GET", path, headers=headers, preload_content=False, decode_content=False)
                self._answer = self._connection.getresponse()
                self._check(self._answer)
        except (HTTPError, OSError, http.client.HTTPException) as error:
            raise explain(error, self._target, OPEN_TIMEOUT_S) from error

    def arrivals(self) -> Iterator[Arrival]:
        """Yield what arrives until the connection ends, which is an error always."""
        while True:
            for record in self._read():
                arrival = self._understand(record)
                if arrival is not None:
                    yield arrival

    def cut(self) -> None:
        """End the connection at once, whoever reads from it."""
        cut(self._socket)

    def close(self) -> None:
        """Let go of the socket; for the thread that reads."""
        if self._answer is not None:
            self._answer.close()
        self._connection.close()

    def _read(self) -> Iterator[Record]:
        assert self._answer is not None
        try:
            with until(time.monotonic() + self._silence_s):
                data = self._answer.read1(_CHUNK_BYTES)
        except (HTTPError, OSError, http.client.HTTPException) as error:
            failure = explain(error, self._target, self._silence_s)
            if isinstance(failure, TimedOut):
                raise TimedOut(f"{self._target} was silent for {self._silence_s:g} s") from error
            raise failure from error
        if not data:
            raise Unreachable(f"{self._target} ended the stream")
        try:
            yield from self._stream.feed(data)
        except TooLong as error:
            raise BadRecord(f"a record of the stream is longer than {_MAX_RECORD_BYTES} bytes") from error

    def _check(self, answer: BaseHTTPResponse) -> None:
        if answer.status != 200:
            raise refusal(answer.status, answer.read(_MAX_REFUSAL_BYTES))
        kind = answer.headers.get("Content-Type", "")
        if kind.partition(";")[0].strip().lower() != "text/event-stream":
            raise BadAnswer(f"{self._target} answers {kind or 'something'} where an event stream is due")

    def _understand(self, record: Record) -> Arrival | None:
        if record.type not in {"message", "gap", "status"}:
            return None
        if record.type == "message":
            return self._read_event(record.data)
        try:
            body = json.loads(record.data)
            if record.type == "gap":
                return Gap(_text(body["channel"]), _number(body["from"]), _number(body["oldest"]))
            is_ready = body["status"] == "success"
            if body.get("code") == _NOT_ALLOWED:  # it stays so, however often one asks with these names
                raise Refused(_FORBIDDEN, _NOT_ALLOWED, _text(body["message"]))
        except _UNREADABLE as error:
            raise BadRecord(f"a record of the stream cannot be read ({error}): {record.data[:80]}") from error
        if is_ready:
            return Ready()
        raise NoRoom(f"{self._target} has no room for another listener")

    def _read_event(self, data: str) -> Event | None:
        """Read an event. What is wrong with it costs this one only, if it has an id at all; else it is passed over."""
        try:
            body = json.loads(data)
            return Event(_number(body["id"]), _text(body["channel"]), body.get("message", NO_MESSAGE))
        except _UNREADABLE as error:
            reason = str(error)
        parts = _EVENT.fullmatch(data)
        try:
            if parts is not None:
                return Event(int(parts[1]), json.loads(parts[2]), Unreadable(parts[3], reason))
        except ValueError:  # the name is no text
            pass
        return None if self.position is None else Event(self.position, "", Unreadable(data, reason))


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError("an id is no number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a channel is no text")
    return value
