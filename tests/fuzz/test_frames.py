"""Do all ways to cut a stream of frames give the same messages, and those that the `websockets` library gives?"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from oyez.net.websocket.connection import WebSocketConnection
from oyez.wire.websocket import SHORTEST_FRAME, read_letter, take_text_frames
from tests.fake_sockets import Callbacks, Loop, Messages, Socket
from tests.fuzz import fuzz

LIMIT = 300

payloads = st.binary(max_size=8) | st.sampled_from([b"", b"hello", "é😀".encode()]) | st.sampled_from(
    [b"x" * size for size in (125, 126, 127, LIMIT, LIMIT + 1)]
)  # fmt: skip


def write(opcode: Opcode, payload: bytes, fin: bool) -> bytes:
    return Frame(opcode, payload[:125] if opcode >= Opcode.CLOSE else payload, fin or opcode >= Opcode.CLOSE).serialize(
        mask=True
    )


frames = st.builds(
    write, st.sampled_from([Opcode.TEXT] * 6 + [Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.PONG]), payloads,
    st.sampled_from([True, True, True, False]),
)  # fmt: skip
broken = st.sampled_from(
    [
        b"\x81\x02hi",
        b"\xc1\x80\x00\x00\x00\x00",
        b"\x83\x80\x00\x00\x00\x00",
        b"\x81\xff" + b"\x7f" * 8,
        b"\x81\xfe\x00\x01\x00\x00\x00\x00x",
        write(Opcode.CLOSE, b"\x03\xe8", fin=True),
        b"\x81",
        b"\x82\x85",
        b"\x81\xfe",
    ]
)
streams = st.lists(frames | frames | frames | broken, max_size=6).map(b"".join) | st.binary(max_size=20)
cuts = st.lists(st.integers(0, 1000), max_size=8)


def pieces(data: bytes, at: list[int]) -> Iterator[bytes]:
    ends = sorted({end for end in at if 0 < end < len(data)} | {len(data)})
    for begin, end in zip([0, *ends], ends, strict=False):
        yield data[begin:end]


@pytest.fixture(scope="module", autouse=True)
def loop() -> Iterator[Loop]:
    with pytest.MonkeyPatch.context() as patch:
        yield Loop(patch.setattr)


class Peer:
    """A connection whose handshake is done, and what came out of it."""

    def __init__(self, callbacks: Callbacks) -> None:
        self.connection = WebSocketConnection(callbacks)
        self.socket = Socket()
        self.connection.connection_made(self.socket)
        self.messages = Messages(LIMIT)
        self.connection.hand_over(self.messages)

    def feed(self, data: bytes) -> None:
        if not self.connection.closing:
            self.connection.data_received(data)

    def result(self) -> tuple[list[str | bytes], bytes]:
        """Return the messages and answers; of two broken rules in one piece either may give its code to the end."""
        return self.messages.got, b"ended" if self.connection.closing else self.socket.written


def by_library(data: bytes) -> tuple[list[bytes], int | None]:
    """Return the whole text frames that the stream begins with, and the code with which the library ends it."""
    protocol = Protocol(SERVER, state=OPEN, max_size=LIMIT)
    protocol.receive_data(data)
    texts: list[bytes] = []
    for event in protocol.events_received():
        if not (isinstance(event, Frame) and event.opcode is Opcode.TEXT and event.fin):
            break
        texts.append(bytes(event.data))
    return texts, protocol.close_sent.code if protocol.close_sent else None


@given(streams)
@fuzz
def test_the_short_cut_takes_what_the_library_would(data: bytes) -> None:
    texts, _ = by_library(data)
    messages, taken, more = take_text_frames(data, LIMIT)
    assert messages == texts[: len(messages)]
    assert by_library(data[:taken]) == (messages, None)
    if len(messages) < len(texts):  # it may stop early at forms of the header that it does not know
        assert data[taken + 1] & 0x7F == 126
    if more:
        assert by_library(data[taken:]) == ([], None)


@given(streams, cuts)
@fuzz
def test_cutting_a_stream_changes_nothing(data: bytes, at: list[int]) -> None:
    whole, in_pieces, by_bytes = (Peer(Callbacks()) for _ in range(3))
    whole.feed(data)
    for piece in pieces(data, at):
        in_pieces.feed(piece)
    for index in range(len(data)):
        by_bytes.feed(data[index : index + 1])
    assert in_pieces.result() == whole.result()
    assert by_bytes.result() == whole.result()


@given(st.lists(st.tuples(st.integers(0, 2), streams, cuts), min_size=2, max_size=6))
@fuzz
def test_neighbours_have_no_effect(traffic: list[tuple[int, bytes, list[int]]]) -> None:
    """Three connections that share what connections share, beside three that have it each for itself."""
    callbacks = Callbacks()
    sharing, alone = [Peer(callbacks) for _ in range(3)], [Peer(Callbacks()) for _ in range(3)]
    queues = [[(who, piece) for piece in pieces(data, at)] for who, data, at in traffic if data]
    while any(queues):
        for queue in queues:
            if queue:
                who, piece = queue.pop(0)
                sharing[who].feed(piece)
                alone[who].feed(piece)
    assert [peer.result() for peer in sharing] == [peer.result() for peer in alone]


shortest = st.binary(min_size=SHORTEST_FRAME, max_size=SHORTEST_FRAME)


@given(shortest | shortest.map(lambda data: b"\x81\x81" + data[2:]))
@fuzz
def test_the_shortest_frame_is_read_alike(data: bytes) -> None:
    letter = read_letter(data)
    if letter:
        assert take_text_frames(data, LIMIT) == ([bytes((letter,))], SHORTEST_FRAME, False)
    else:
        assert set(take_text_frames(data, LIMIT)[0]) <= {b"", b"\0"}
