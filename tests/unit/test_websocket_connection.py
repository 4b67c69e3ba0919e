"""Does a socket hand out whole messages, whatever its peer and its neighbours do?"""

from collections.abc import Callable

import pytest
from websockets.frames import Frame, Opcode

from oyez.access.capacity import Capacity
from oyez.access.enforcement import Enforcement
from oyez.access.keys import KeyHolder
from oyez.access.peer import Who
from oyez.access.places import Places, SessionPlace
from oyez.access.shares import Shares
from oyez.limits import LimitSettings
from oyez.net.turns import SLICE_S, Reader, Turns
from oyez.net.websocket.connection import WebSocketConnection
from tests.fake_sockets import Callbacks, Loop, Messages, Socket
from tests.fakes import Clock


@pytest.fixture
def callbacks() -> Callbacks:
    return Callbacks(max_message_bytes=1000)


class Peer:
    """A connection whose handshake is done, with its two ends."""

    def __init__(self, callbacks: Callbacks) -> None:
        self.connection = WebSocketConnection(callbacks)
        self.socket = Socket()
        self.connection.connection_made(self.socket)
        self.messages = Messages(1000)
        self.connection.hand_over(self.messages)

    def send(self, data: bytes) -> None:
        self.connection.data_received(data)


@pytest.fixture
def connect(callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Peer]:
    Loop(monkeypatch.setattr)
    return lambda: Peer(callbacks)


def frame(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=True)


@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
@pytest.mark.parametrize("size", [0, 5, 300, 1000])
def test_an_unfinished_frame_is_no_business_of_the_neighbours(
    connect: Callable[[], Peer], opcode: Opcode, size: int
) -> None:
    whole = frame(b"x" * size, opcode)
    for cut in range(1, min(len(whole), 12)):
        one, other = connect(), connect()
        one.send(whole[:cut])
        other.send(whole)
        one.send(whole[cut:])
        assert [len(message) for message in one.messages.got + other.messages.got] == [size, size]
        assert one.socket.written + other.socket.written == b""


@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_fragments_make_one_message(connect: Callable[[], Peer], opcode: Opcode) -> None:
    one, other = connect(), connect()
    one.send(frame(b"a", opcode, fin=False))
    other.send(frame(b"other"))
    one.send(frame(b"b", Opcode.CONT, fin=False) + frame(b"ping", Opcode.PING))
    one.send(frame(b"c", Opcode.CONT) + frame(b"next"))
    assert one.messages.got == ["abc" if opcode is Opcode.TEXT else b"abc", "next"]
    assert one.socket.written == b"\x8a\x04ping"
    assert other.messages.got == ["other"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"\xff"), 1007),
        (frame(b"\xe2\x82", fin=False) + frame(b"x", Opcode.CONT), 1007),
        (b"\x81\x02hi", 1002),
        (b"\xf1\x80\x00\x00\x00\x00", 1002),
        (frame(b"", Opcode.CONT), 1002),
        (frame(b"x" * 1001), 1009),
        (frame(b"x" * 1001, Opcode.BINARY), 1009),
        (frame(b"x" * 600, fin=False) + frame(b"x" * 600, Opcode.CONT), 1009),
        (b"\x81\xff" + (2**62).to_bytes(8, "big"), 1009),
    ],
    ids=["utf8", "utf8 in fragments", "unmasked", "reserved", "stray rest", "text", "binary", "sum", "absurd"],
)
def test_broken_rules_close_with_their_code(
    connect: Callable[[], Peer], callbacks: Callbacks, data: bytes, code: int
) -> None:
    peer = connect()
    peer.send(frame(b"before") + data + frame(b"after"))
    assert peer.messages.got == ["before"]
    assert peer.socket.written[:1] == b"\x88"
    assert int.from_bytes(peer.socket.written[2:4], "big") == code
    assert len(callbacks.notes) == 1


@pytest.mark.parametrize(
    "data",
    [
        frame(b"x" * 5000)[:2000],
        frame(b"x" * 5000, Opcode.BINARY)[:2000],
        frame(b"x" * 900, fin=False) + frame(b"x" * 5000, Opcode.CONT)[:200],
        frame(b"", fin=False) + frame(b"", Opcode.CONT, fin=False) * 1002,
    ],
    ids=["text", "binary", "fragments", "empty fragments"],
)
def test_what_gets_too_long_is_stopped_before_it_is_whole(connect: Callable[[], Peer], data: bytes) -> None:
    peer = connect()
    peer.send(data)
    assert peer.socket.written[:4] == b"\x88\x02\x03\xf1"


