"""Does a raw listener get what it asks for, an answer only where it asks for one, and its end in time?"""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from oyez.access.origins import Origins
from oyez.endpoints.settings import WebsocketSettings
from oyez.endpoints.websocket import WebSocketEndpoint
from oyez.hub.publication import Channel, EventId
from oyez.limits import LimitSettings
from oyez.net.http.handshake import Handshake, Refusal
from oyez.net.http.takeover import take_websocket
from oyez.net.ticker import Ticker
from oyez.net.websocket.connection import FrameReceiver, WebSocketConnection
from tests.fake_sockets import Callbacks, Loop, Socket
from tests.fakes import World, context_of, places_for
from tests.raw import texts_in

PING = b"\x89\x00"
SETTINGS = WebsocketSettings(ping_interval_s=25, ping_timeout_s=20)
HEADERS = [
    (b"host", b"localhost"), (b"upgrade", b"websocket"), (b"connection", b"Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"sec-websocket-version", b"13"),
]  # fmt: skip


class DoorCallbacks(Callbacks):
    """Callbacks with the raw door behind them."""

    endpoint: WebSocketEndpoint

    def admit(self, handshake: Handshake) -> FrameReceiver | Refusal:
        return self.endpoint.admit(handshake)


class RawDoor:
    """The raw door without sockets, and what it noted."""

    def __init__(self, listeners: int = 2) -> None:
        self.world = World()
        self.noted: list[str] = []
        self.places = places_for(listeners)
        self.ticker = Ticker(clock=self.world.clock)
        self.callbacks = DoorCallbacks()
        limits = LimitSettings(max_subscriptions=3, max_channel_length=10)
        context = context_of(
            self.world.hub, lambda reason, *_: self.noted.append(reason), ticker=self.ticker, limits=limits,
            places=self.places,
        )  # fmt: skip
        self.callbacks.endpoint = WebSocketEndpoint(context, SETTINGS)

    def open(self, headers: Sequence[tuple[bytes, bytes]] = ()) -> "RawClient":
        return RawClient(self, headers)


class RawClient:
    """One client of the door."""

    def __init__(self, door: RawDoor, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.door = door
        self.socket = Socket()
        self.connection: WebSocketConnection = take_websocket(
            door.callbacks, self.socket, b"/", [*HEADERS, *headers]  # type: ignore[arg-type]
        )  # fmt: skip
        self.answer, self.socket.written = self.socket.written, b""

    @property
    def listener(self) -> Any:
        return self.connection._receiver

    def send(self, opcode: Opcode = Opcode.TEXT, **command: object) -> None:
        self.send_text(json.dumps(command), opcode)

    def send_text(self, text: str, opcode: Opcode = Opcode.TEXT) -> None:
        self.connection.data_received(Frame(opcode, text.encode()).serialize(mask=True))
        self.door.world.run()

    def take(self) -> list[Any]:
        """What was sent to it since."""
        data, self.socket.written = self.socket.written, b""
        return [json.loads(text) for text in texts_in(data)]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> RawDoor:
    Loop(monkeypatch.setattr)
    return RawDoor()


def test_a_listener_gets_its_channels_and_no_answers_that_it_would_take_for_events(door: RawDoor) -> None:
    client = door.open()
    assert client.answer.startswith(b"HTTP/1.1 101 ")
    (before,) = door.world.post("a")
    client.send(command="start_msg", start=before - 1)
    client.send(command="set_filter", filter=["a", "b"])
    (after,) = door.world.post("b")
    door.world.post("another")
    door.world.run()
    said = client.take()
    assert [(each["id"], each["channel"], each["message"]) for each in said] == [(before, "a", 1), (after, "b", 1)]


def test_bytes_are_taken_for_text(door: RawDoor) -> None:
    client = door.open()
    client.send(Opcode.BINARY, command="set_filter", filter=["a"], notify=True)
    assert [each["status"] for each in client.take()] == ["success"]


def test_who_asks_for_notices_is_told_of_its_position_and_of_gaps(door: RawDoor) -> None:
    client = door.open()
    (event,) = door.world.post("a")
    client.send(command="start_msg", start=event)
    client.send(command="set_filter", filter=["a"], notify=True, position=True)
    assert client.take() == [{"status": "success", "recovered": True, "id": event}]
    door.world.hub.lose(EventId(event + 5))
    door.world.run()
    (gap,) = client.take()
    assert (gap["status"], gap["channel"], gap["oldest"]) == ("gap", "a", event + 6)


def test_a_page_of_old_is_told_of_no_gap(door: RawDoor) -> None:
    client = door.open()
    client.send(command="set_filter", filter=["a"])
    door.world.hub.lose(EventId(10**6))
    door.world.run()
    assert client.take() == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no JSON", "syntax-error"),
        ('{"command":"post"}', "bad-command"),
        ('{"command":"set_filter","filter":["a","b","c","d"]}', "invalid-filter"),
        ('{"command":"set_filter","filter":["eleven char"]}', "invalid-filter"),
    ],
)
def test_a_command_that_is_wrong_is_answered_and_noted(door: RawDoor, text: str, code: str) -> None:
    client = door.open()
    client.send_text(text)
    (refusal,) = client.take()
    assert refusal["status"] == "error"
    assert door.noted == ["refused-command"]
    assert refusal["code"] == code


