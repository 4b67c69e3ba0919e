"""Are events and acknowledgements carried whole, text and binary, and is every malformed packet the end of its link?"""

import json

import pytest

from tests.conformance.conftest import Echo
from tests.raw import NO_CODE

SOCKET = "/socket.io/"
NOUGHT, ONE = '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":1}'

ARGUMENTS = [
    "",
    ',1,"2",{"3":[true]}',
    ',"né ☃ 😀 \\u2603"',
    ",[[],{},null,-0.5e-7,12345678901234567890]",
    ', "spaced" , 1 ',
]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_event_comes_back_with_its_arguments(echo: Echo, arguments: str) -> None:
    with echo.connected() as link:
        link.send(f'42["message"{arguments}]')
        answer = str(link.receive())
        assert answer.startswith('42["message-back"')
        assert json.loads(answer[2:])[1:] == json.loads(f"[0{arguments}]")[1:]


@pytest.mark.parametrize("ack_id", ["0", "1", "456", "12345678901234567890"])
@pytest.mark.parametrize("arguments", ["", "1", '1,"2",{"3":[false]}'])
def test_acknowledgement_has_the_number_that_was_given(echo: Echo, ack_id: str, arguments: str) -> None:
    with echo.connected() as link:
        comma = "," if arguments else ""
        link.send(f'42{ack_id}["message-with-ack"{comma}{arguments}]')
        assert link.receive() == f"43{ack_id}[{arguments}]"


@pytest.mark.parametrize("where", ["", "/custom,"])
def test_binary_event_comes_back_with_its_attachments(echo: Echo, where: str) -> None:
    with echo.connected(where.rstrip(",") or "/") as link:
        link.send(f'452-{where}["message",{NOUGHT},"between",{ONE}]', b"\x01\x02\x03", b"")
        assert link.take(3) == [f'452-{where}["message-back",{NOUGHT},"between",{ONE}]', b"\x01\x02\x03", b""]


def test_binary_acknowledgement(echo: Echo) -> None:
    with echo.connected() as link:
        link.send(f'452-789["message-with-ack",{NOUGHT},{ONE}]', b"\x01", b"\x02")
        assert link.take(3) == [f"462-789[{NOUGHT},{ONE}]", b"\x01", b"\x02"]


def test_ten_attachments_are_allowed(echo: Echo) -> None:
    with echo.connected() as link:
        link.send(f'4510-["message",{NOUGHT}]', *[b"%d" % n for n in range(10)])
        assert link.take(11) == [f'4510-["message-back",{NOUGHT}]', *[b"%d" % n for n in range(10)]]


def test_binary_event_over_polling(echo: Echo) -> None:
    session = echo.poll(SOCKET)
    session.post("40")
    received: list[str] = []
    while len(received) < 2:
        received += session.packets()
    session.post(f'451-["message",{NOUGHT}]', "bAQIDBA==")
    assert session.packets() == [f'451-["message-back",{NOUGHT}]', "bAQIDBA=="]


def test_attachments_may_come_late(echo: Echo) -> None:
    with echo.connected() as link:
        link.send(f'451-["message",{NOUGHT}]')
        link.send(b"late")
        assert link.take(2) == [f'451-["message-back",{NOUGHT}]', b"late"]


@pytest.mark.parametrize(
    "packet",
    [
        "42",
        "421",
        '42["unknown"]',
        '421["unknown",1]',
        "43[]",
        "431[]",
        '43999["x"]',
        "42[1]",
        '42[-1.5,"x"]',
        "431",
        '42["message-with-ack"]',
        '461-9["x"]',
    ],
)
def test_packet_without_effect_is_ignored(echo: Echo, packet: str) -> None:
    with echo.connected() as link:
        link.send(packet, *([b"x"] if packet[1] == "6" else []), '42["message","alive"]')
        assert link.receive() == '42["message-back","alive"]'


MALFORMED = [
    "4", "4abc", "47[]", "48", "49", "42{}", "42[]", "42[null]", '42"x"', "42[true]", "42[{}]", "42[[]]", "42[", "42]",
    '42["message"', '42["message",]', '42["message",NaN]', '42["message",Infinity]', "42['message']", '42["message"]x',
    '42abc["message"]', '42-1["message"]', '421.5["message"]', "43{}", "431{}", '431"x"', "43[", "4é",
    "45", "45[]", '45["message"]', '45-["message"]', "450-", '450-["message"]', '45a-["message"]', '4511-["message"]',
    '451-["message",{"_placeholder":true,"num":1}]', '451-["message",{"_placeholder":true,"num":-1}]',
    '451-["message",{"_placeholder":true,"num":0.5}]', '451-["message",{ "_placeholder" : true , "num" : 7 }]',
    '45999999999-["message"]', "46", "460-1[]", "451-{}", "451-[]", "451-[null]", '451-["connect"]',
    '42["message","\x01"]', '42["message",01]', '42["message","\\x"]', "42[" + "[" * 2000 + "]" * 2000 + "]",
    '42["message",' + "[" * 5000, '42["message",' + "9" * 9000 + "x]",
]  # fmt: skip
RESERVED = ["connect", "disconnect", "connect_error", "disconnecting", "newListener", "removeListener"]


@pytest.mark.parametrize("packet", MALFORMED, ids=lambda packet: packet[:30])
def test_malformed_packet_closes_the_link(echo: Echo, packet: str) -> None:
    with echo.connected() as link:
        link.send(packet, '42["message","too late"]')
        assert link.close_code() == NO_CODE


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("head", ["42", "427", "451-"])
def test_reserved_name_closes_the_link(echo: Echo, name: str, head: str) -> None:
    with echo.connected() as link:
        link.send(f'{head}["{name}"]')
        assert link.close_code() == NO_CODE


def test_binary_that_nobody_announced_closes_the_link(echo: Echo) -> None:
    with echo.connected() as link:
        link.send(b"stray")
        assert link.close_code() == NO_CODE


@pytest.mark.parametrize("packet", ['42["message"]', f'451-["message",{NOUGHT}]', "41"])
def test_text_where_an_attachment_is_due_closes_the_link(echo: Echo, packet: str) -> None:
    with echo.connected() as link:
        link.send(f'451-["message",{NOUGHT}]', packet)
        assert link.close_code() == NO_CODE


@pytest.mark.parametrize("packet", ["4abc", '42["connect"]', "42[]", "44", f'451-["message",{ONE}]'])
def test_malformed_packet_ends_a_polling_session(echo: Echo, packet: str) -> None:
    session = echo.poll(SOCKET)
    session.post("40")
    session.post(packet)
    assert session.is_gone
