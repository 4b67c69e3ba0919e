"""A poster and a listener at each of the doors.

Knows how each door is asked to post, and for events. Must not know what is posted, nor what should come.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from oyez.contract import expect
from oyez.contract.expect import Mismatch, NotOffered
from oyez.contract.findings import Door
from oyez.contract.links import RawLink, SocketIOLink, socketio_opened
from oyez.contract.run import NO_KEY, Run
from oyez.errors import OyezError
from oyez.probe import websocket
from oyez.probe.answer import Answer
from oyez.probe.dialer import STEP_S
from oyez.probe.exchange import Pending, asked
from oyez.probe.http_doors import Record, call_api, read_records, stream_asked
from oyez.probe.socketio import Dial, by_polling, by_websocket

Event = Mapping[str, object]
"""A channel and, perhaps, a message; of one that was posted the id, too."""


class DoorPoster:
    """A back end: what sends a command and returns the answer to it, or raises Mismatch or OyezError."""

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def post(self, event: Event) -> int:
        """Post an event; returns its id."""
        return expect.success_id(self._call("post", **event))

    def last(self) -> int:
        """Ask for the newest id, and return it."""
        return expect.success_id(self._call("last-msg"))


@contextmanager
def api_poster(run: Run) -> Iterator[DoorPoster]:
    """Open a poster that calls the HTTP API. Raises Mismatch unless the key is taken."""

    def call(command: str, **event: object) -> object:
        path = {"post": "/publish", "last-msg": "/last"}[command]
        answer = call_api(run.main, run.key, path, event or None, limit_s=run.step_s)
        return {"status": "success", "id": expect.an_id(expect.body(answer))}

    expect.that(run.key != "", "a key", "none")
    poster = DoorPoster(call)
    poster.last()
    yield poster


@contextmanager
def raw_link(run: Run, who: str) -> Iterator[RawLink]:
    """Connect by raw WebSocket: a listener, a poster, or a stranger to the posters' door who shows no key."""
    place, path = (run.main, run.raw_path) if who == "listener" else (run.post, run.post.path or "/")
    with websocket.opened(place, path, limit_s=run.step_s) as link:
        raw = RawLink(link, run.step_s)
        if who == "poster" and run.key:
            answer = raw.ask("auth", key=run.key)
            # Daemons of old know no keys, and posters of old carry on then.
            expect.that(answer.get("status") == "success" or answer.get("code") == "bad-command", "a success", answer)
        yield raw


@contextmanager
def raw_poster(run: Run) -> Iterator[DoorPoster]:
    """Post by raw WebSocket, without a key where none is given: some addresses need none."""
    with raw_link(run, "poster") as link:
        poster = DoorPoster(link.ask)
        poster.last()  # raises unless it may post
        yield poster


def socketio_link(dial: Dial) -> Callable[[Run, str], AbstractContextManager[SocketIOLink]]:
    """Connect by Socket.IO: a listener, a sender, or a stranger who has not joined."""

    @contextmanager
    def connect(run: Run, who: str) -> Iterator[SocketIOLink]:
        auth: dict[str, object] = {"role": "client"} if who == "listener" else {"role": "sender", "token": run.key}
        with socketio_opened(run.main, dial, run.step_s) as link:
            if who in ("listener", "sender"):
                link.join(auth, expected=f"an answer that lets the {who} in")
            yield link

    return connect


@contextmanager
def socketio_poster(run: Run, dial: Dial = by_websocket) -> Iterator[DoorPoster]:
    """Open a poster that sends its commands by Socket.IO, as a sender with the key."""
    with socketio_link(dial)(run, "sender") as link:
        yield DoorPoster(link.call)


class PollFollower:
    """A listener of the long poll, who asks again with the id of each answer."""

    def __init__(self, run: Run, opened: ExitStack) -> None:
        self._run = run
        self._opened = opened
        self._pending: Pending | None = None
        self._last = 0

    def follow(self, channels: Sequence[str], start: object = None) -> None:
        """Send the first poll; `take_event` waits for its answer."""
        self._names = "|".join(channels)
        self._pending = self._ask(self._names + ("" if start is None else f"?last={start}"))

    def take_event(self) -> object:
        """Return what the next answer brings."""
        answer = (self._pending or self._ask(f"{self._names}?last={self._last}")).answer()
        expect.status(answer, 200)
        kind = answer.headers.get("content-type", "")
        expect.that(kind.startswith("application/json"), "Content-Type: application/json", kind)
        event = expect.object_of(answer.body)
        self._pending, self._last = None, expect.an_id(event)
        return event

    def _ask(self, names_and_query: str) -> Pending:
        return self._opened.enter_context(asked(self._run.poll, self._run.poll_path + names_and_query))


