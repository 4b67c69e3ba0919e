"""Does a listener carry on over whatever a link does, give nothing twice, and end when it is told to?"""

import json
import socket
import ssl
import threading
import time
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from oyez.client import (
    NO_MESSAGE,
    BadAnswer,
    Event,
    Gap,
    Listener,
    Refused,
    TimedOut,
    Unreachable,
    Unreadable,
    alisten,
    listen,
)
from oyez.errors import ConfigError
from tests.peer import Peer, StartPeer, answer
from tests.unit.streams import HEAD, event, full, gap, links, status

PATIENCE_S = 10.0


def take(listener: Listener, count: int) -> list[Event | Gap]:
    with listener:
        return list(islice(listener, count))


def positions(peer: Peer) -> list[str | None]:
    return [headers.get("last-event-id") for _, headers, _ in peer.requests]


def test_events_come_as_python_values(start_peer: StartPeer) -> None:
    bare = b'id: 8\ndata: {"id":8,"channel":"news"}\n\n'
    peer = start_peer(links(HEAD + status(3) + event(7, {"a": ["é", None]}) + bare + event(9, None)))
    assert take(listen(peer.url, "news"), 3) == [
        Event(7, "news", {"a": ["é", None]}),
        Event(8, "news", NO_MESSAGE),
        Event(9, "news", None),
    ]
    assert not NO_MESSAGE


def test_what_is_asked_for(start_peer: StartPeer) -> None:
    peer = start_peer(links(HEAD + status(5) + event(7)))
    take(listen(peer.url.replace("http", "ws") + "/events/", ["a|b", "é&"], since=5), 1)
    ((first, headers, _),) = peer.requests
    method, target, _ = first.split()
    assert (method, urlsplit(target).path) == ("GET", "/events/sse")
    assert parse_qs(urlsplit(target).query) == {"channel": ["a|b", "é&"]}
    assert headers["last-event-id"] == "5"
    assert "authorization" not in headers


def test_lost_link_goes_on_behind_the_newest_event_and_nothing_comes_twice(start_peer: StartPeer) -> None:
    peer = start_peer(
        links(
            HEAD + status(3) + event(7) + event(8)[:-1],
            HEAD + status(7) + event(7) + event(8) + event(9),
            answer(b"", "503 Service Unavailable"),
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>Soon back</h1>",
            b"nonsense\r\n\r\n",
            HEAD + status(9) + event(12),
        )
    )
    listener = listen(peer.url, "news")
    assert [arrival.id for arrival in take(listener, 4) if isinstance(arrival, Event)] == [7, 8, 9, 12]
    assert positions(peer) == [None, "7", "9", "9", "9", "9"]
    assert listener.position == 12


def test_link_lost_before_any_event_resumes_where_it_began(start_peer: StartPeer) -> None:
    peer = start_peer(links(HEAD + status(5), HEAD + status(5) + event(7)))
    take(listen(peer.url, "news"), 1)
    assert positions(peer) == [None, "5"]


def test_gaps_are_told_once(start_peer: StartPeer) -> None:
    other = gap(1, 4, "other")
    peer = start_peer(links(HEAD + status(1) + gap(1, 5) + other, HEAD + status(1) + gap(1, 6) + other + event(7)))
    assert take(listen(peer.url, ["news", "other"], since=1), 4) == [
        Gap("news", 1, 5),
        Gap("other", 1, 4),
        Gap("news", 1, 6),
        Event(7, "news", None),
    ]


def test_daemon_whose_clock_went_back_is_followed_after_word_of_a_gap(start_peer: StartPeer) -> None:
    peer = start_peer(links(HEAD + status(900) + event(901), HEAD + status(40) + gap(901, 41) + event(41)))
    assert take(listen(peer.url, "news"), 3) == [
        Event(901, "news", None),
        Gap("news", 901, 41),
        Event(41, "news", None),
    ]


def test_strange_records_are_passed_over(start_peer: StartPeer) -> None:
    strange = b": beat\n\nevent: weather\ndata: sunny\n\n"
    peer = start_peer(links(HEAD + status(3) + strange + event(7)))
    assert take(listen(peer.url, "news"), 1) == [Event(7, "news", None)]


def test_proxy_may_chunk_the_stream(start_peer: StartPeer) -> None:
    data = status(3) + event(7)
    chunks = b"".join(b"1\r\n%b\r\n" % data[place : place + 1] for place in range(len(data)))
    head = HEAD.replace(b"Connection: close", b"Transfer-Encoding: chunked")
    peer = start_peer(links(head + chunks + b"0\r\n\r\n", HEAD + status(7) + event(8)))
    assert take(listen(peer.url, "news"), 2) == [Event(7, "news", None), Event(8, "news", None)]


