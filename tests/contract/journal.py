"""A broker of few lines, as an example: one line of JSON in a file for each call of `publish`."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from oyez.errors import BrokerError
from oyez.hub.broker import Deliver, Lose, Settle
from oyez.hub.publication import Channel, EventId, Post, Publication


class JournalBroker:
    """Ids are milliseconds since 1970. What is settled is in the system's hands, so it outlives the process."""

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._clock = clock
        self._wall_clock = wall_clock
        self.available = False

    async def start(self, deliver: Deliver, lose: Lose) -> EventId:
        """Read the journal; a new one begins with its horizon, and knows nothing of what was before."""
        self._deliver = deliver
        try:
            self._path.touch()
            lines = self._path.read_bytes().splitlines(keepends=True) or [b"%d\n" % self._now_ms()]
            if not lines[-1].endswith(b"\n"):
                lines.pop()  # the process was killed while it wrote: that was never settled
            horizon, kept = EventId(int(lines[0])), list(self._read(lines[1:]))
            self._path.write_bytes(b"".join(lines))
        except (OSError, ValueError) as error:
            raise BrokerError(f"{self._path} cannot be read: {error}", temporary=False) from error
        self._size = sum(map(len, lines))
        self._last = kept[-1].id if kept else horizon
        deliver(kept)
        self.available = True
        self._stopped = False
        return horizon

    def _read(self, lines: Sequence[bytes]) -> Iterator[Publication]:
        now, now_ms = self._clock(), self._now_ms()
        for line in lines:
            for event, time_ms, channel, message, attachments in json.loads(line):
                yield Publication(
                    EventId(event),
                    Channel(channel),
                    None if message is None else message.encode(),
                    tuple(map(bytes.fromhex, attachments)),
                    now - max(now_ms - time_ms, 0) / 1000,
                )

    def _now_ms(self) -> int:
        return int(self._wall_clock() * 1000)

    def publish(self, posts: Sequence[Post], settle: Settle) -> None:
        """Write the posts, deliver them, and settle."""
        if self._stopped:
            settle(BrokerError("the journal is closed", temporary=True))
            return
        now, now_ms = self._clock(), self._now_ms()
        first = max(self._last + 1, now_ms)
        events = [
            Publication(EventId(first + place), post.channel, post.message, post.attachments, now)
            for place, post in enumerate(posts)
        ]
        try:
            self._write(events, now_ms)
        except OSError as error:
            self.available = False
            settle(BrokerError(f"{self._path} cannot be written: {error.strerror}", temporary=True))
            return
        self.available = True
        if events:
            self._last = events[-1].id
            self._deliver(events)
        settle([event.id for event in events])

    def _write(self, events: Sequence[Publication], now_ms: int) -> None:
        row = [
            (event.id, now_ms, event.channel, event.message and event.message.decode(), _hex(event.attachments))
            for event in events
        ]
        line = json.dumps(row).encode() + b"\n"
        with self._path.open("r+b") as file:
            file.seek(self._size)  # over the rest of a write that failed
            file.write(line)
            file.truncate()
        self._size += len(line)

    def last_id(self) -> EventId:
        """Give the newest id; the horizon before the first post."""
        return self._last

    def reach_back(self, start: EventId) -> EventId:
        """Take a client's word: no clock but this one gives ids."""
        return start

    async def stop(self) -> None:
        """Take no more posts; every other is settled."""
        self.available = False
        self._stopped = True


def _hex(attachments: Sequence[bytes]) -> list[str]:
    return [part.hex() for part in attachments]
