"""Are a poster's replies in order, and its requests bounded, when the store takes its time?"""

import json
from functools import partial
from ipaddress import ip_address

import pytest
from websockets.frames import Frame, Opcode

from oyez.access.keys import PostPolicy, make_keys
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
from tests.fake_sockets import Callbacks, Loop, Socket
from tests.fakes import Clock, Waits, check_of, context_of, places_for
from tests.raw import texts_in

HERE, AFAR = Peer(None), Peer(ip_address("203.0.113.9"), doubt="it came over the network")

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

    loop: Loop

    def __init__(self, peer: Peer = HERE, *, needs_key: bool = False) -> None:
        self.clock, self.callbacks, self.broker, self.notes = Clock(), Callbacks(), SlowBroker(), Notes(Clock())
        hub = Hub(
            self.broker,
            History(HistorySettings()),
            call_soon=lambda function: None,
            call_later=lambda *_: None,
            clock=self.clock,
        )
        self.places = places_for(5)
        limits = LimitSettings(max_receiver_message_bytes=1000, max_sender_message_bytes=10_000)
        self.context = context_of(hub, self.notes, ticker=self.callbacks.ticker, limits=limits, places=self.places)
        bridge = KeySettings("bridge", "other key", may_post=("c",))
        self.waits = Waits()
        self.check = check_of(self.notes, self.waits, bridge, free=3)
        self.endpoint = PostingEndpoint(self.context, WebsocketSettings(), self.check)
        self.socket = Socket()
        self.connection = WebSocketConnection(self.callbacks)
        self.connection.connection_made(self.socket)
        find_peer = partial(Peer, *peer)
        place = self.places.take(find_peer, "a WebSocket")
        assert isinstance(place, SessionPlace)
        self.poster = RawPoster(self.endpoint, find_peer, place, needs_key=needs_key)
        self.connection.hand_over(self.poster)
        self.poster.opened(self.connection)

    def ask(self, *requests: bytes) -> None:
        for request in requests:
            self.poster.receive_text(request)

    def replies(self) -> list[str]:
        """Give what was replied since the last time, in a word each, once this turn of the loop is over."""
        self.callbacks.late_answers.send()
        data, self.socket.written = self.socket.written, b""
        replies = [json.loads(text) for text in texts_in(data)]
        return [str(reply.get("code") or reply.get("id") or reply["status"]) for reply in replies]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    loop = Loop(monkeypatch.setattr)
    door = Door()
    door.loop = loop
    return door


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


def test_replies_to_what_the_store_settles_in_one_turn_leave_in_one_write(door: Door) -> None:
    door.ask(POST, POST, POST)
    for event_id, settle in zip((11, 12), door.broker.waiting, strict=False):
        settle([EventId(event_id)])
    assert door.socket.writes == 0
    assert door.replies() == ["11", "12"]
    assert door.socket.writes == 1
    door.broker.waiting[2]([EventId(13)])
    assert door.replies() == ["13"]
    assert door.socket.writes == 2


def test_a_read_before_the_end_of_the_turn_takes_the_replies_along_in_their_order(door: Door) -> None:
    door.ask(POST)
    door.broker.waiting[0]([EventId(11)])
    door.connection.data_received(Frame(Opcode.TEXT, b'{"command":"last-msg"}').serialize(mask=True))
    assert (door.socket.writes, door.replies()) == (1, ["11", "99"])
    assert door.socket.writes == 1


def test_a_reply_that_waits_for_the_end_of_the_turn_goes_nowhere_once_its_poster_is_gone(door: Door) -> None:
    door.ask(POST)
    door.broker.waiting[0]([EventId(11)])
    door.connection.connection_lost(None)
    assert (door.replies(), door.socket.writes) == ([], 0)


def test_a_reply_that_waits_for_the_end_of_the_turn_leaves_before_a_close_frame(door: Door) -> None:
    door.ask(POST)
    door.broker.waiting[0]([EventId(11)])
    door.connection.close(1001)
    door.loop.run()
    *replies, close = door.socket.written.partition(b"\x88")[::2]
    assert (texts_in(replies[0]), close) == ([b'{"status":"success","id":11}'], b"\x02\x03\xe9")
    assert door.socket.ended


