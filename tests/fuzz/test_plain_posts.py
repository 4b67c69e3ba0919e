"""Does the short way of plain posts give what the long way gives, byte for byte, and leave alone what is not plain?"""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from oyez.access.peer import Peer
from oyez.access.places import SessionPlace
from oyez.access.settings import KeySettings
from oyez.endpoints.posting import PostingEndpoint, RawPoster
from oyez.endpoints.settings import WebsocketSettings
from oyez.endpoints.socketio import SocketIOEndpoint
from oyez.errors import ProtocolError
from oyez.limits import LimitSettings
from oyez.net.engineio.session import EngineServer
from oyez.net.engineio.settings import SocketioSettings
from oyez.net.websocket.connection import FrameReceiver, WebSocketConnection
from oyez.notes import Notes
from oyez.wire import commands, plain_posts, raw_commands, socketio
from oyez.wire.commands import CommandError
from tests.fake_sockets import Callbacks, Loop, Socket
from tests.fakes import Clock, Waits, World, check_of, context_of, places_for
from tests.fuzz import fuzz
from tests.fuzz.test_codecs import is_utf8, texts, utf8_json, values

CHANNELS = ("a", "b", "c" * 9, "c" * 10, "", "é" * 9, "😀" * 5, "a\n")
MESSAGES = (
    b"1e400",
    b"123456789012345678901234567890",
    b"1.50",
    b" -0.0 ",
    b'"\\ud800"',
    b'"' + "é😀".encode() + b'"',
    b"[" * 901 + b"]" * 901,
    b"[" * 900 + b"]" * 900,
    b'"' + b"[" * 2000 + b'"',
    b"[" * 1200,
    b"NaN",
    b"",
)
channels = st.sampled_from(CHANNELS) | texts
messages = values.map(lambda value: json.dumps(value).encode()) | st.integers(0, len(MESSAGES) - 1).map(
    MESSAGES.__getitem__
)
spaces = st.sampled_from([b"", b"", b"", b" ", b"\n\t"])
names = st.sampled_from([b"post"] * 6 + [b"p\\u006fst", b"last-msg", b"last_msg", b"who-am-i", b"auth", b"set-filter"])


def member(name: str, value: bytes, space: bytes) -> bytes:
    return json.dumps(name).encode() + space + b":" + value


members = st.lists(
    st.builds(member, st.just("channel"), channels.map(lambda name: json.dumps(name).encode()) | utf8_json, spaces)
    | st.builds(member, st.just("message"), messages, spaces)
    | st.builds(member, texts, utf8_json, spaces),
    max_size=4,
)
plain_members = st.builds(
    lambda channel, message: [member("channel", json.dumps(channel).encode(), b""), member("message", message, b"")],
    channels,
    messages,
)
objects = st.builds(
    lambda space, parts: b"{" + space + (b"," + space).join(parts) + space + b"}", spaces, plain_members | members
)
ack_ids = st.sampled_from([b"0", b"7", b"13", b"007", b"", b"9" * 40, b"9" * 41, b"-1", "٣".encode()])


def write_packet(ack_id: bytes, name: bytes, argument: bytes, more: bytes, space: bytes) -> bytes:
    return b"2" + ack_id + b"[" + space + b'"' + name + b'",' + argument + more + b"]" + space


packets = st.builds(write_packet, ack_ids, names, objects | utf8_json, st.sampled_from([b"", b"", b"", b",5"]), spaces)
raw = st.builds(
    lambda name, parts, space: b"{" + (b"," + space).join([member("command", b'"%b"' % name, b""), *parts]) + b"}",
    names,
    plain_members | members,
    spaces,
)


def spoil(data: bytes, piece: bytes, at: int) -> bytes:
    place = at % (len(data) + 1)
    return data[:place] + piece + data[place:]


