"""Do messages pass on both transports, and does every broken packet end its session?"""

import time

import pytest

from tests.conformance.conftest import Echo
from tests.inbox import PATIENCE_S
from tests.raw import BINARY, NO_CODE, PING, PONG, Polling, frame, request

TEXTS = ["", "hello", "né ☃ 😀", "4", "\n\r\t\0 ", "b64"]
ONE_MB = "é" * 499_999


def gone(session: Polling) -> None:
    """Wait until the session has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while not session.is_gone:
        assert time.monotonic() < deadline, "the session lives on"


@pytest.mark.parametrize("text", [*TEXTS, "\x1e", ONE_MB], ids=lambda text: repr(text[:9]))
def test_websocket_carries_text(echo: Echo, text: str) -> None:
    with echo.open() as websocket:
        websocket.send("4" + text)
        assert websocket.receive() == "4" + text


@pytest.mark.parametrize("data", [b"", b"\x01\x02\x03\x04", bytes(range(256)) * 3000], ids=len)
def test_websocket_carries_binary(echo: Echo, data: bytes) -> None:
    with echo.open() as websocket:
        websocket.send(data)
        assert websocket.receive() == data


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 128, 65_535, 65_536, 65_537, 200_000])
def test_frames_of_every_length_form(echo: Echo, size: int) -> None:
    with echo.open() as websocket:
        websocket.send("4before", "4" + "x" * max(size - 1, 0), "4after")
        assert websocket.take(3) == ["4before", "4" + "x" * max(size - 1, 0), "4after"]


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 7])
def test_frames_may_come_in_any_pieces(echo: Echo, cut: int) -> None:
    with echo.open() as websocket:
        data = b"".join(frame(1, b"4" + b"%d" % n * n) for n in (1, 3, 130)) + frame(BINARY, b"\x00" * 9)
        for begin in range(0, len(data), cut):
            websocket.raw(data[begin : begin + cut])
        assert websocket.take(4) == ["41", "4333", "4" + "130" * 130, b"\x00" * 9]


def test_fragments_are_joined_and_control_frames_may_stand_between(echo: Echo) -> None:
    with echo.open() as websocket:
        websocket.raw(frame(1, b"4one ", fin=False) + frame(PING, b"?"))
        assert websocket.receive_frame() == (PONG, b"?")
        websocket.raw(frame(0, b"tw", fin=False) + frame(0, b"o"))
        assert websocket.receive() == "4one two"


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_polling_carries_text(echo: Echo, text: str) -> None:
    session = echo.poll()
    answer = session.post("4" + text)
    assert (answer.status, answer.body) == (200, "ok")
    assert answer.headers["content-type"].startswith("text/html")
    assert session.packets() == ["4" + text]


def test_polling_carries_binary_as_base64(echo: Echo) -> None:
    session = echo.poll()
    session.post("bAQIDBA==", "b")
    assert session.packets() == ["bAQIDBA==", "b"]


def test_payload_carries_several_packets_in_order(echo: Echo) -> None:
    session = echo.poll()
    session.post("4one", "4two", "bAQIDBA==", "4three")
    session.post("4four")
    assert session.packets() == ["4one", "4two", "bAQIDBA==", "4three", "4four"]


def test_pending_poll_gets_what_comes_later(echo: Echo) -> None:
    session = echo.poll()
    pending = session.begin_get()
    session.post("4late")
    assert pending.answer().body == "4late"


def test_no_packet_is_lost_between_polls(echo: Echo) -> None:
    session = echo.poll()
    received: list[str] = []
    for n in range(50):
        session.post(f"4{n}")
        if n % 8 == 0:
            received += session.packets()
    received += session.packets()
    assert received == [f"4{n}" for n in range(50)]


@pytest.mark.parametrize(
    "body",
    ["abc", "", "4one\x1e", "\x1e4one", "7", "2", "x", "bnot base64!", "bAQ", "4ok\x1eabc", b"4\xff", b"\xff", b"\0"],
    ids=repr,
)
def test_broken_payload_ends_the_session(echo: Echo, body: str | bytes) -> None:
    session = echo.poll()
    assert request(echo.port, "POST", session.target, body).error == (200, "ok")
    assert session.is_gone


def test_packets_before_a_broken_one_are_not_answered_twice(echo: Echo) -> None:
    session = echo.poll()
    pending = session.begin_get()
    session.post("4one", "2")
    answer = pending.answer()
    assert (answer.status, answer.body.split("\x1e")[0]) == (200, "4one")
    assert session.is_gone


def test_form_encoding_is_no_payload(echo: Echo) -> None:
    session = echo.poll()
    session.post("d=1%3A4x", content_type="application/x-www-form-urlencoded")
    assert session.is_gone


def test_octet_stream_is_refused(echo: Echo) -> None:
    session = echo.poll()
    assert session.post("4x", content_type="application/octet-stream").status == 400
    assert session.is_gone


@pytest.mark.parametrize("packet", ["", "abc", "7", "2", "2probe", "b", "é"])
def test_broken_packet_closes_the_websocket_without_a_code(echo: Echo, packet: str) -> None:
    with echo.open() as websocket:
        websocket.send(packet, "4too late")
        assert websocket.close_code() == NO_CODE


@pytest.mark.parametrize("packet", ["0", "0{}", "1", "3", "3probe", "5", "6"])
def test_packet_without_meaning_is_ignored_on_a_websocket(echo: Echo, packet: str) -> None:
    with echo.open() as websocket:
        websocket.send(packet, "4alive")
        assert websocket.receive() == "4alive"


@pytest.mark.parametrize("packet", ["0", "3", "3probe", "5", "6"])
def test_packet_without_meaning_is_ignored_on_polling(echo: Echo, packet: str) -> None:
    session = echo.poll()
    session.post(packet, "4alive")
    assert session.packets() == ["4alive"]


@pytest.mark.parametrize("status", ["pending", "not pending"])
def test_payload_over_the_limit_is_413_and_the_session_lives(echo: Echo, status: str) -> None:
    session = echo.poll()
    pending = session.begin_get() if status == "pending" else None
    assert session.post("4" + "x" * 1_000_000).error == (413, "")
    session.post("4" + "x" * 999_999)
    answer = pending.answer() if pending else session.get()
    assert answer.body == "4" + "x" * 999_999


def test_message_over_the_limit_closes_with_1009(echo: Echo) -> None:
    with echo.open() as websocket:
        websocket.send("4" + "x" * 1_000_000)
        assert websocket.close_code() == 1009


def test_second_poll_ends_the_session(echo: Echo) -> None:
    session = echo.poll()
    polls = [session.begin_get(), session.begin_get()]
    answers = sorted(poll.answer().error for poll in polls)
    assert answers == [(200, "1"), (400, '{"code":3,"message":"Bad request"}')]
    assert session.is_gone


def test_dropped_poll_ends_the_session(echo: Echo) -> None:
    session = echo.poll()
    session.begin_get().drop()
    gone(session)


def test_close_packet_ends_the_pending_poll_and_the_session(echo: Echo) -> None:
    session = echo.poll()
    pending = session.begin_get()
    assert session.post("1").body == "ok"
    assert pending.answer().error == (200, "6")
    assert session.is_gone


def test_closed_websocket_ends_the_session(echo: Echo) -> None:
    with echo.open() as websocket:
        websocket.raw(frame(8, b"\x03\xe8"))
        assert websocket.close_code() == 1000
