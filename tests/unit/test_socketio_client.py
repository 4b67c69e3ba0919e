"""Does the client's side of Socket.IO join, ask and answer by the rules, and tell what came, whatever that is?"""

import pytest

from oyez.errors import ProtocolError
from oyez.wire import engineio
from oyez.wire.socketio import PacketType
from oyez.wire.socketio_client import SocketIOClient, State, read_handshake, read_packet, split_payload

OPEN = '0{"sid":"x9","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10000}'


def sent(client: SocketIOClient) -> list[str]:
    """Take what is to be sent, and see that it is given once."""
    packets = client.packets_to_send()
    assert client.packets_to_send() == []
    return packets


def states(client: SocketIOClient, *packets: str) -> list[State]:
    """Give packets to a client; returns its state after each."""
    found = []
    for packet in packets:
        client.receive(packet)
        found.append(client.state)
    return found


def test_a_client_waits_for_the_handshake_and_joins_when_it_is_told_to() -> None:
    client = SocketIOClient()
    assert client.receive(OPEN).type == engineio.OPEN
    assert client.handshake is not None
    assert (client.handshake.sid, client.handshake.maxPayload) == ("x9", 10_000)
    assert sent(client) == []
    client.join(b'{"role":"client"}')
    assert sent(client) == ['40{"role":"client"}']
    assert states(client, '40{"sid":"y7"}') == [State.JOINED]
    assert client.receive('40/x,{"sid":"z5"}').payload == '{"sid":"z5"}'


def test_only_the_answer_for_its_own_namespace_counts() -> None:
    client = SocketIOClient("/admin")
    client.join(b'{"a":1}')
    client.join(namespace="/other")
    client.join(namespace="/")
    assert sent(client) == ['40/admin,{"a":1}', "40/other,", "40"]
    assert states(client, "40", '44/other,{"message":"no"}', "41") == [State.OUTSIDE] * 3
    assert states(client, '40/admin,{"sid":"a"}', "41/admin,") == [State.JOINED, State.ENDED]


@pytest.mark.parametrize(
    ("packet", "refusal"),
    [
        ('44{"message":"Authentication failed"}', "Authentication failed"),
        ('44"no"', '"no"'),
        ('44{"message":5}', '{"message":5}'),
        ("44not json", "not json"),
        ("44", ""),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(packet: str, refusal: str) -> None:
    client = SocketIOClient()
    client.receive(packet)
    assert (client.state, client.refusal) == (State.REFUSED, refusal)


def test_the_end_of_the_session_is_noticed() -> None:
    assert states(SocketIOClient(), "40", "1") == [State.JOINED, State.ENDED]


def test_pings_are_answered_with_what_they_carry() -> None:
    client = SocketIOClient()
    client.receive("2")
    client.receive("2probe")
    client.receive("6")
    client.receive("3")
    assert sent(client) == ["3", "3probe"]


def test_events_go_out_and_questions_are_numbered() -> None:
    client = SocketIOClient("/admin")
    client.emit("a")
    client.emit("a b", b"1", b'{"x": [1]}')
    assert client.ask("a", b'"x"') == 1
    assert client.ask("b") == 2
    client.acknowledge(7, [b"1", b"2"])
    assert sent(client) == [
        '42/admin,["a"]',
        '42/admin,["a b",1,{"x": [1]}]',
        '42/admin,1["a","x"]',
        '42/admin,2["b"]',
        "43/admin,7[1,2]",
    ]


def test_events_and_acknowledgements_come_as_packets() -> None:
    client = SocketIOClient()
    event = client.receive('42["message",{"id":5},1]').packet
    assert event is not None
    assert (event.event, [bytes(arg) for arg in event.args or ()]) == ("message", [b'{"id":5}', b"1"])
    answer = client.receive("431[true]").packet
    assert answer is not None
    assert (answer.type, answer.ack_id) == (PacketType.ACK, 1)
    binary = client.receive('451-["a",{"_placeholder":true,"num":0}]').packet
    assert binary is not None
    assert (binary.event, binary.expected_attachments) == ("a", 1)


@pytest.mark.parametrize("text", ["", "hello", "7", "bAAEC", "é", "\ud800"])
def test_what_begins_with_no_type_is_told_and_changes_nothing(text: str) -> None:
    client = SocketIOClient()
    received = client.receive(text)
    assert (received.text, received.type, received.packet) == (text, b"", None)
    assert received.error
    assert (client.state, sent(client)) == (State.OUTSIDE, [])


@pytest.mark.parametrize("text", ["4", "49", '42{"a":1}', "42[", '42["connect"]', "42[]", "40[1]", '42["\ud800"]'])
def test_a_message_that_is_no_packet_is_told_with_its_reason(text: str) -> None:
    received = read_packet(text)
    assert (received.type, received.packet) == (engineio.MESSAGE, None)
    assert received.error


@pytest.mark.parametrize(
    "text", ["0", "0[]", '0{"sid":"x"}', OPEN.replace("25000", '"25000"'), OPEN[1:], "", "0\ud800"]
)
def test_what_is_no_handshake_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        read_handshake(text)
    client = SocketIOClient()
    assert client.receive(text).error
    assert client.handshake is None


def test_a_polling_answer_is_split_into_its_packets() -> None:
    assert split_payload('40\x1e42["a\\u001e"]\x1e2') == ["40", '42["a\\u001e"]', "2"]
    assert split_payload("") == [""]