def test_a_close_is_answered_with_its_code(connect: Callable[[], Peer]) -> None:
    peer = connect()
    peer.send(frame(b"last") + frame((4321).to_bytes(2, "big"), Opcode.CLOSE) + frame(b"too late"))
    assert peer.messages.got == ["last"]
    assert peer.socket.written == b"\x88\x02" + (4321).to_bytes(2, "big")


def test_a_flood_is_read_in_slices(monkeypatch: pytest.MonkeyPatch, callbacks: Callbacks) -> None:
    loop = Loop(monkeypatch.setattr)
    peer = Peer(callbacks)
    peer.send(frame(b"x" * 100) * 1000)
    assert 0 < len(peer.messages.got) < 1000
    assert not peer.socket.reading
    loop.run()
    assert len(peer.messages.got) == 1000
    assert peer.socket.reading


class Slow(Messages):
    """Each message takes a while, by the clock that all share."""

    def __init__(self, clock: Clock, message_s: float) -> None:
        super().__init__(1000)
        self._clock = clock
        self._message_s = message_s

    def receive_text(self, data: bytes) -> None:
        super().receive_text(data)
        self._clock.now += self._message_s


class TurnsByHand(Turns):
    """Turns that the test gives to those who wait for one."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.readers: list[Reader] = []

    def add(self, reader: Reader, payer: object) -> None:
        self.readers.append(reader)


@pytest.mark.parametrize(("message_s", "last_slice"), [(0.001, range(1, 6)), (0.0, range(300, 700))])
def test_slices_are_as_long_as_their_time(
    connect: Callable[[], Peer], callbacks: Callbacks, message_s: float, last_slice: range
) -> None:
    clock = callbacks.ticker.clock
    assert isinstance(clock, Clock)
    callbacks.turns = turns = TurnsByHand(clock)
    peer = connect()
    slow = Slow(clock, message_s)
    peer.connection.hand_over(slow)
    peer.send(frame(b"x" * 100) * 2000)
    sizes = []
    while turns.readers:
        before = len(slow.got)
        turns.readers.pop().read_on()
        sizes.append(len(slow.got) - before)
    assert len(slow.got) == 2000
    assert sizes[-2] in last_slice  # the last one is what was left


def test_a_full_socket_is_told_once_it_drains(connect: Callable[[], Peer]) -> None:
    peer = connect()
    assert peer.connection.write(b"one")
    peer.connection.pause_writing()
    assert not peer.connection.write(b"two")
    peer.connection.resume_writing()
    assert peer.connection.write(b"three")
    assert peer.messages.drains == 1
    assert peer.socket.written == b"onetwothree"


def test_who_cannot_go_on_once_it_drains_is_cut_off(
    connect: Callable[[], Peer], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    peer = connect()
    monkeypatch.setattr(peer.messages, "drained", lambda: 1 / 0)
    peer.connection.pause_writing()
    peer.connection.resume_writing()
    assert peer.socket.ended, "it would wait for ever for what it missed"
    assert caplog.text.count("ZeroDivisionError") == 1


def test_the_end_is_told_once(connect: Callable[[], Peer], callbacks: Callbacks) -> None:
    peer = connect()
    assert len(callbacks.connections) == 1
    peer.connection.connection_lost(None)
    assert peer.messages.losses == 1
    assert not callbacks.connections


class EndingSocket(Socket):
    """As the loop's own: what is written behind its end is an error of ours."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        super().write(data)

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    aborted = False


