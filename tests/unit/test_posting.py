"""Are a poster's replies in order, and its requests bounded, when the store takes its time?"""

import json
from functools import partial

import pytest

from oyez.access.peer import Peer
from oyez.access.places import SessionPlace
from oyez.access.settings import KeySettings
from oyez.brokers.memory import MemoryBroker
from oyez.endpoints.posting import PostingEndpoint, RawPoster
from oyez.endpoints.settings import WebsocketSettings
from oyez.errors import BrokerError
from oyez.hub.broker import Settle
from oyez.hub.history import History
from oyez.hub.hub import Hub
from oyez.hub.publication import EventId
from oyez.hub.settings import HistorySettings
from oyez.limits import LimitSettings
from oyez.net.websocket.connection import WebSocketConnection
from oyez.notes import Notes
from tests.fakes import Callbacks, Clock, Loop, Socket, check_of, context_of, places_for

POST = b'{"command":"post","channel":"c","message":1}'


class SlowBroker(MemoryBroker):
    """A store that settles when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Settle] = []

    def publish(self, posts: object, settle: Settle) -> None:
        self.waiting.append(settle)

    def last_id(self) -> EventId:
        return EventId(99)


class Door:
    """The posters' door with one poster in it, on a socket that keeps what is written."""

    def __init__(self) -> None:
        self.clock, self.callbacks, self.broker, self.notes = Clock(), Callbacks(), SlowBroker(), Notes(Clock())
        hub = Hub(self.broker, History(HistorySettings()), call_soon=lambda function: None, clock=self.clock)
        self.places = places_for(5)
        limits = LimitSettings(max_receiver_message_bytes=1000, max_sender_message_bytes=10_000)
        self.context = context_of(hub, self.notes, ticker=self.callbacks.ticker, limits=limits, places=self.places)
        bridge = KeySettings("bridge", "other key", may_post=("c",))
        self.check = check_of(self.notes, self.callbacks.ticker, bridge, free=3)
        self.endpoint = PostingEndpoint(self.context, WebsocketSettings(), self.check)
        self.socket = Socket()
        self.connection = WebSocketConnection(self.callbacks)
        self.connection.connection_made(self.socket)
        find_peer = partial(Peer, None)
        place = self.places.take(find_peer, "a WebSocket")
        assert isinstance(place, SessionPlace)
        self.poster = RawPoster(self.endpoint, find_peer, place, needs_key=False)
        self.connection.hand_over(self.poster)
        self.poster.opened(self.connection)

    def ask(self, *requests: bytes) -> None:
        for request in requests:
            self.poster.receive_text(request)

    def replies(self) -> list[str]:
        """Give what was replied since the last time, in a word each; replies are short enough for short frames."""
        data, self.socket.written = self.socket.written, b""
        said = []
        while data:
            assert data[0] == 0x81
            size, begin = (data[1], 2) if data[1] < 126 else (int.from_bytes(data[2:4], "big"), 4)
            reply = json.loads(data[begin : begin + size])
            said.append(str(reply.get("code") or reply.get("id") or reply["status"]))
            data = data[begin + size :]
        return said


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    Loop(monkeypatch.setattr)
    return Door()


def test_replies_keep_the_order_of_requests_however_the_store_settles(door: Door) -> None:
    door.ask(POST, b'{"command":"last-msg"}', POST, b"null", POST)
    assert door.replies() == []
    first, second, third = door.broker.waiting
    second([EventId(12)])
    assert door.replies() == []
    first([EventId(11)])
    assert door.replies() == ["11", "99", "12", "syntax-error"]
    third(BrokerError("full", temporary=True))
    assert door.replies() == ["unavailable"]
    assert door.check.count_posts()[""] == 2


def test_a_reply_that_comes_when_its_poster_is_gone_goes_nowhere(door: Door) -> None:
    door.ask(POST, POST)
    door.connection.connection_lost(None)
    assert (door.places.sessions, door.endpoint.posters) == (0, 0)
    for settle in door.broker.waiting:
        settle([EventId(5)])
    assert door.replies() == []
    assert door.check.count_posts()[""] == 2  # they stay posted


def test_at_the_stop_what_was_asked_is_answered_and_then_the_link_ends_without_a_frame(door: Door) -> None:
    door.ask(POST, POST)
    door.connection.leave()
    first, second = door.broker.waiting
    second([EventId(12)])
    assert not door.connection.closing
    first([EventId(11)])
    assert door.replies() == ["11", "12"]  # and no more
    assert door.connection.closing


def test_requests_without_end_before_the_first_reply_end_the_link(door: Door) -> None:
    door.ask(*[POST] * 1000)
    assert not door.connection.closing
    door.ask(POST)
    assert door.connection.closing
    assert door.socket.written == b"\x88\x02" + (1008).to_bytes(2, "big")
    assert door.notes.counts == {"refused-command": 1}
    assert len(door.broker.waiting) == 1000


def test_the_key_that_fails_takes_the_permission_away_and_is_given_time(door: Door) -> None:
    assert door.poster.max_message_bytes == 10_000
    door.ask(b'{"command":"auth","key":"wrong"}', POST)
    assert door.replies() == ["auth-failed", "unauthorized"]
    assert door.poster.max_message_bytes == 1000
    assert door.endpoint.posters == 0
    assert door.poster.tick_slot > 0
    door.ask(b'{"command":"auth","key":"key"}')
    assert door.replies() == ["success"]
    assert (door.endpoint.posters, door.poster.tick_slot) == (1, 0)
