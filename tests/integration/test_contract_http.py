"""The door's HTTP side and its limits, to the byte: handshake, headers, preflight, sizes."""

import json
import re

import pytest

from tests.daemon import Daemon
from tests.integration.dialects import RawListener
from tests.integration.links import SUCCESS, TARGET, Poller, Sender, listen
from tests.raw import Answer, Polling, WebSocket, frame, request
from tests.scenarios import new_channel

OPEN = r'0\{"sid":"[\w-]{20}","upgrades":\[%s\],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10000\}'
POLL = "/socket.io/?EIO=4&transport=polling"


def test_handshakes_to_the_byte(daemon: Daemon) -> None:
    assert re.fullmatch(OPEN % '"websocket"', request(daemon.port, "GET", POLL).body)
    with WebSocket(daemon.port, TARGET) as websocket:
        assert websocket.headers["access-control-allow-origin"] == "*"
        assert "sec-websocket-extensions" not in websocket.headers
        assert "set-cookie" not in websocket.headers
        assert re.fullmatch(OPEN % "", str(websocket.receive()))


def test_connect_is_answered_to_the_byte(daemon: Daemon) -> None:
    with listen(daemon.port) as link:
        assert re.fullmatch(r'40\{"sid":"[\w-]{20}"\}', link.connected)
        assert json.loads(link.connected[2:])["sid"] != json.loads(link.handshake[1:])["sid"]


def answers(port: int) -> dict[str, Answer]:
    session = Polling(port)
    session.post("40")
    over = Polling(port)
    return {
        "handshake": request(port, "GET", POLL),
        "poll": session.get(),
        "post": session.post("3"),
        "too big": over.post("4" + "x" * 10_000),
        "unknown sid": request(port, "GET", POLL + "&sid=x"),
        "bad version": request(port, "GET", POLL.replace("=4", "=3")),
        "bad method": request(port, "PUT", POLL),
        "PUT on a session": request(port, "PUT", session.target),
        "no transport": request(port, "POST", "/socket.io/"),
        "preflight": request(port, "OPTIONS", POLL),
    }


def test_every_answer_is_for_all_origins_and_not_to_be_stored(daemon: Daemon) -> None:
    for name, answer in answers(daemon.port).items():
        assert answer.headers["access-control-allow-origin"] == "*", name
        assert answer.headers["cache-control"] == "no-store", name
        assert "set-cookie" not in answer.headers, name


def test_content_types(daemon: Daemon) -> None:
    types = {name: answer.headers.get("content-type", "") for name, answer in answers(daemon.port).items()}
    assert types["handshake"] == types["poll"] == "text/plain; charset=UTF-8"
    assert types["post"].startswith("text/html")
    assert types["unknown sid"] == types["bad version"] == types["no transport"] == "application/json"


def test_preflight_mirrors_the_headers_that_are_asked_for(daemon: Daemon) -> None:
    answer = request(
        daemon.port, "OPTIONS", POLL, Origin="https://x.example", Access_Control_Request_Headers="x-one,content-type"
    )
    assert answer.error == (204, "")
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    assert answer.headers["access-control-allow-headers"] == "x-one,content-type"


@pytest.mark.parametrize("target", ["/", "/socket.io", "/socket.iox/", "/event/", "/favicon.ico", "//", "/%ff", "/%"])
def test_other_paths_are_not_found(daemon: Daemon, target: str) -> None:
    assert request(daemon.port, "GET", target).status == 404


def test_websocket_on_another_path_is_not_found(daemon: Daemon) -> None:
    with WebSocket(daemon.port, "/elsewhere/?EIO=4&transport=websocket") as websocket:
        assert websocket.status == 404


@pytest.mark.parametrize("encoding", ["gzip", None])
def test_large_poll_is_compressed_for_those_who_ask(daemon: Daemon, encoding: str | None) -> None:
    channel = new_channel()
    with Sender(daemon.port) as sender:
        sender.post(channel, "x" * 2000)
    poller = Poller(daemon.port)
    poller.post(f'42["set-filter",{{"filter":["{channel}"]}}]')
    answer = request(daemon.port, "GET", poller.target, Accept_Encoding=encoding)
    assert answer.headers.get("content-encoding") == encoding
    assert ("x" * 2000 in answer.body) == (encoding is None)


# --- limits -----------------------------------------------------------------------------------------------------------


