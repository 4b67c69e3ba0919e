"""Does the daemon serve everyone else while links break every rule, flood it, or come in crowds?"""

import contextlib
import time
from collections.abc import Callable

import pytest

from tests.daemon import Daemon
from tests.integration.bystanders import refusals
from tests.integration.links import SUCCESS, Link, Poller, Sender, eventually, listen, metrics, rss_mb
from tests.raw import NO_CODE, Polling, WebSocket, dial, frame, read_to_end, request, text_frame, upgrade_request

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(1, b"4\xff"), 1007), (frame(1, b"4\xc3"), 1007), (frame(1, b"4\xed\xa0\x80"), 1007),
        (frame(1, b"4\xf8\x88\x80\x80\x80"), 1007), (frame(1, b"4\xc3", fin=False) + frame(0, b"x"), 1007),
        (frame(1, b"4x", masked=False), 1002), (frame(1, b"4x", rsv=4), 1002), (frame(1, b"4x", rsv=1), 1002),
        (frame(3, b"x"), 1002), (frame(11, b"x"), 1002), (frame(0, b"x"), 1002),
        (frame(1, b"4", fin=False) + frame(1, b"4"), 1002), (frame(9, b"x" * 126), 1002),
        (frame(9, b"x", fin=False), 1002), (frame(8, b"x"), 1002), (frame(8, b"\x03\xed"), 1002),
        (frame(8, b"\x03\xe8\xff"), 1007), (frame(8, b"\0\0"), 1002),
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 1009), (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1009),
        (b"\x82\xff\0\0\0\0\x7f\xff\xff\xff", 1009), (b"\x81\xff\0\0\0\0\0\x20\0\0", 1009),
        (frame(8, b"\x03\xe8"), 1000), (frame(8, b"\x0f\xa0bye"), 4000), (frame(8, b""), NO_CODE),
    ],
    ids=lambda value: ascii(value[:12]) if isinstance(value, bytes) else str(value),
)  # fmt: skip
def test_broken_frames_close_with_the_code_of_the_rfc(target: Daemon, data: bytes, code: int) -> None:
    with listen(target.port) as link:
        link.raw(data)
        seen = link.close_code()
        assert seen == code or (data[:2] == b"\x81\xff" and seen == 1002)  # a length with its highest bit set


@pytest.mark.parametrize("cut", range(1, 12))
def test_half_a_frame_of_one_link_hurts_no_other(target: Daemon, cut: int) -> None:
    binary = frame(2, b"x" * 300)
    with listen(target.port) as one, listen(target.port) as other:
        one.raw(binary[:cut])
        one.raw(b"")
        for _ in range(3):
            other.check_alive()
        one.raw(binary[cut:])
        assert one.close_code() == NO_CODE  # binary that no packet announced: it came whole
        other.check_nothing_more()


def send_packet(daemon: Daemon, data: bytes) -> None:
    with listen(daemon.port) as link:
        link.raw(data)
        link.close_code()


def send_request(daemon: Daemon, method: str, target: str, **headers: str) -> None:
    request(daemon.port, method, target, **headers)


MISTAKES: list[tuple[str, Callable[[Daemon], object]]] = [
    ("bad-frame", lambda daemon: send_packet(daemon, frame(1, b"4x", masked=False))),
    ("bad-packet", lambda daemon: send_packet(daemon, text_frame("4abc"))),
    ("too-big", lambda daemon: send_packet(daemon, text_frame("4" * 20_000))),
    ("bad-handshake", lambda daemon: send_request(daemon, "GET", "/socket.io/")),
    ("bad-request", lambda daemon: read_to_end_of(daemon, b"garbage\r\n\r\n")),
    ("auth-failed", lambda daemon: Link(daemon.port, {"role": "sender"}).drop()),
    ("auth-failed", lambda daemon: send_request(daemon, "POST", "/api/publish")),
]


def read_to_end_of(daemon: Daemon, data: bytes) -> None:
    link = dial(daemon.port)
    link.sendall(data)
    read_to_end(link)


@pytest.mark.parametrize(("reason", "mistake"), MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes_are_counted_one_by_one(target: Daemon, reason: str, mistake: Callable[[Daemon], object]) -> None:
    before = refusals(target, reason)
    for _ in range(30):
        mistake(target)
    assert refusals(target, reason) == before + 30


def test_floods_without_reading_an_answer(target: Daemon) -> None:
    before = rss_mb(target.pid)
    floods = [
        text_frame('42["last-msg"]'), text_frame('42["set-filter",{"filter":["flood"]}]'), text_frame("3"),
        text_frame('42["post",{}]'), text_frame('42["start-msg",{}]'), frame(9, b"x" * 125), text_frame('42["x"]'),
        frame(1, b"", fin=False) + frame(0, b"3"),
    ]  # fmt: skip
    links = [listen(target.port, receive_buffer=4096) for _ in floods]
    for link, flood in zip(links, floods, strict=True):
        flood_for(link, flood * 200, 0.4)
    assert rss_mb(target.pid) - before < 40
    for link in links:
        link.drop()


def flood_for(link: WebSocket, data: bytes, seconds: float) -> None:
    """Send until the daemon takes no more, or the time is over."""
    link.link.settimeout(seconds)
    deadline = time.monotonic() + seconds
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            link.raw(data)


def test_flood_of_filters_over_full_channels(target: Daemon) -> None:
    with Sender(target.port) as sender:
        for n in range(40):
            sender.post(f"full-{n}", *["x" * 5000] * 64)
    before = rss_mb(target.pid)
    links = [listen(target.port, start=1, receive_buffer=4096) for _ in range(5)]
    burst = b"".join(text_frame(f'42["set-filter",{{"filter":["full-{n % 40}"]}}]') for n in range(600))
    for link in links:
        flood_for(link, burst, 0.3)
    assert rss_mb(target.pid) - before < 25
    for link in links:
        link.drop()


# --- crowds -----------------------------------------------------------------------------------------------------------


def test_thousands_of_connects_and_drops(target: Daemon) -> None:
    kinds = [b"", b"GET / HT", upgrade_request("/socket.io/?EIO=4&transport=websocket")]
    before = rss_mb(target.pid)
    for n in range(2000):
        link = dial(target.port)
        link.sendall(kinds[n % 3])
        link.close()
    eventually(lambda: metrics(target.port)["oyez_sessions"] < 50, "end of the dropped sessions")
    assert rss_mb(target.pid) - before < 40


def test_handshakes_that_are_never_followed_up(target: Daemon) -> None:
    before = rss_mb(target.pid)
    for _ in range(1000):
        Polling(target.port)
    assert rss_mb(target.pid) - before < 20


def test_ten_thousand_channels(target: Daemon) -> None:
    before = rss_mb(target.pid)
    with Sender(target.port) as sender:
        for begin in range(0, 10_000, 500):
            sender.send(*(f'42["post",{{"channel":"many-{begin + n}"}}]' for n in range(500)))
            assert {str(packet)[:20] for packet in sender.take(500)} == {'42["post-response",{'}
    links = [listen(target.port, *(f"many-{n}" for n in range(begin, begin + 10))) for begin in range(0, 2000, 10)]
    assert {link.receive() for link in links} == {SUCCESS}
    assert rss_mb(target.pid) - before < 40
    for link in links:
        link.drop()


def test_answers_that_are_never_fetched(target: Daemon) -> None:
    before = rss_mb(target.pid)
    poller = Poller(target.port)
    question = "\x1e".join(['42["last-msg"]'] * 600)
    for _ in range(200):
        if poller.post(question).status != 200:
            break
    assert rss_mb(target.pid) - before < 20
