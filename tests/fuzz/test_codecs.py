"""Can bytes be found that a codec answers with anything but a result or its documented error?"""

import base64
import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from oyez.errors import ProtocolError
from oyez.wire import commands, engineio, json_text, socketio
from oyez.wire.commands import CommandError
from oyez.wire.json_text import Json
from oyez.wire.socketio_client import SocketIOClient
from oyez.wire.socketio_server import PacketReader
from tests.fuzz import fuzz

SURROGATES = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
texts = st.text(
    st.characters(exclude_categories=()) | SURROGATES | st.sampled_from('"\\/,{}[]\n\x00\x1e_0'), max_size=12
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([10**400, -0.0, 2**53])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
documents = st.builds(
    lambda value, escaped, space: json.dumps(value, ensure_ascii=escaped, separators=(f",{space}", f"{space}:")).encode(
        "utf-8", "backslashreplace" if not escaped else "strict"
    ),
    values,
    st.booleans(),
    st.sampled_from(["", " ", "\n\t"]),
)
snippets = st.sampled_from(
    [
        b'"\\ud800"',
        b'"\\uDFFF',
        b"1e400",
        b"-1E+999",
        b"NaN",
        b"-Infinity",
        b"[",
        b"]" * 3,
        b"[" * 2000,
        b"9" * 5000,
        b'"',
        b"{",
        b"}",
        b":",
        b",",
        b"0",
        b"-",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\x00",
        b" ",
        b"true",
        b'{"_placeholder":true,"num":',
    ]
)
almost_json = st.lists(documents | snippets | st.binary(max_size=4), max_size=5).map(b"".join)
any_json = documents | almost_json


def is_utf8(data: bytes) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        data.decode()
        return True
    return False


utf8_json = any_json.filter(is_utf8)  # what reaches these codecs has been checked for it


def strictly(data: bytes) -> object:
    """Read JSON as a browser would, with numbers kept as text; raises ValueError or RecursionError."""

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    return json.loads(data.decode(), parse_constant=refuse, parse_float=str, parse_int=str)


def split(data: bytes) -> tuple[list[Json], object]:
    """Split a list or an object; its values, and what an independent reader finds. Raises ProtocolError."""
    try:
        return json_text.split_array(data), strictly(data)
    except ProtocolError:
        members, whole = json_text.split_object(data), strictly(data)
        assert isinstance(whole, dict)
        assert list(members) == list(whole)
        return list(members.values()), list(whole.values())


@given(utf8_json)
@fuzz
def test_what_is_split_is_json_and_keeps_its_meaning(data: bytes) -> None:
    try:
        parts, whole = split(data)
    except ProtocolError:
        return
    assert isinstance(whole, list)
    if b"\\ud" not in data.lower():  # else numbers may have been written anew
        assert [strictly(bytes(part)) for part in parts] == whole
    for part in parts:
        value = json.loads(bytes(part))
        assert json_text.decode_string(part) == (value if isinstance(value, str) else None)


@given(values)
@fuzz
def test_all_json_is_taken(value: object) -> None:
    data = json.dumps([value]).encode()
    (element,) = json_text.split_array(data)
    assert json.loads(bytes(element)) == value


@given(texts)
@fuzz
def test_strings_survive(text: str) -> None:
    written = json_text.encode_string(text)
    assert json.loads(written.decode()) == json.loads(json.dumps(text))


payload_pieces = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"\x1e", b"b", b"b====", b"4", b"2probe", b"\xff"]),
    st.binary(max_size=20).map(lambda data: b"b" + base64.b64encode(data)),
)


@given(st.lists(payload_pieces, max_size=6).map(b"".join))
@fuzz
def test_engineio_payloads(body: bytes) -> None:
    try:
        packets = list(engineio.decode_payload(body))
    except ProtocolError:
        return
    written = engineio.encode_payload(engineio.encode_binary(data) if binary else data for data, binary in packets)
    assert list(engineio.decode_payload(written)) == packets
    assert written == body or b"=" in body  # base64 leaves bits before its padding that mean nothing