def padded(size: int) -> str:
    """Write an event of a given length in bytes, with characters of two bytes in it."""
    head, tail = '42["unknown","é', '"]'
    return head + "x" * (size - len((head + tail).encode())) + tail


@pytest.mark.parametrize(("size", "passes"), [(9_999, True), (10_000, True), (10_001, False), (100_000, False)])
def test_receivers_message_may_have_10000_bytes(daemon: Daemon, size: int, *, passes: bool) -> None:
    with listen(daemon.port) as link:
        link.send(padded(size))
        if passes:
            link.check_nothing_more()
        else:
            assert link.close_code() == 1009


@pytest.mark.parametrize(("sizes", "passes"), [((5000, 5000), True), ((5000, 5001), False), ((50,) * 201, False)])
def test_fragments_are_summed(daemon: Daemon, sizes: tuple[int, ...], *, passes: bool) -> None:
    with listen(daemon.port) as link:
        text, begin, frames = padded(sum(sizes)).encode(), 0, []
        for n, size in enumerate(sizes):
            part, begin = text[begin : begin + size], begin + size
            frames.append(frame(0 if n else 1, part, fin=n == len(sizes) - 1))
        link.raw(b"".join(frames))
        if passes:
            link.check_nothing_more()
        else:
            assert link.close_code() == 1009


def test_length_is_judged_before_the_message_has_come(daemon: Daemon) -> None:
    with listen(daemon.port) as link:
        link.raw(frame(1, b"4" * 20_000)[:12_000])
        assert link.close_code() == 1009


@pytest.mark.parametrize("is_sender", [False, True])
def test_body_over_the_limit_is_413_and_the_session_lives(daemon: Daemon, *, is_sender: bool) -> None:
    limit = 2**20 if is_sender else 10_000
    poller = Poller(daemon.port, {"role": "sender", "token": daemon.key} if is_sender else None)
    assert poller.post(padded(limit)).error == (200, "ok")
    refused = poller.post(padded(limit + 1))
    assert refused.error == (413, "")
    assert poller.post('42["last-msg"]').error == (200, "ok")
    assert poller.packets()[0].startswith('42["last-response"')


@pytest.mark.parametrize(("size", "passes"), [(70_000, True), (2**20, True), (2**20 + 1, False)])
def test_senders_message_may_have_a_mebibyte(daemon: Daemon, size: int, *, passes: bool) -> None:
    channel = new_channel()
    head, tail = f'421["post",{{"channel":"{channel}","message":"', '"}]'
    message = "x" * (size - len(head + tail))
    with Sender(daemon.port) as sender, listen(daemon.port, channel) as link:
        assert link.receive() == SUCCESS
        sender.send(head + message + tail)
        if passes:
            assert str(sender.receive()).startswith('431[{"status":"success"')
            assert link.messages(1)[0]["message"] == message
        else:
            assert sender.close_code() == 1009
            link.check_nothing_more()


def test_senders_limit_holds_only_while_it_is_one(daemon: Daemon) -> None:
    with Sender(daemon.port) as sender:
        sender.send("41")
        sender.connect()
        sender.send(padded(10_001))
        assert sender.close_code() == 1009


# --- requests that come again, for their answer got lost --------------------------------------------------------------


def test_a_poll_that_comes_again_ends_its_session(daemon: Daemon) -> None:
    """What its first answer carried is gone: the client has to come back and say what it has."""
    polling = Polling(daemon.port)
    assert polling.post("40").status == 200
    assert request(daemon.port, "GET", f"{polling.target}&t=one").status == 200
    polling.post('42["last-msg"]')
    assert request(daemon.port, "GET", f"{polling.target}&t=two").status == 200
    polling.post('42["last-msg"]')
    repeated = request(daemon.port, "GET", f"{polling.target}&t=two")
    assert (repeated.status, json.loads(repeated.body)["message"]) == (400, "Session ID unknown")
    assert polling.is_gone


def test_packets_that_come_again_are_taken_once(daemon: Daemon) -> None:
    channel = new_channel()
    polling = Polling(daemon.port)
    polling.post("40" + json.dumps({"role": "sender", "token": daemon.key}))
    polling.get()
    start = daemon.last()
    post = f'42["post",{{"channel":"{channel}","message":1}}]'
    for mark in ("one", "one", "two"):
        assert request(daemon.port, "POST", f"{polling.target}&t={mark}", post).body == "ok"
    with RawListener(daemon.port, channel, start=start) as listener:
        listener.events(2)
        listener.check_nothing_more()