class StreamFollower:
    """A listener of an event stream.

    Attributes:
        head: of the answer that the last stream came with.
        records: the stream's, as they come.
    """

    head: Answer
    records: Iterator[Record]

    def __init__(self, run: Run, opened: ExitStack) -> None:
        self._run = run
        self._opened = opened

    def open(self, channels: Sequence[str], start: object = None, last_id: str = "", limit_s: float = STEP_S) -> None:
        """Open a stream; its first record is still to be read."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        place, path = self._run.main, self._run.stream_path
        asked_for = stream_asked(place, path, channels, start, headers=headers, limit_s=limit_s)
        self.head, lines = self._opened.enter_context(asked_for).stream()
        expect.that(self.head.status == 200, "status 200", f"status {self.head.status}")
        self.records = _endless(read_records(lines))

    def follow(self, channels: Sequence[str], start: object = None, last_id: str = "") -> None:
        """Open a stream and read its status."""
        self.open(channels, start, last_id)
        expect.equal(next(self.records).get("event"), "status")

    def take_event(self) -> object:
        """Return the data of the next record that is no comment."""
        record = next(record for record in self.records if "data" in record)
        event = expect.object_of(record["data"])
        expect.equal(record.get("id"), str(event.get("id")))
        expect.that("event" not in record, "no type", record)
        return event


def _endless(records: Iterator[Record]) -> Iterator[Record]:
    yield from records
    raise Mismatch("another record", "the end of the stream")


class HistoryFollower:
    """A caller of the HTTP API, who asks for what has come."""

    def __init__(self, run: Run, _: ExitStack) -> None:
        self._run = run

    def follow(self, channels: Sequence[str], start: object = None) -> None:
        """Take note of one channel. Raises NotOffered without the key."""
        if not self._run.key:
            raise NotOffered(NO_KEY)
        self._path = f"/channels/{channels[0]}/history?since={start}"

    def take_event(self) -> object:
        """Return the only event that there is."""
        events = expect.body(call_api(self._run.main, self._run.key, self._path)).get("events")
        return events[0] if isinstance(events, list) and len(events) == 1 else events


DoorFollower = RawLink | SocketIOLink | PollFollower | StreamFollower | HistoryFollower
"""Whoever can `follow` channels and `take_event`; both raise Mismatch or OyezError when something else comes."""


Connect = Callable[[Run, str], AbstractContextManager[DoorFollower]]
"""Opens a listener of a door, or whoever else can speak there."""


def _http(follower: Callable[[Run, ExitStack], DoorFollower]) -> Connect:
    @contextmanager
    def connect(run: Run, _: str) -> Iterator[DoorFollower]:
        with ExitStack() as opened:
            yield follower(run, opened)

    return connect


LISTENERS: dict[Door, Connect] = {
    Door.SOCKETIO: socketio_link(by_websocket),
    Door.POLLING: socketio_link(by_polling),
    Door.WEBSOCKET: raw_link,
    Door.LONG_POLL: _http(PollFollower),
    Door.SSE: _http(StreamFollower),
    Door.API: _http(HistoryFollower),
}

OpenPoster = Callable[[Run], AbstractContextManager[DoorPoster]]

# Whether or not the daemon has the door; the best one first.
_POSTERS: dict[Door, OpenPoster] = {
    Door.API: api_poster,
    Door.SOCKETIO: socketio_poster,
    Door.POST: raw_poster,
    Door.POLLING: lambda run: socketio_poster(run, by_polling),
}


def posters_of(run: Run) -> dict[Door, OpenPoster]:
    """Find the doors that let this run post, the one that is asked first at the front."""
    return run.once("posters", lambda: {door: opened for door, opened in _POSTERS.items() if may_post(run, door)})


def may_post(run: Run, door: Door) -> bool:
    """Return whether a door lets this run post: it is there, and takes the key, or needs none."""
    try:
        with _POSTERS[door](run):
            return True
    except (OyezError, Mismatch):
        return False


def any_poster(run: Run) -> AbstractContextManager[DoorPoster]:
    """Post at whichever door takes posts."""
    return next(iter(posters_of(run).values()))(run)