def test_a_reply_that_waits_for_the_end_of_the_turn_and_cannot_be_written_ends_its_link_alone(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(data: object) -> None:
        raise RuntimeError("a bug")

    neighbour = Door()
    neighbour.callbacks.late_answers = door.callbacks.late_answers
    for poster in (door, neighbour):
        poster.ask(POST)
        poster.broker.waiting[0]([EventId(11)])
    monkeypatch.setattr(door.socket, "write", fail)
    door.callbacks.late_answers.send()
    assert (door.socket.ended, neighbour.replies()) == (True, ["11"])
    assert "cannot be answered" in caplog.text


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


def test_a_key_that_is_none_any_more_has_its_poster_answered_and_treated_as_any_other(door: Door) -> None:
    door.ask(b'{"command":"auth","key":"other key"}')
    door.replies()
    assert (door.poster.max_message_bytes, door.connection._is_weighed) == (10_000, False)
    door.check.change_policy(PostPolicy(make_keys("key", ())), ())
    door.ask(POST, b'{"command":"last-msg"}')
    assert door.replies() == ["may-not-post", "99"]
    assert (door.poster.max_message_bytes, door.connection._is_weighed) == (1000, True)
    door.ask(b'{"command":"auth","key":"key"}')
    assert door.replies() == ["success"]
    assert door.poster.max_message_bytes == 10_000


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


OTHER_POST = b'{"command":"post","channel":"d","message":1}'
SHOW, GUESS = b'{"command":"auth","key":"key"}', b'{"command":"auth","key":"wrong"}'


def test_a_key_for_some_channels_is_for_no_others(door: Door) -> None:
    door.ask(b'{"command":"auth","key":"other key"}', POST, OTHER_POST)
    door.broker.waiting[0]([EventId(11)])
    assert door.replies() == ["success", "11", "may-not-post"]
    assert len(door.broker.waiting) == 1
    assert door.notes.counts == {"may-not-post": 1}
    assert door.check.count_posts() == {"": 0, "bridge": 1}


@pytest.fixture
def guessed(door: Door) -> Door:
    """The door with a poster from an address that has to wait for a second."""
    door = Door(AFAR, needs_key=True)
    for _ in range(4):
        door.check.judge("wrong", AFAR)
    return door


def test_during_a_wait_the_key_is_answered_at_its_end_and_what_is_asked_meanwhile_is_refused(guessed: Door) -> None:
    guessed.ask(SHOW, POST, SHOW)
    assert guessed.replies() == []
    assert guessed.poster.tick_slot == 0  # it has shown something in time
    guessed.waits.pass_by(1)
    assert guessed.replies() == ["success", "unauthorized", "address-waits"]
    assert guessed.endpoint.posters == 1
    guessed.ask(POST)
    assert len(guessed.broker.waiting) == 1


def test_a_wrong_key_after_a_wait_ends_the_link(guessed: Door) -> None:
    guessed.ask(GUESS)
    guessed.waits.pass_by(1)
    guessed.callbacks.late_answers.send()
    assert guessed.socket.written.endswith(b"\x88\x02" + (1008).to_bytes(2, "big"))
    assert guessed.connection.closing


def test_whoever_goes_away_waits_no_longer(guessed: Door) -> None:
    guessed.ask(SHOW)
    guessed.connection.connection_lost(None)
    assert not guessed.waits.planned
    guessed.waits.pass_by(1)
    assert (guessed.endpoint.posters, guessed.socket.written) == (0, b"")


def test_at_the_stop_what_was_asked_before_the_key_is_answered_and_the_key_is_not(door: Door) -> None:
    door = Door(AFAR)  # posts without a key, and shows one nevertheless
    for _ in range(4):
        door.check.judge("wrong", AFAR)
    door.ask(POST, SHOW, POST)
    door.connection.leave()
    assert not door.connection.closing
    door.broker.waiting[0]([EventId(11)])
    assert door.replies() == ["11"]
    assert door.connection.closing
    assert not door.waits.planned