def with_spoilt(sound: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    pieces = st.sampled_from([b'"', b"{", b"]", b"\\", b"\x00", b"9", b",", b'"command":"post",', b'["post",'])
    return (sound | st.builds(spoil, sound, pieces, st.integers(0, 80))).filter(is_utf8)


@given(with_spoilt(packets))
@fuzz
def test_a_packet_says_the_same_either_way(data: bytes) -> None:
    try:
        post = plain_posts.read_packet(data)
    except ProtocolError as error:
        with pytest.raises(ProtocolError, match=str(error)):
            commands.parse_post((socketio.decode(data).args or [])[0])
        return
    if post is not None:
        packet = socketio.decode(data)
        assert (packet.type, packet.namespace, packet.event) == (socketio.PacketType.EVENT, "/", "post")
        assert packet.args is not None
        assert commands.parse_post(packet.args[0]) == post[1:]
        assert packet.ack_id is not None
        assert b"%d" % packet.ack_id == post[0]
        assert plain_posts.encode_ack(post[0], 7) == socketio.encode_ack(packet.ack_id, [commands.success_with_id(7)])


@given(with_spoilt(raw))
@fuzz
def test_a_command_says_the_same_either_way(data: bytes) -> None:
    try:
        post = plain_posts.read_command(data)
    except ProtocolError:
        post = None
    if post is not None:
        command = raw_commands.parse_command(data)
        assert not isinstance(command, CommandError)
        assert (command.name, commands.parse_post(command.members)) == ("post", post)


class Doors:
    """Both dialects' doors for posters, with a poster at each and a listener; by the long way alone, or by either."""

    def __init__(self, *, long_way: bool, may_post: tuple[str, ...]) -> None:
        self.long_way = long_way
        self.world, self.notes, self.callbacks = World(), Notes(Clock()), Callbacks(2**20)
        places = places_for(9)
        limits = LimitSettings(max_channel_length=9, max_receiver_message_bytes=2**16, max_sender_message_bytes=2**16)
        context = context_of(self.world.hub, self.notes, places=places, limits=limits, ticker=self.callbacks.ticker)
        self.check = check_of(
            self.notes, Waits(), *[KeySettings("bridge", "other", may_post=may_post)] * bool(may_post)
        )
        endpoint = SocketIOEndpoint(context, SocketioSettings(), self.check)
        engine = EngineServer(SocketioSettings(), limits, self.callbacks.ticker, endpoint.open_app, self.notes)

        def take() -> SessionPlace:
            place = places.take(partial(Peer, None), "a session")
            assert isinstance(place, SessionPlace)
            return place

        token = "other" if may_post else "key"
        find_peer = partial(Peer, None)
        self.sockets: list[Socket] = []
        self.sender = self.open(engine.open_session(find_peer, take(), polling=False))
        self.say(self.sender, b'40{"role":"sender","token":"%b"}' % token.encode())
        listener = self.open(engine.open_session(find_peer, take(), polling=False))
        self.say(listener, b"40")
        self.say(listener, b'42["set-filter",{"filter":["a","b","ccccccccc"]}]')
        posting = PostingEndpoint(context, WebsocketSettings(), self.check)
        self.poster = self.open(RawPoster(posting, find_peer, take(), needs_key=True))
        self.say(self.poster, b'{"command":"auth","key":"%b"}' % token.encode())
        for socket in self.sockets:
            assert socket.written
            socket.written = b""  # session ids are by chance

    def open(self, receiver: FrameReceiver) -> WebSocketConnection:
        connection = WebSocketConnection(self.callbacks)
        self.sockets.append(Socket())
        connection.connection_made(self.sockets[-1])
        connection.open(b"", receiver)
        return connection

    def say(self, connection: WebSocketConnection, *texts: bytes) -> None:
        frames = b"".join(Frame(Opcode.TEXT, text).serialize(mask=True) for text in texts)
        with pytest.MonkeyPatch.context() as patch:
            if self.long_way:
                patch.setattr(plain_posts, "read_packet", lambda data: None)
                patch.setattr(plain_posts, "read_command", lambda data: None)
                patch.setattr(self.world.hub._fan_out, "_write_alone", lambda group, publication: False)
            connection.data_received(frames)
            for _ in range(99):
                if not self.world.turn():
                    break

    def outcome(self) -> tuple[list[bytes], list[bool], dict[str, int], dict[str, int]]:
        """Give all that can be noticed: the bytes to each, who was cut off, what was refused, and what was counted."""
        ended = [socket.ended for socket in self.sockets]
        return (
            [socket.written for socket in self.sockets],
            ended,
            dict(self.notes.counts),
            dict(self.check.count_posts()),
        )


@given(
    st.lists(with_spoilt(packets), max_size=8),
    st.lists(with_spoilt(raw), max_size=8),
    st.sampled_from([(), ("a", "é*")]),
)
@fuzz
def test_posts_have_the_same_outcome_either_way(
    sent: list[bytes], commanded: list[bytes], may_post: tuple[str, ...]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Loop(patch.setattr)
        outcomes = []
        for long_way in (False, True):
            doors = Doors(long_way=long_way, may_post=may_post)
            doors.say(doors.sender, *[b"4" + packet for packet in sent])
            doors.say(doors.poster, *commanded)
            outcomes.append(doors.outcome())
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("may_post", [(), ("a", "é*")])
@pytest.mark.parametrize("channel", CHANNELS)
def test_each_kind_of_post_has_the_same_outcome_either_way(
    channel: str, may_post: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    Loop(monkeypatch.setattr)
    for message in MESSAGES:
        post = b'"channel":%b,"message":%b}' % (json.dumps(channel, ensure_ascii=False).encode(), message)
        outcomes = []
        for long_way in (False, True):
            doors = Doors(long_way=long_way, may_post=may_post)
            doors.say(doors.sender, b'421["post",{' + post + b"]")
            doors.say(doors.poster, b'{"command":"post",' + post)
            outcomes.append(doors.outcome())
        assert outcomes[0] == outcomes[1]


PLAIN = b'{"channel":"a","message":{"n":1.50,"big":123456789012345678901234567890}}'


def test_plain_posts_go_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all of the above would compare the long way with itself."""
    Loop(monkeypatch.setattr)
    doors = Doors(long_way=False, may_post=())
    for part, name in ((socketio, "decode"), (raw_commands, "parse_command")):
        monkeypatch.setattr(part, name, None)
    doors.say(doors.sender, b'4213["post",' + PLAIN + b"]")
    doors.say(doors.poster, b'{"command": "post", ' + PLAIN[1:])
    (sender, listener, poster), ended, refused, posts = doors.outcome()
    assert (ended, refused, posts[""]) == ([False] * 3, {}, 2)
    assert sender[2:] == b'4313[{"status":"success","id":1001}]'
    assert poster[2:] == b'{"status":"success","id":1002}'
    events = [b'42["message",{"id":%d,%b]' % (number, PLAIN[1:]) for number in (1001, 1002)]
    assert listener == b"".join(b"\x81" + bytes([len(event)]) + event for event in events)