def test_a_ping_behind_our_close_frame_is_not_answered_and_ends_nothing_early(
    callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = Loop(monkeypatch.setattr)
    connection = WebSocketConnection(callbacks)
    connection.connection_made(socket := EndingSocket())
    connection.hand_over(Messages(1000))
    connection.close(1001)
    connection.data_received(frame(b"early", Opcode.PING))
    loop.run()
    connection.data_received(frame(b"late", Opcode.PING))
    assert (socket.ended, socket.aborted) == (True, False)
    assert socket.written == b"\x88\x02\x03\xe9" + b"\x8a\x05early"


def test_a_receiver_that_fails_at_the_beginning_costs_its_own_connection_alone(
    callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Messages):
        def opened(self, connection: object) -> None:
            raise RuntimeError("a bug")

    Loop(monkeypatch.setattr)
    connection = WebSocketConnection(callbacks)
    connection.connection_made(socket := EndingSocket())
    connection.open(b"HTTP/1.1 101 \r\n\r\n", Failing(1000))
    assert socket.aborted
    assert "a connection is closed after an error of ours" in caplog.text


class Site:
    """Connections of one address, whose sessions may ask 5 times at once, and once a second from then on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = Loop(monkeypatch.setattr)
        self.callbacks = Callbacks(max_message_bytes=1000)
        limits = LimitSettings(commands_per_second_per_connection="1 burst 5.5")
        self.shares = Shares(limits, (), self.callbacks.ticker.clock)

        def note(reason: str, detail: str, who: Who | None = None, /) -> None:
            self.callbacks.note(reason, detail)

        self.places = Places(Capacity(99, 99, 99), limits, self.shares, Enforcement(limits, note, note))

    def connect(self) -> Peer:
        peer = Peer(self.callbacks)
        peer.connection.place = SessionPlace(self.places, self.shares.of_host("192.0.2.1"))
        return peer

    def wait(self, seconds: float) -> None:
        clock = self.callbacks.ticker.clock
        assert isinstance(clock, Clock)
        clock.now += seconds


PIECES = {
    "text": frame(b"x"),
    "binary": frame(b"x", Opcode.BINARY),
    "empty": frame(b""),
    "fragments": frame(b"x", fin=False) + frame(b"", Opcode.CONT),
    "ping": frame(b"", Opcode.PING),
}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


@pytest.mark.parametrize("kind", PIECES)
def test_who_asks_for_too_much_is_not_read_for_a_while(site: Site, kind: str) -> None:
    peer = site.connect()
    peer.send(PIECES[kind] * 400)
    site.loop.run()
    assert peer.connection.held
    assert not peer.socket.reading
    done = len(peer.messages.got) + len(peer.socket.written) // 2
    assert done == 6 or (kind != "text" and kind != "empty" and done < 100)
    assert site.callbacks.notes == ["connection-commands"]


def test_what_was_left_is_read_once_it_is_paid_for(site: Site) -> None:
    peer, last = site.connect(), frame(b"10")
    peer.send(b"".join(frame(b"%d" % number) for number in range(9)) + frame(b"", Opcode.PING) + last[:3])
    heard = [len(peer.messages.got)]
    for _ in range(9):
        site.wait(1.1)
        peer.connection.tick(site.callbacks.ticker.clock())
        site.loop.run()
        heard.append(len(peer.messages.got))
    assert heard[:5] == [6, 7, 8, 9, 9]
    assert peer.messages.got == [str(number) for number in range(9)]
    assert peer.socket.written == b"\x8a\0"
    assert peer.socket.reading
    peer.send(last[3:])
    assert peer.messages.got[-1] == "10"


def test_a_poster_is_never_held(site: Site) -> None:
    peer = site.connect()
    assert peer.connection.place is not None
    peer.connection.place.become_poster(KeyHolder())
    peer.send(frame(b"x") * 100)
    assert len(peer.messages.got) == 100
    assert not peer.connection.held


def test_who_is_a_poster_no_more_is_read_to_the_end_in_slices(site: Site) -> None:
    clock = site.callbacks.ticker.clock
    assert isinstance(clock, Clock)
    peer = site.connect()
    assert peer.connection.place is not None
    peer.connection.place.become_poster(KeyHolder())
    peer.send(frame(b"x"))
    peer.connection.place.stop_posting()
    slow = Slow(clock, 0.002)
    peer.connection.hand_over(slow)
    peer.send(frame(b"y") * 3)
    assert slow.got == ["y"]
    site.loop.run()
    assert slow.got == ["y"] * 3
    assert peer.socket.reading


def test_who_is_held_is_closed_like_everybody(site: Site) -> None:
    peer = site.connect()
    peer.send(frame(b"x") * 20)
    peer.connection.close(1012)
    assert peer.socket.written[:4] == b"\x88\x02\x03\xf4"
    assert not peer.connection.held
    site.loop.run()
    assert len(peer.messages.got) == 6


def test_a_second_connection_waits_for_the_slice_of_its_address(site: Site) -> None:
    clock = site.callbacks.ticker.clock
    assert isinstance(clock, Clock)
    one, other, stranger = site.connect(), site.connect(), Peer(site.callbacks)
    one.connection.hand_over(Slow(clock, 2 * SLICE_S))
    one.send(frame(b"x"))
    other.send(frame(b"y"))
    assert other.messages.got == []
    assert not other.socket.reading
    stranger.send(frame(b"z"))
    assert stranger.messages.got == ["z"]
    site.loop.run()
    assert other.messages.got == ["y"]
    assert other.socket.reading
