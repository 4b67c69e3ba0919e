"""Are namespaces joined and left as Socket.IO 5 says, and links that break the order closed?"""

import json
import time

import pytest

from tests.conformance.conftest import Echo
from tests.raw import NO_CODE

SOCKET = "/socket.io/"


@pytest.mark.parametrize("namespace", ["", "/custom,"])
@pytest.mark.parametrize("auth", ["", "{}", '{"token":"123"}', '{ "a" : [1, null, "é"] }'])
def test_connect_is_answered_with_a_session_and_its_payload(echo: Echo, namespace: str, auth: str) -> None:
    with echo.open(SOCKET) as link:
        link.send(f"40{namespace}{auth}")
        answer = str(link.receive())
        assert answer.startswith(f"40{namespace}{{")
        payload = json.loads(answer[2 + len(namespace) :])
        assert list(payload) == ["sid"]
        assert isinstance(payload["sid"], str)
        event = str(link.receive())
        assert event.startswith(f"42{namespace}[")
        assert json.loads(event[2 + len(namespace) :]) == ["auth", json.loads(auth or "{}")]


def test_default_namespace_may_be_named(echo: Echo) -> None:
    with echo.open(SOCKET) as link:
        link.send("40/,")
        assert str(link.receive()).startswith('40{"sid":')


def test_session_ids_differ_from_the_links_and_from_each_other(echo: Echo) -> None:
    with echo.dial(SOCKET) as link:
        packets = [str(link.receive())]
        link.send("40", "40/custom,")
        packets += [str(packet) for packet in link.take(4)]
        sids = {packet[packet.index("{") :] for packet in packets if packet.startswith(("0", "40"))}
        assert len({json.loads(payload)["sid"] for payload in sids}) == 3


@pytest.mark.parametrize("namespace", ["/random", "/?token=x", "/custom/deeper", "/Custom", "/né"])
def test_unknown_namespace_is_refused_and_the_link_stays(echo: Echo, namespace: str) -> None:
    with echo.open(SOCKET) as link:
        link.send(f"40{namespace},")
        assert link.receive() == f'44{namespace},{{"message":"Invalid namespace"}}'
        link.send("40")
        assert str(link.receive()).startswith('40{"sid":')


def test_polling_connects_too(echo: Echo) -> None:
    session = echo.poll(SOCKET)
    session.post("40")
    received = session.packets()
    while len(received) < 2:
        received += session.packets()
    assert received[0].startswith('40{"sid":')
    assert received[1] == '42["auth",{}]'
    session.post('42["message",1]', '42["message",2]')
    assert session.packets() == ['42["message-back",1]', '42["message-back",2]']


@pytest.mark.parametrize("first", ["", "40/random,"])
def test_link_that_joins_nothing_is_closed_after_a_second(echo: Echo, first: str) -> None:
    began = time.monotonic()
    with echo.open(SOCKET) as link:
        if first:
            link.send(first)
        assert link.close_code() == NO_CODE
        assert 0.98 <= time.monotonic() - began < 15


def test_poller_that_joins_nothing_is_gone_after_a_second(echo: Echo) -> None:
    began = time.monotonic()
    session = echo.poll(SOCKET)
    answer = session.get()
    assert answer.status == 200
    assert answer.body in ("1", "6")
    assert time.monotonic() - began >= 0.98
    assert session.is_gone


def test_link_that_joined_stays_beyond_the_connect_timeout(echo: Echo) -> None:
    with echo.connected("/custom") as link:
        began = time.monotonic()
        while time.monotonic() - began < 1.3:
            link.send('42/custom,["message",1]')
            assert link.receive() == '42/custom,["message-back",1]'
            time.sleep(0.05)


def test_left_namespace_can_be_joined_again(echo: Echo) -> None:
    with echo.connected() as link:
        link.send("41")
        link.send("40")
        assert str(link.receive()).startswith('40{"sid":')
        assert link.receive() == '42["auth",{}]'
        link.send('42["message"]')
        assert link.receive() == '42["message-back"]'


def test_one_namespace_is_left_and_the_other_stays(echo: Echo) -> None:
    with echo.connected() as link:
        link.send("40/custom,")
        assert str(link.receive()).startswith("40/custom,")
        assert link.receive() == '42/custom,["auth",{}]'
        link.send("41/custom,", '42["message","main"]')
        assert link.receive() == '42["message-back","main"]'
        link.send('42/custom,["message","left"]')
        assert link.close_code() == NO_CODE


def test_events_of_two_namespaces_do_not_mix(echo: Echo) -> None:
    with echo.connected() as link:
        link.send("40/custom,")
        assert str(link.receive()).startswith("40/custom,")
        assert link.receive() == '42/custom,["auth",{}]'
        link.send('42["message",1]', '42/custom,["message",2]', '42/custom,3["message-with-ack"]', '424["message",4]')
        assert link.take(4) == [
            '42["message-back",1]',
            '42/custom,["message-back",2]',
            "43/custom,3[]",
            '42["message-back",4]',
        ]


@pytest.mark.parametrize(
    "packet",
    [
        '42["message"]',
        '42/custom,["message"]',
        '42/other,["message"]',
        "41",
        "43[]",
        '431["x"]',
        "40[]",
        '40"x"',
        "40null",
        "40{",
        "40{]",
        "40abc",
        "40{}x",
    ],
)
def test_packet_before_connect_closes_the_link(echo: Echo, packet: str) -> None:
    with echo.open(SOCKET) as link:
        link.send(packet)
        assert link.close_code() == NO_CODE


@pytest.mark.parametrize(
    "packet", ["40", "40{}", "44", '44{"message":"x"}', "41/custom,", '42/custom,["message"]', "43/custom,1[]", "41{}"]
)
def test_packet_out_of_order_closes_the_link(echo: Echo, packet: str) -> None:
    with echo.connected() as link:
        link.send(packet)
        assert link.close_code() == NO_CODE
