"""Does a parser put messages together, hold them to a length, and forget its peer before another one borrows it?"""

import tracemalloc

import pytest
from websockets.frames import Frame, Opcode

from oyez.net.websocket.parser import FrameParser, WholeMessage


def frame(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=True)


@pytest.fixture
def parser() -> FrameParser:
    return FrameParser(1000)


def test_fragments_are_one_message_however_they_come(parser: FrameParser) -> None:
    stream = frame(b"a", Opcode.BINARY, fin=False) + frame(b"b", Opcode.CONT) + frame(b"c")
    messages = [message for place in range(len(stream)) for message in parser.feed(stream[place : place + 1])]
    assert messages == [WholeMessage(False, b"ab"), WholeMessage(True, b"c")]


@pytest.mark.parametrize(
    "beginning",
    [b"\x81", frame(b"x" * 300)[:200], frame(b"x", fin=False), frame(b"", fin=False), frame(b"", Opcode.CLOSE)],
    ids=["header", "payload", "fragment", "empty fragment", "close"],
)
def test_it_is_not_lent_while_there_is_a_trace_of_its_peer(parser: FrameParser, beginning: bytes) -> None:
    assert parser.is_between_messages
    parser.feed(beginning)
    assert not parser.is_between_messages


def test_it_is_free_again_between_two_messages(parser: FrameParser) -> None:
    parser.feed(frame(b"a", fin=False))
    parser.feed(frame(b"b", Opcode.CONT) + frame(b"", Opcode.PING))
    assert parser.take_output() == [b"\x8a\0"]
    assert parser.is_between_messages


def test_what_is_too_long_shows_before_it_is_whole(parser: FrameParser) -> None:
    parser.feed(frame(b"x" * 500)[:400])
    assert parser.is_longer_than(300)
    assert not parser.is_longer_than(400)


@pytest.mark.parametrize(("payload", "fragments"), [(b"", 20_000), (b"x", 9_000)], ids=["empty", "of a byte"])
def test_fragments_cost_what_is_in_them(parser: FrameParser, payload: bytes, fragments: int) -> None:
    parser = FrameParser(10_000)
    parser.feed(frame(payload, fin=False))
    one = frame(payload, Opcode.CONT, fin=False) * 100
    tracemalloc.start()
    try:
        for _ in range(fragments // 100):
            parser.feed(one)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * len(payload) * fragments + 2000
    assert not parser.is_longer_than(fragments + 1)
    assert parser.is_longer_than(fragments)
    assert parser.feed(frame(b"", Opcode.CONT)) == [WholeMessage(True, payload * (fragments + 1))]


def test_once_the_end_has_begun_only_the_peers_close_counts(parser: FrameParser) -> None:
    parser.feed(frame(b"a", fin=False))
    parser.close(1001)
    parser.discard()
    assert parser.feed(frame(b"b", Opcode.CONT) + frame(b"c")) == []
    assert not parser.is_closed
    parser.feed(frame((1001).to_bytes(2, "big"), Opcode.CLOSE))
    assert parser.is_closed
    assert parser.take_output() == [b"\x88\x02\x03\xe9", b""]
    assert not parser.is_between_messages


def test_what_a_peer_broke_is_named_once(parser: FrameParser) -> None:
    parser.feed(b"\x81\x02hi")
    assert parser.has_ended
    assert parser.take_error() == "incorrect masking"
    assert parser.take_error() is None
    assert parser.take_output() == [b"\x88\x13\x03\xeaincorrect masking", b""]