def test_its_place_is_given_back_once_and_nothing_is_left_in_the_hub(door: RawDoor) -> None:
    client = door.open()
    client.send(command="set_filter", filter=["a"])
    taken = door.places.listeners
    client.connection.connection_lost(None)
    assert (taken, door.places.listeners) == (1, 0)
    assert door.world.hub.listeners(Channel("a")) == 0


def test_who_finds_no_room_or_may_not_listen_is_refused_before_the_upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    Loop(monkeypatch.setattr)
    full = RawDoor(listeners=1)
    first, second = full.open(), full.open()
    assert first.answer.startswith(b"HTTP/1.1 101 ")
    assert second.answer.startswith(b"HTTP/1.1 503 ")
    strict = RawDoor()
    strict.callbacks.endpoint.context.origins = Origins(["https://judge.example"])
    assert strict.open([(b"origin", b"https://evil.example")]).answer.startswith(b"HTTP/1.1 403 ")
    assert strict.noted == ["bad-handshake"]
    assert strict.open([(b"origin", b"https://judge.example")]).answer.startswith(b"HTTP/1.1 101 ")


def test_a_listener_is_pinged_and_kept_while_it_shows_signs_of_life(door: RawDoor) -> None:
    client = door.open()
    client.listener.tick(25)
    assert client.socket.written == PING
    client.connection.data_received(Frame(Opcode.PONG, b"").serialize(mask=True))
    client.listener.tick(45)
    assert not client.connection.closing
    client.listener.tick(50)
    client.listener.tick(70)
    assert client.connection.closing
    assert door.noted == ["ping-timeout"]


def test_a_full_socket_is_not_pinged_and_lives_if_it_takes_bytes(door: RawDoor) -> None:
    client = door.open()
    client.connection.pause_writing()
    client.listener.tick(25)
    assert client.socket.written == b""
    client.connection.resume_writing()
    client.listener.tick(45)
    assert not client.connection.closing


def test_what_was_missed_while_the_socket_was_full_is_sent_when_it_takes_bytes_again(door: RawDoor) -> None:
    client = door.open()
    client.send(command="set_filter", filter=["a"])
    client.connection.pause_writing()
    ids = [door.world.post("a")[0] for _ in range(3)]
    door.world.run()
    client.connection.resume_writing()
    door.world.run()
    assert [each["id"] for each in client.take()] == ids


def test_the_stop_says_1012_and_a_cut_says_nothing(door: RawDoor) -> None:
    leaving, cut = door.open(), door.open()
    leaving.connection.leave()
    assert leaving.socket.written == b"\x88\x02" + (1012).to_bytes(2)
    cut.listener.cut_off()
    assert cut.socket.written == b""
    assert cut.socket.ended