namespaces = st.sampled_from([b"", b"/,", b"/n,", b"/n?a=1,", b"/n", "/é,".encode()])
packets = st.builds(
    lambda *parts: b"".join(parts),
    st.sampled_from([b"", b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"51-", b"62-", b"511-", b"50-", b"7"]),
    namespaces,
    st.sampled_from([b"", b"0", b"12", b"9" * 41]),
    st.just(b"") | utf8_json | values.map(lambda value: json.dumps(["e", value]).encode()),
)


@given(packets | st.binary(max_size=20).filter(is_utf8))
@fuzz
def test_socketio_packets(data: bytes) -> None:
    try:
        packet = socketio.decode(data)
    except ProtocolError:
        return
    for arg in packet.args or ():
        json.loads(bytes(arg))
    assert packet.event not in socketio.RESERVED_EVENTS
    if packet.event is not None and not packet.expected_attachments:
        written = socketio.encode_event(
            packet.event, *packet.args or (), namespace=packet.namespace, ack_id=packet.ack_id
        )
        again = socketio.decode(written[1:])
        assert [bytes(arg) for arg in again.args or ()] == [bytes(arg) for arg in packet.args or ()]
        assert (again.event, again.namespace, again.ack_id) == (packet.event, packet.namespace, packet.ack_id)


@given(st.lists(packets | st.binary(max_size=3).map(lambda data: (data,)), max_size=6))
@fuzz
def test_socketio_order(received: list[bytes | tuple[bytes]]) -> None:
    reader = PacketReader()
    for each in received:
        try:
            packet = reader.receive_text(each) if isinstance(each, bytes) else reader.receive_binary(*each)
        except ProtocolError:
            return
        if packet is not None:
            assert len(packet.attachments) == packet.expected_attachments
            joining = packet.type is socketio.PacketType.CONNECT
            assert joining != (packet.namespace in reader.joined)
            if joining:
                reader.joined |= {packet.namespace}


command_values = st.one_of(
    values,
    st.fixed_dictionaries({}, optional={"channel": values | texts, "message": values}),
    st.fixed_dictionaries({"start": values | texts | st.floats(allow_nan=False, allow_infinity=False).map(str)}),
    st.fixed_dictionaries({"filter": st.lists(texts | values, max_size=5) | values}),
)


said = (
    st.builds(lambda kind, data: kind + data.decode(), st.sampled_from(["0", "4", "4", "1", "2", ""]), packets) | texts
)


@given(st.lists(said, max_size=6))
@fuzz
def test_socketio_clients(received: list[str]) -> None:
    client = SocketIOClient()
    for text in received:
        came = client.receive(text)
        assert (came.text, came.packet is None or not came.error) == (text, True)
        assert client.packets_to_send() == (["3" + text[1:]] if came.type == engineio.PING else [])
        assert came.payload in text


@given(command_values)
@fuzz
def test_commands(value: object) -> None:
    data = Json(json.dumps(value).encode())
    post = commands.parse_post(data)
    named = isinstance(value, dict) and isinstance(value.get("channel"), str)
    assert (post is not None) is named
    if post is not None and isinstance(value, dict):
        assert post.channel == json.loads(json.dumps(value["channel"]))
        event = json.loads(commands.encode_event(7, post.channel, post.message))
        assert event == json.loads(json.dumps({"id": 7} | {k: value[k] for k in ("channel", "message") if k in value}))
    start = commands.parse_start(data)
    assert start is None or 1 <= start <= commands.MAX_SAFE_INTEGER
    channels = commands.parse_filter(data, max_channels=3, max_length=5)
    if isinstance(channels, CommandError):
        assert json.loads(channels.encode())["status"] == "error"
    else:
        assert 1 <= len(channels) <= 3
        assert all(1 <= len(name.encode("utf-16-le", "surrogatepass")) <= 10 for name in channels)
