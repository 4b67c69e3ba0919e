"""The door of event streams: what EventSource follows.

It must not know who posts.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import urlencode

from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask, asked
from oyez.cli.probe.sockets import STEP_S
from oyez.cli.selftest.expectations import Mismatch, NotOffered, parse_object, require, require_equal
from oyez.cli.selftest.tables import Table
from oyez.cli.selftest.visit import Visit, is_elsewhere

EVENT_STREAM: Table["StreamGuest"] = Table()

_LONGEST_HEARTBEAT_S = 60.0
_FEW = 4

Record = dict[str, str]
"""The fields of a record; lines of data are joined, and a comment is under the empty name."""


class StreamGuest:
    """A listener of this door."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    @property
    def silenced(self) -> str:
        """Why nothing can be posted."""
        return self.visit.silenced

    @cached_property
    def path(self) -> str:
        """Where the door is."""
        return self.visit.path_to(self.visit.main, "sse")

    def target(self, query: Sequence[tuple[str, str]]) -> str:
        """Give the path of a stream."""
        return f"{self.path}?{urlencode(query)}"

    @contextmanager
    def stream(
        self,
        channels: Sequence[str],
        last: int | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        limit_s: float = STEP_S,
    ) -> Iterator[tuple[Answer, Iterator[Record]]]:
        """Lend a stream: the head of the answer, and the records with the comments between them."""
        query = [("channel", name) for name in channels]
        if last is not None:
            query.append(("last", str(last)))
        accept = {"Accept": "text/event-stream", **(headers or {})}
        with asked(self.visit.main, self.target(query), headers=accept, limit_s=limit_s) as pending:
            answer, lines = pending.stream()
            if answer.status != 200:
                raise Mismatch("status 200", f"status {answer.status}")
            yield answer, _records(lines)

    @contextmanager
    def records(self, channels: Sequence[str], last: int | None = None, **headers: str) -> Iterator[Iterator[Record]]:
        """Lend the records of a stream, but for the status, which has come first."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.stream(channels, last, headers=named) as (_, records):
            require_equal(next(records).get("event"), "status")
            yield (record for record in records if "data" in record)


def _records(lines: Iterator[str]) -> Iterator[Record]:
    """Read records by the HTML standard (§9.2.6), as far as the daemon writes them."""
    record: Record = {}
    for line in lines:
        text = line.rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            record[name] = f"{record[name]}\n{value}" if name in record else value
        elif record:
            yield record
            record = {}
    raise Mismatch("another record", "the end of the stream")


def _expect_event(record: Record, event: dict[str, object]) -> None:
    require_equal(parse_object(record.get("data", "")), event)
    require_equal(record.get("id"), str(event["id"]))
    require("event" not in record, "no type", record)


@EVENT_STREAM.check("opens", "A stream opens, as text/event-stream that nobody stores or holds back.")
def _open(guest: StreamGuest) -> None:
    answer = ask(guest.visit.main, guest.target([]))
    if is_elsewhere(answer):
        raise NotOffered(f"HTTP status {answer.status}")
    with guest.stream([guest.visit.new_channel()]) as (answer, _):
        wanted = {"content-type": "text/event-stream", "cache-control": "no-store"}
        for name, value in wanted.items():
            came = answer.headers.get(name, "")
            require(value in came, f"{name}: {value}", came or "no such header")


@EVENT_STREAM.check("status-first", "The first record is the status; it names a position and a pause.")
def _begin_with_status(guest: StreamGuest) -> None:
    with guest.stream([guest.visit.new_channel()]) as (_, records):
        record = next(records)
    require_equal([record.get("event"), parse_object(record.get("data", ""))], ["status", {"status": "success"}])
    for name in ("id", "retry"):
        require(record.get(name, "").isdecimal(), f"a number as {name}", record)


@EVENT_STREAM.check("refuses-bad-channels", "A stream of no channel, or of a bad one, is refused with 400.")
def _refuse(guest: StreamGuest) -> None:
    for query in ([], [("channel", "")], [("channel", "x" * 2000)]):
        answer = ask(guest.visit.main, guest.target(query))
        require(answer.status == 400, "status 400", f"status {answer.status}")
        require_equal(parse_object(answer.body).get("code"), "invalid-filter")


@EVENT_STREAM.check("delivered", "What is posted reaches who follows the channel, and nothing else does.", posts=True)
def _deliver(guest: StreamGuest) -> None:
    ours, others = guest.visit.new_channel(), guest.visit.new_channel()
    events: list[dict[str, object]] = [{"channel": ours, "message": {"a": ["é", None]}}, {"channel": ours}]
    with guest.visit.poster() as poster, guest.records([ours, ours]) as records:
        poster.post({"channel": others, "message": 1})
        for event in events:
            event_id = poster.post(event)
            _expect_event(next(records), {"id": event_id, **event})


@EVENT_STREAM.check(
    "catch-up-in-order", "Behind the id in the query or the header Last-Event-ID, all comes in order.", posts=True
)
def _catch_up(guest: StreamGuest) -> None:
    channels = [guest.visit.new_channel(), guest.visit.new_channel()]
    with guest.visit.poster() as poster:
        posted = [{"channel": channels[n % 2], "message": n} for n in range(_FEW)]
        events = [{"id": poster.post(event), **event} for event in posted]
        start = int(str(events[0]["id"]))
        for streamed in (guest.records(channels, start), guest.records(channels, 1, Last_Event_ID=str(start))):
            with streamed as records:
                for event in events[1:]:
                    _expect_event(next(records), event)


@EVENT_STREAM.check("gap", "Who comes back from before all memory is told of a gap.")
def _tell_gap(guest: StreamGuest) -> None:
    channel = guest.visit.new_channel()
    with guest.stream([channel], 1) as (_, records):
        require_equal(parse_object(next(records).get("data", "")), {"status": "success", "recovered": False})
        record = next(records)
    gap = parse_object(record.get("data", ""))
    require_equal([record.get("event"), gap.get("channel"), gap.get("from")], ["gap", channel, 1])


@EVENT_STREAM.check("heartbeat", "A stream on which nothing happens shows a sign of life.", slow=True)
def _beat(guest: StreamGuest) -> None:
    with guest.stream([guest.visit.new_channel()], limit_s=_LONGEST_HEARTBEAT_S) as (_, records):
        next(records)
        for _ in range(2):  # the first comes behind the replay, the second when its time has come
            record = next(records)
            require("" in record and "data" not in record, "a comment", record)