def test_unix_socket(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "oyez.sock"))
    listener.listen()
    peer = Peer(listener, links(HEAD + status(5) + event(7)))
    assert take(listen(f"http+unix://{tmp_path}/oyez.sock", "news"), 1) == [Event(7, "news", None)]
    peer.close()


def test_close_ends_a_wait_under_tls(start_peer: StartPeer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    reached = threading.Event()
    behave = links(HEAD + status(5) + event(7))

    def secured(peer: Peer, connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with context.wrap_socket(connection, server_side=True) as secure:
            behave(peer, secure)

    peer = start_peer(secured)
    listener = listen(peer.url.replace("http", "https"), "news")
    assert next(listener) == Event(7, "news", None)
    thread, given = in_thread(listener, reached)
    assert reached.wait(PATIENCE_S)
    closes_at_once(listener, thread)
    assert given == []


def test_silent_link_is_given_up_and_heartbeats_keep_one(start_peer: StartPeer) -> None:
    def silent(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(HEAD + status(5))
        peer.stop.wait()

    def beating(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(HEAD + status(5))
        for _ in range(4):
            peer.stop.wait(0.2)
            connection.sendall(b":\n\n")
        connection.sendall(event(7))
        peer.stop.wait()

    peer = start_peer(links(silent, beating))
    assert take(listen(peer.url, "news", silence_s=0.5), 1) == [Event(7, "news", None)]
    assert positions(peer) == [None, "5"]


def test_daemon_without_room_is_asked_again_when_it_says(start_peer: StartPeer) -> None:
    peer = start_peer(links(HEAD + full(300), HEAD + status(5) + event(7)))
    before = time.monotonic()
    take(listen(peer.url, "news"), 1)
    assert time.monotonic() - before >= 0.3
    assert len(peer.requests) == 2


def test_first_link_has_to_work(start_peer: StartPeer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Unreachable, match="cannot connect"):
        next(listen(url, "news"))
    peer = start_peer(links(answer(b"", "502 Bad Gateway")))
    with pytest.raises(Refused, match="502"):
        listen(peer.url, "news").open()
    peer = start_peer(links(HEAD))
    with pytest.raises(TimedOut, match=r"silent for 0\.2 s"):
        listen(peer.url, "news", silence_s=0.2).open()


def test_patient_listener_waits_for_the_first_link_too(start_peer: StartPeer) -> None:
    peer = start_peer(links(answer(b"", "502 Bad Gateway"), HEAD + status(5) + event(7)))
    assert take(listen(peer.url, "news", patient=True), 1) == [Event(7, "news", None)]


@pytest.mark.parametrize("patient", [False, True])
def test_refused_channels_end_the_iteration(start_peer: StartPeer, patient: bool) -> None:
    refusal = answer({"code": "invalid-filter", "message": "no channel is named"}, "400 Bad Request")
    listener = listen(start_peer(links(HEAD + status(5), refusal)).url, [], patient=patient)
    with pytest.raises(Refused, match="no channel is named") as caught:
        next(listener)
    assert (caught.value.status, caught.value.code) == (400, "invalid-filter")
    assert list(listener) == []


NUMBER, NESTED = "9" * 5000, "[" * 100_000 + "]" * 100_000
TAIL = ',"message":'


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("news", NUMBER),
        ("news", "-" + NUMBER),
        ("news", NESTED),
        ("news", '{"a":[1,{"b":' + NUMBER + "}]}"),
        ('é\\"\ud800' + TAIL + "1}", NUMBER),
        ("news", "1,"),
    ],
    ids=["number", "negative", "nested", "inside", "channel", "broken"],
)
def test_message_that_cannot_be_read_costs_its_event_only(start_peer: StartPeer, channel: str, text: str) -> None:
    data = f'{{"id":8,"channel":{json.dumps(channel)},"message":{text}}}'
    peer = start_peer(links(HEAD + status(5) + event(7) + f"id: 8\ndata: {data}\n\n".encode() + event(9)))
    before, unreadable, after = take(listen(peer.url, "news"), 3)
    assert isinstance(unreadable, Event)
    assert (unreadable.id, unreadable.channel) == (8, channel)
    assert isinstance(unreadable.message, Unreadable)
    assert unreadable.message.text == text
    assert unreadable.message.reason
    assert not unreadable.message
    assert (before, after) == (Event(7, "news", None), Event(9, "news", None))


@pytest.mark.parametrize(
    "data",
    ["{", "[]", "7", '{"id":"8","channel":"news"}', '{"id":8}', '{"id":8,"channel":8}', NESTED, NUMBER,
     f'{{"id":{NUMBER},"channel":"news"}}', r'{"id":8,"channel":"\x","message":1}'],
    ids=lambda data: data[:12],
)  # fmt: skip
def test_record_that_is_no_event_at_all_has_the_id_of_the_stream(start_peer: StartPeer, data: str) -> None:
    no_id = f"data: {data}\n\n".encode()  # it has that of the one before it
    peer = start_peer(links(HEAD + status(7) + no_id + f"id: 8\ndata: {data}\n\n".encode() + event(9)))
    unreadable, after = take(listen(peer.url, "news"), 2)
    assert isinstance(unreadable, Event)
    assert (unreadable.id, unreadable.channel) == (8, "")
    assert isinstance(unreadable.message, Unreadable)
    assert unreadable.message.text == data
    assert after == Event(9, "news", None)


def test_what_is_no_utf8_is_read_with_marks_in_its_place(start_peer: StartPeer) -> None:
    data = b'id: 8\ndata: {"id":8,"channel":"news","message":"a\xff\xed\xa0\x80b"}\n\n'
    peer = start_peer(links(HEAD + status(7) + data + event(9)))
    assert take(listen(peer.url, "news"), 2) == [Event(8, "news", "a\ufffd\ufffd\ufffd\ufffdb"), Event(9, "news", None)]


@pytest.mark.parametrize("record", [b"event: status\ndata: {\n\n", b'event: gap\ndata: {"channel":"news"}\n\n'])
def test_other_records_that_no_daemon_writes_are_an_error(start_peer: StartPeer, record: bytes) -> None:
    listener = listen(start_peer(links(HEAD + status(5) + event(7) + record)).url, "news")
    assert next(listener) == Event(7, "news", None)
    with pytest.raises(BadAnswer):
        next(listener)
    assert listener.position == 7


@pytest.mark.parametrize("channels", ["\ud800", ["news", "a\udfffb"]])
def test_channel_that_is_no_text_is_a_value_error(channels: str | list[str]) -> None:
    with pytest.raises(ValueError, match="no text that UTF-8 can write"):
        listen("http://127.0.0.1:1", channels)
    with pytest.raises(ValueError, match="surrogate"):
        alisten("http://127.0.0.1:1", channels)


def in_thread(listener: Listener, begun: threading.Event | None = None) -> tuple[threading.Thread, list[Event | Gap]]:
    given: list[Event | Gap] = []

    def run() -> None:
        if begun is not None:
            begun.set()
        given.extend(listener)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, given


def closes_at_once(listener: Listener, thread: threading.Thread) -> None:
    before = time.monotonic()
    listener.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert time.monotonic() - before < 20  # it would wait 45 s for a sign of life


def test_close_ends_a_wait_for_events(start_peer: StartPeer) -> None:
    reached = threading.Event()

    def wait(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(HEAD + status(5) + event(7))
        reached.set()
        assert connection.recv(1) == b""  # the listener lets go of its socket
        reached.set()

    listener = listen(start_peer(links(wait)).url, "news")
    thread, given = in_thread(listener)
    assert reached.wait(PATIENCE_S)
    reached.clear()
    closes_at_once(listener, thread)
    assert reached.wait(PATIENCE_S)
    assert given in ([], [Event(7, "news", None)])


def test_close_ends_a_wait_for_the_head_of_the_answer(start_peer: StartPeer) -> None:
    reached = threading.Event()

    def wait(peer: Peer, connection: socket.socket) -> None:
        reached.set()
        peer.stop.wait()

    listener = listen(start_peer(links(wait)).url, "news")
    thread, _ = in_thread(listener)
    assert reached.wait(PATIENCE_S)
    closes_at_once(listener, thread)


def test_close_ends_a_pause(start_peer: StartPeer) -> None:
    reached = threading.Event()

    def leave(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(HEAD + full(600_000))
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        reached.set()

    listener = listen(start_peer(links(leave)).url, "news")
    thread, _ = in_thread(listener)
    assert reached.wait(PATIENCE_S)
    closes_at_once(listener, thread)


def test_closed_listener_gives_nothing_more(start_peer: StartPeer) -> None:
    listener = listen(start_peer(links(HEAD + status(5) + event(7) + event(8))).url, "news")
    assert next(listener) == Event(7, "news", None)
    listener.close()
    listener.close()
    assert list(listener) == []
    unused = listen("http://127.0.0.1:1", "news")
    unused.close()
    unused.open()
    assert list(unused) == []


def test_unusable_url_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        listen("127.0.0.1:15100", "news")
