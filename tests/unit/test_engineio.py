"""Are Engine.IO's packets and payloads read and written byte for byte?"""

import pytest

from oyez.errors import ProtocolError
from oyez.wire import engineio
from oyez.wire.engineio import EnginePacket, OpenPacket, decode_payload, encode_binary, encode_payload


def test_open_packet() -> None:
    packet = OpenPacket("ab", ["websocket"], 25000, 20000, 10000)
    assert packet.encode() == (
        b'0{"sid":"ab","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10000}'
    )


@pytest.mark.parametrize(
    ("body", "packets"),
    [
        (b"4hello", [EnginePacket(b"4hello")]),
        (b"4\xe2\x82\xac\x1e3\x1e1", [EnginePacket("4€".encode()), EnginePacket(b"3"), EnginePacket(b"1")]),
        (b"bAQID\x1e4", [EnginePacket(b"\x01\x02\x03", binary=True), EnginePacket(b"4")]),
        (b"b", [EnginePacket(b"", binary=True)]),
    ],
)
def test_payloads_are_read_and_written(body: bytes, packets: list[EnginePacket]) -> None:
    assert list(decode_payload(body)) == packets
    assert encode_payload(encode_binary(data) if binary else data for data, binary in packets) == body


@pytest.mark.parametrize(
    "body", [b"", b"\x1e", b"4a\x1e", b"\x1e4a", b"7", b"abc", b"4\xff", b"b!", b"bA", b"bAQ=D", b"b\xff", b" 4"]
)
def test_bad_payloads_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(decode_payload(body))


def test_one_bad_packet_refuses_the_payload() -> None:
    with pytest.raises(ProtocolError):
        list(decode_payload(engineio.SEPARATOR.join([b"4good", b"9bad"])))
