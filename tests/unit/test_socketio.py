"""Are Socket.IO's packets read and written byte for byte, and taken in the right order only?"""

import pytest

from oyez.errors import ProtocolError
from oyez.wire import socketio
from oyez.wire.socketio import Packet, PacketType, decode
from oyez.wire.socketio_server import PacketReader

PLACEHOLDER = b'{"_placeholder":true,"num":%d}'
TOO_DEEP = b"[" * 20_000 + b"]" * 20_000  # an interpreter allows 1,000 levels, or, as Python 3.13 does, 10,000


def args(packet: Packet | None) -> list[bytes]:
    assert packet is not None
    return [bytes(arg) for arg in packet.args or ()]


@pytest.mark.parametrize(
    ("data", "kind", "namespace", "ack_id", "event", "arguments"),
    [
        (b"0", PacketType.CONNECT, "/", None, None, []),
        (b"0/admin,", PacketType.CONNECT, "/admin", None, None, []),
        (b"0/admin", PacketType.CONNECT, "/admin", None, None, []),
        (b"0/?token=x", PacketType.CONNECT, "/?token=x", None, None, []),
        (b"1", PacketType.DISCONNECT, "/", None, None, []),
        (b'2["post",{"a":1}]', PacketType.EVENT, "/", None, "post", [b'{"a":1}']),
        (b'212["post", 1 , [2]]', PacketType.EVENT, "/", 12, "post", [b"1", b"[2]"]),
        (b'2/n,7["x"]', PacketType.EVENT, "/n", 7, "x", []),
        (b'2100000000000000000000["x"]', PacketType.EVENT, "/", 10**20, "x", []),
        (b"2[5,1]", PacketType.EVENT, "/", None, None, [b"1"]),
        (b"2[ -5]", PacketType.EVENT, "/", None, None, []),
        (b"2", PacketType.EVENT, "/", None, None, []),
        (b'2["\\ud800",1]', PacketType.EVENT, "/", None, "\ud800", [b"1"]),
        (b"312[1]", PacketType.ACK, "/", 12, None, [b"1"]),
        (b"3", PacketType.ACK, "/", None, None, []),
    ],
)
def test_packets_are_read(
    data: bytes, kind: PacketType, namespace: str, ack_id: int | None, event: str | None, arguments: list[bytes]
) -> None:
    packet = decode(data)
    assert (packet.type, packet.namespace, packet.ack_id, packet.event) == (kind, namespace, ack_id, event)
    assert args(packet) == arguments


def test_auth_is_kept_as_it_came() -> None:
    assert decode(b'0{"role": "sender"}').auth == b'{"role": "sender"}'
    assert decode(b"0").auth is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"abc", b"7[]", b"8", b"2{}", b"2[]", b"2[null]", b"2[true]", b"2[{}]", b'2["a"', b"2[NaN]", b"2abc[]",
        b'0"x"', b"0[]", b"0null", b"1x", b'5["a"]', b'50-["a"]', b'511-["a"]', b"5", b"51", b"6-[]",
        b'2["\\ud800",NaN]',
        *(b'2["%s"]' % name.encode() for name in sorted(socketio.RESERVED_EVENTS)),
        b'2' + TOO_DEEP,
        b'2["a",%s]' % TOO_DEEP,
        b'51-["a",%s]' % (PLACEHOLDER % 1),
        b'51-["a",%s]' % PLACEHOLDER.replace(b"%d", b"-1"),
        b'51-["a",{"num":1,"_placeholder":true}]',
        b'51-["a",{"_placeholder":true}]',
        b'51-["a",{"_placeholder":true,"num":"0"}]',
        b'51-["a",{"_placeholder":true,"num":3,"more":1}]',
    ],
)  # fmt: skip
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)


def test_up_to_ten_attachments() -> None:
    assert decode(b'510-["a",%s]' % (PLACEHOLDER % 9)).expected_attachments == 10


@pytest.mark.parametrize(
    ("written", "data"),
    [
        (socketio.encode_connect("s1"), b'40{"sid":"s1"}'),
        (socketio.encode_connect("s1", "/n"), b'40/n,{"sid":"s1"}'),
        (socketio.encode_connect_error("Authentication failed"), b'44{"message":"Authentication failed"}'),
        (socketio.encode_connect_error("Invalid namespace", "/n"), b'44/n,{"message":"Invalid namespace"}'),
        (socketio.encode_event("a", b"1", b"{}"), b'42["a",1,{}]'),
        (socketio.encode_event("a", namespace="/n", ack_id=0), b'42/n,0["a"]'),
        (socketio.encode_event("a", PLACEHOLDER % 0, attachments=1), b'451-["a",{"_placeholder":true,"num":0}]'),
        (socketio.encode_ack(0, [b"1"]), b"430[1]"),
        (socketio.encode_ack(12, [b"1", b"2"], "/n"), b"43/n,12[1,2]"),
        (socketio.encode_ack(3, []), b"433[]"),
        (socketio.encode_ack(3, [PLACEHOLDER % 0], attachments=1), b'461-3[{"_placeholder":true,"num":0}]'),
    ],
)
def test_packets_are_written(written: bytes, data: bytes) -> None:
    assert written == data


# The order of packets


def joined(*namespaces: str) -> PacketReader:
    reader = PacketReader()
    reader.joined |= frozenset(namespaces)
    return reader


@pytest.mark.parametrize(
    ("namespaces", "data"),
    [((), b"0"), (("/",), b"0/n,"), (("/",), b'2["a"]'), (("/n",), b'2/n,["a"]'), (("/",), b"1"), (("/",), b"31[]")],
)
def test_packets_in_order(namespaces: tuple[str, ...], data: bytes) -> None:
    assert joined(*namespaces).receive_text(data) == decode(data)


@pytest.mark.parametrize(
    ("namespaces", "data"),
    [
        ((), b'2["a"]'),
        ((), b"1"),
        ((), b"31[]"),
        ((), b"4{}"),
        (("/",), b"0"),
        (("/",), b'2/n,["a"]'),
        (("/",), b'4{"message":"x"}'),
    ],
)
def test_packets_out_of_order_are_refused(namespaces: tuple[str, ...], data: bytes) -> None:
    with pytest.raises(ProtocolError):
        joined(*namespaces).receive_text(data)


@pytest.mark.parametrize("kind", [b"5", b"6"])
def test_attachments_complete_a_packet(kind: bytes) -> None:
    session = joined("/")
    assert session.receive_text(kind + b'2-1["a",%s,%s]' % (PLACEHOLDER % 0, PLACEHOLDER % 1)) is None
    assert session.receive_binary(b"one") is None
    packet = session.receive_binary(b"two")
    assert packet is not None
    assert packet.attachments == (b"one", b"two")
    assert packet.ack_id == 1
    assert session.receive_text(b'2["next"]') is not None


def test_text_where_an_attachment_is_due_is_refused() -> None:
    session = joined("/")
    session.receive_text(b'51-["a"]')
    with pytest.raises(ProtocolError):
        session.receive_text(b'2["a"]')


def test_an_attachment_that_nobody_announced_is_refused() -> None:
    with pytest.raises(ProtocolError):
        joined("/").receive_binary(b"")


def test_a_binary_packet_out_of_order_is_refused_once_complete() -> None:
    session = joined()
    session.receive_text(b'51-["a"]')
    with pytest.raises(ProtocolError):
        session.receive_binary(b"")
