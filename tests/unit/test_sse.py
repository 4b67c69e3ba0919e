"""Is a stream kept while its reader takes something, and cut off when it takes nothing?"""

from collections.abc import Sequence

import pytest

from oyez.endpoints.sse import EventStreamEndpoint, StreamListener
from oyez.hub.publication import Channel
from oyez.limits import LimitSettings
from oyez.net.http.handshake import Handshake, PutOff, Refusal
from oyez.net.http.settings import HttpSettings
from oyez.net.http.takeover import take_stream
from oyez.net.stream import StreamConnection, StreamReceiver
from oyez.net.ticker import Ticker
from oyez.notes import Notes
from tests.eventsource import RecordReader
from tests.fake_sockets import Callbacks, Loop, Socket
from tests.fakes import World, context_of, places_for


class StreamCallbacks(Callbacks):
    """Callbacks with streams behind them."""

    def __init__(self, endpoint: EventStreamEndpoint) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.max_sockets = 10
        self.admitted: list[StreamReceiver | Refusal | PutOff] = []

    def is_stream(self, target: bytes) -> bool:
        return True

    def admit_stream(self, request: Handshake) -> StreamReceiver | Refusal | PutOff:
        self.admitted.append(self.endpoint.admit(request))
        return self.admitted[-1]


class Door:
    """The door of streams, without sockets."""

    def __init__(self, seats: int = 2) -> None:
        self.world = World()
        self.notes = Notes(self.world.clock)
        self.places = places_for(seats)
        ticker, limits = Ticker(clock=self.world.clock), LimitSettings(max_subscriptions=3, max_channel_length=10)
        self.context = context_of(self.world.hub, self.notes, ticker=ticker, limits=limits, places=self.places)
        self.endpoint = EventStreamEndpoint(self.context, HttpSettings())
        self.callbacks = StreamCallbacks(self.endpoint)

    def open(
        self, target: bytes = b"/sse?channel=a", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> tuple[StreamConnection, Socket, StreamListener]:
        socket = Socket()
        connection = take_stream(self.callbacks, socket, target, headers)  # type: ignore[arg-type]
        stream = self.callbacks.admitted[-1]
        assert isinstance(stream, StreamListener)
        socket.written = b""
        return connection, socket, stream


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    Loop(monkeypatch.setattr)
    return Door()


def test_a_reader_that_takes_nothing_is_cut_off_at_the_third_heartbeat(door: Door) -> None:
    connection, socket, stream = door.open()
    connection.pause_writing()
    stream.tick(15)
    stream.tick(30)
    assert not socket.ended
    stream.tick(45)
    assert socket.ended
    assert door.notes.counts == {"unread-stream": 1}
    assert socket.written == b""  # heartbeats would only wait in front of the socket


def test_a_reader_that_is_slow_is_kept(door: Door) -> None:
    connection, socket, stream = door.open()
    for _ in range(5):
        connection.pause_writing()
        stream.tick(15)
        stream.tick(30)
        connection.resume_writing()
    assert not socket.ended
    stream.tick(45)
    assert socket.written == b"id: 1000\n:\n\n"


def test_what_a_slow_reader_missed_comes_once_it_reads_on(door: Door) -> None:
    connection, socket, _ = door.open()
    door.world.post("a")
    connection.pause_writing()
    door.world.run()
    first = door.world.post("a", "b", "a")
    door.world.run()
    connection.resume_writing()
    door.world.run()
    records = RecordReader().feed(socket.written)
    ids = [record.json["id"] for record in records]
    assert ids == sorted(set(ids))
    assert ids[-2:] == [first[0], first[2]]
    assert [int(record.last_id) for record in records] == ids


def test_the_seat_is_free_once_and_the_channel_left(door: Door) -> None:
    connection, _, _ = door.open()
    assert (door.places.listeners, len(door.callbacks.connections)) == (1, 1)
    assert door.world.hub.listeners(Channel("a")) == 1
    connection.close()
    connection.close()
    connection.connection_lost(None)
    assert (door.places.listeners, len(door.callbacks.connections)) == (0, 0)
    assert door.world.hub.listeners(Channel("a")) == 0
    door.world.post("a")
    door.world.run()


def test_who_finds_no_seat_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Loop(monkeypatch.setattr)
    door = Door(seats=0)
    socket = Socket()
    connection = take_stream(door.callbacks, socket, b"/sse?channel=a", ())  # type: ignore[arg-type]
    head, _, body = socket.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    (record,) = RecordReader().feed(body)
    assert (record.event, record.json["code"]) == ("status", "server-capacity")
    connection.connection_lost(None)
    assert (door.places.listeners, door.places.sessions) == (0, 0)


def test_a_request_that_cannot_be_followed_gets_an_answer_with_an_end(door: Door) -> None:
    socket = Socket()
    take_stream(door.callbacks, socket, b"/sse?channel=", ())  # type: ignore[arg-type]
    assert socket.written.startswith(b"HTTP/1.1 400")
    assert b"Content-Length: " in socket.written
    assert door.places.listeners == 0
