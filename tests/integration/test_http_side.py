"""What every HTTP door does with a request before it looks at the path: upgrades, targets, kept connections."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import KEY, Daemon
from tests.integration.dialects import POLL_LISTENER, POST_LISTENER, poll_port, post_port
from tests.integration.links import eventually, listen
from tests.raw import (
    Answer,
    Polling,
    WebSocket,
    dial,
    read_answers,
    read_to_end,
    request,
    text_frame,
    upgrade_request,
)

SETTINGS = POST_LISTENER | POLL_LISTENER | {"http.long_poll_timeout_s": 0.3, "limits.header_timeout_s": 1.0}
H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
BODY = '{"channel":"http","message":1}'
PUBLISH = f"POST /api/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
WITH_LENGTH = f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
IN_CHUNKS = f"Transfer-Encoding: chunked\r\n\r\n{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"
HEALTH = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon with a port for each kind of door."""
    with Daemon(tmp_path_factory.mktemp("http"), settings=SETTINGS) as daemon:
        yield daemon


def ask(port: int, *segments: str, count: int = 1) -> list[Answer]:
    """Send the segments, each by itself, and read as many answers."""
    with dial(port) as link:
        for segment in segments:
            link.sendall(segment.encode("latin-1"))
        return read_answers(link, count)


# --- upgrades that are not to be had ----------------------------------------------------------------------------------

WISHES = [
    H2C,
    "Connection: upgrade\r\nUpgrade: TLS/1.0, HTTP/2.0\r\n",
    "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: irc/6.9\r\nUpgrade: h2c\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\n",  # a proxy that asks so for everything
]


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("body", [WITH_LENGTH, IN_CHUNKS], ids=["length", "chunks"])
@pytest.mark.parametrize("door", ["main", "post"])
def test_a_post_that_wishes_for_another_protocol_is_a_post(daemon: Daemon, door: str, body: str, wish: str) -> None:
    port = daemon.port if door == "main" else post_port(daemon)
    whole, cut = ask(port, PUBLISH + wish + body), ask(port, PUBLISH + wish, body[:40], body[40:])
    assert [answer.status for answer in whole + cut] == [200, 200]
    assert json.loads(cut[0].body)["id"] > json.loads(whole[0].body)["id"]


def test_a_polling_post_that_wishes_for_another_protocol_keeps_its_session(daemon: Daemon) -> None:
    session = Polling(daemon.port)
    posted = ask(daemon.port, f"POST {session.target} HTTP/1.1\r\nHost: x\r\n{H2C}Content-Length: 2\r\n\r\n40")
    assert (posted[0].status, posted[0].body) == (200, "ok")
    assert session.packets()[0].startswith("40")


@pytest.mark.parametrize(
    ("target", "status"),
    [("/healthz", 200), ("/event.js", 200), ("/channels/x?nowait=1", 200), ("/sse?channel=x", 200), ("/nowhere", 404),
     ("/socket.io/?EIO=4&transport=polling", 200), ("/api/last", 401)],
)  # fmt: skip
def test_a_get_that_wishes_for_another_protocol_is_a_get(daemon: Daemon, target: str, status: int) -> None:
    with dial(daemon.port) as link:
        link.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n{H2C}\r\n".encode())
        assert link.recv(12) == f"HTTP/1.1 {status}".encode()


def test_a_poll_that_wishes_for_another_protocol_is_a_poll_on_its_own_port(daemon: Daemon) -> None:
    assert ask(poll_port(daemon), f"GET /channels/quiet HTTP/1.1\r\nHost: x\r\n{H2C}\r\n")[0].status == 504


@pytest.mark.parametrize("offered", ["h2c, websocket", "WebSocket", "websocket, h2c"])
def test_a_websocket_among_other_wishes_is_had(daemon: Daemon, offered: str) -> None:
    with WebSocket(daemon.port, "/event/", Upgrade=offered, Connection="keep-alive, Upgrade, HTTP2-Settings") as link:
        assert link.status == 101
        link.send('{"command":"set-filter","filter":["x"],"notify":true}')
        assert link.receive() == '{"status":"success"}'


def test_a_frame_that_does_not_wait_for_the_handshake_is_not_lost(daemon: Daemon) -> None:
    with dial(daemon.port) as link:
        frame = text_frame('{"command":"nothing"}')
        link.sendall(upgrade_request("/event/") + frame)
        answer = b""
        while b"bad command" not in answer:
            answer += link.recv(1000)
        assert answer.startswith(b"HTTP/1.1 101 ")


def test_a_websocket_asked_for_with_a_body_is_refused(daemon: Daemon) -> None:
    with dial(daemon.port) as link:
        link.sendall(upgrade_request("/event/", Content_Length="2") + b"ab")
        assert read_to_end(link).endswith(b"a WebSocket asked for with a body")


# --- subprotocols -----------------------------------------------------------------------------------------------------

WEBSOCKETS = ["/", "/event/", "/post", "/socket.io/event/", "/socket.io/?EIO=4&transport=websocket"]


@pytest.mark.parametrize("target", WEBSOCKETS)
@pytest.mark.parametrize("connection", ["Upgrade", "Upgrade, x"], ids=["read at the door", "read by the parser"])
def test_a_client_that_offers_subprotocols_is_given_its_first(daemon: Daemon, target: str, connection: str) -> None:
    for offered, given in (("json", "json"), ("v2.Chat, json", "v2.Chat"), ("", None)):
        with WebSocket(daemon.port, target, Connection=connection, Sec_WebSocket_Protocol=offered) as link:
            assert (link.status, link.headers.get("sec-websocket-protocol")) == (101, given)


@pytest.mark.parametrize("target", WEBSOCKETS)
@pytest.mark.parametrize("offered", ["a b", "json, json", '"json"', "a;q=1"])
def test_subprotocols_that_cannot_be_are_refused_in_words(daemon: Daemon, target: str, offered: str) -> None:
    with dial(daemon.port) as link:
        link.sendall(upgrade_request(target, Sec_WebSocket_Protocol=offered))
        answer = read_to_end(link)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Sec-WebSocket-Protocol" in answer


# --- requests before the answers of others ----------------------------------------------------------------------------


@pytest.mark.parametrize("wish", ["", H2C])
def test_requests_in_one_segment_are_answered_in_their_order(daemon: Daemon, wish: str) -> None:
    posts = PUBLISH + wish + WITH_LENGTH + PUBLISH + wish + IN_CHUNKS
    first, second, health = ask(daemon.port, posts + HEALTH, count=3)
    assert (first.status, second.status, health.body) == (200, 200, '{"status":"ok"}')
    assert json.loads(first.body)["id"] < json.loads(second.body)["id"]


def test_a_request_behind_a_poll_waits_for_it(daemon: Daemon) -> None:
    poll, health = ask(daemon.port, "GET /channels/quiet HTTP/1.1\r\nHost: x\r\n\r\n", HEALTH, count=2)
    assert (poll.status, health.status) == (504, 200)


@pytest.mark.parametrize(
    "behind",
    ["no HTTP\r\n\r\n", "GET /sse?channel=x HTTP/1.1\r\n\r\n", upgrade_request("/event/").decode(),
     "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", HEALTH * 20],
    ids=["garbage", "stream", "websocket", "two hosts", "too many"],
)  # fmt: skip
def test_what_cannot_wait_does_not_cost_the_answer_before_it(daemon: Daemon, behind: str) -> None:
    with dial(daemon.port) as link:
        link.sendall(("GET /channels/quiet HTTP/1.1\r\nHost: x\r\n\r\n" + behind).encode())
        answers = read_to_end(link)
    assert answers.startswith(b"HTTP/1.1 504 ")
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answers
    assert b"keep-alive" not in answers


def test_who_goes_away_with_many_polls_waiting_is_missed_by_all_of_them(daemon: Daemon) -> None:
    session = Polling(daemon.port)
    link = dial(daemon.port)
    link.sendall(f"GET {session.target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 3)
    link.close()
    eventually(lambda: session.is_gone, "end of the session")


# --- targets and hosts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "HTTPS"])
def test_a_target_may_be_a_whole_address_at_every_door(daemon: Daemon, scheme: str) -> None:
    root = f"{scheme}://judge.example:80"
    assert request(daemon.port, "GET", f"{root}/healthz").status == 200
    assert request(daemon.port, "GET", f"{root}/event.js").status == 200
    assert request(daemon.port, "GET", f"{root}/channels/x?nowait=1").status == 200
    assert request(poll_port(daemon), "GET", f"{root}/channels/x?nowait=1").status == 200
    assert request(daemon.port, "GET", f"{root}/socket.io/?EIO=4&transport=polling").status == 200
    posted = request(daemon.port, "POST", f"{root}/api/publish?", BODY, Authorization=f"Bearer {KEY}")
    assert posted.status == 200
    with dial(daemon.port) as link:
        link.sendall(f"GET {root}/sse?channel=x HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert link.recv(12) == b"HTTP/1.1 200"
    with WebSocket(daemon.port, f"{root}/event/") as raw, WebSocket(post_port(daemon), f"{root}/any") as poster:
        assert raw.status == poster.status == 101
    with WebSocket(daemon.port, f"{root}/socket.io/?EIO=4&transport=websocket") as socketio:
        assert str(socketio.receive()).startswith("0{")


def test_the_host_of_the_target_counts_and_not_the_header(daemon: Daemon) -> None:
    """The API of posters asks no key of this machine's own, and takes a name that may lead anywhere for another's."""
    port = post_port(daemon)
    page = {"Origin": f"http://localhost:{port}"}
    ours = request(port, "GET", f"http://localhost:{port}/api/last", Host="evil.example", **page)
    others = request(port, "GET", "http://evil.example/api/last", Host=f"localhost:{port}", **page)
    assert (ours.status, others.status) == (200, 401)


@pytest.mark.parametrize(
    "lines",
    ["GET / HTTP/1.1\r\nHost: a\r\nHost: a", "GET / HTTP/1.1\r\nHost: a/b", "GET http://u@a/ HTTP/1.1\r\nHost: a",
     "GET * HTTP/1.1\r\nHost: a", "CONNECT a:1 HTTP/1.1\r\nHost: a", "GET ftp://a/ HTTP/1.1\r\nHost: a"],
)  # fmt: skip
def test_contradictions_are_refused_in_words(daemon: Daemon, lines: str) -> None:
    answer = ask(daemon.port, lines + "\r\n\r\n")[0]
    assert answer.status == 400
    assert " " in answer.body
    assert answer.headers["connection"] == "close"


def test_two_hosts_are_refused_a_websocket_too(daemon: Daemon) -> None:
    with dial(daemon.port) as link:
        link.sendall(upgrade_request("/event/").replace(b"\r\n\r\n", b"\r\nHost: b\r\n\r\n"))
        assert read_to_end(link).startswith(b"HTTP/1.1 400 ")


def test_options_for_the_server_as_a_whole(daemon: Daemon) -> None:
    for port in (daemon.port, post_port(daemon), poll_port(daemon)):
        asterisk, health = ask(port, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + HEALTH, count=2)
        assert (asterisk.status, health.status) == (204, 200)
        assert "GET" in asterisk.headers["allow"]


@pytest.mark.parametrize(
    ("coding", "status"),
    [("Content-Encoding: gzip", 415), ("Transfer-Encoding: gzip, chunked", 501), ("Content-Encoding: identity", 200)],
)
def test_bodies_in_a_coding_are_refused_in_words(daemon: Daemon, coding: str, status: int) -> None:
    body = IN_CHUNKS.partition("\r\n")[2] if coding.startswith("Transfer") else WITH_LENGTH
    answer, health = ask(daemon.port, f"{PUBLISH}{coding}\r\n{body}{HEALTH}", count=2)
    assert (answer.status, health.status) == (status, 200)
    assert status == 200 or json.loads(answer.body)["code"] == "unsupported-coding"


@pytest.mark.parametrize("head", [HEALTH, "GET /sse?channel=x HTTP/1.1\r\n\r\n", upgrade_request("/event/").decode()])
@pytest.mark.parametrize(("length", "is_served"), [(16_000, True), (17_000, False)])
def test_a_head_in_one_piece_is_held_to_the_same_bound(daemon: Daemon, head: str, length: int, is_served: bool) -> None:
    (answer,) = ask(daemon.port, head.removesuffix("\r\n") + f"Cookie: {'x' * length}\r\n\r\n")
    assert (answer.status < 300) if is_served else (answer.status == 431)


# --- connections that are kept ----------------------------------------------------------------------------------------


def test_every_door_says_how_long_a_connection_is_kept(daemon: Daemon) -> None:
    doors = {
        daemon.port: ["/healthz", "/event.js", "/channels/x?nowait=1", "/api/last", "/socket.io/?EIO=4", "/nowhere"],
        post_port(daemon): ["/api/last"],
        poll_port(daemon): ["/nowhere", "/channels/x?nowait=1"],
    }
    for port, targets in doors.items():
        for target in targets:
            assert request(port, "GET", target).headers.get("keep-alive") == "timeout=75", target


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1\r\nConnection: close",
        "HTTP/1.1\r\nConnection: x, Close",
        "HTTP/1.0",
        "HTTP/1.0\r\nConnection: keep-alive",
    ],
)
def test_where_a_connection_is_not_kept_nothing_is_said(daemon: Daemon, head: str) -> None:
    with dial(daemon.port) as link:
        link.sendall(f"GET /healthz {head}\r\nHost: x\r\n\r\n".encode())
        answer = read_to_end(link).lower()
    assert b"connection: close\r\n" in answer
    assert b"keep-alive" not in answer


def test_a_stream_says_that_it_ends_with_the_connection(daemon: Daemon) -> None:
    with dial(daemon.port) as link:
        link.sendall(b"GET /sse?channel=x HTTP/1.1\r\nHost: x\r\n\r\n" + HEALTH.encode())
        head = link.recv(1000)
    assert b"Connection: close\r\n" in head
    assert b"eep-" not in head


def test_the_head_of_a_second_request_has_the_time_of_a_first(daemon: Daemon) -> None:
    with dial(daemon.port) as link:
        link.sendall(HEALTH.encode())
        assert read_answers(link, 1)[0].status == 200
        link.sendall(HEALTH[:20].encode())
        assert read_to_end(link).startswith(b"HTTP/1.1 408 ")


def test_a_connection_is_kept_longer_than_was_said_and_then_closed(tmp_path: Path) -> None:
    with Daemon(tmp_path, settings=POST_LISTENER | {"http.keep_alive_s": 1.9}) as daemon:
        links = [dial(port) for port in (daemon.port, post_port(daemon))]
        for link in links:
            link.sendall(HEALTH.encode())
            assert read_answers(link, 1)[0].headers["keep-alive"] == "timeout=1"
        began = time.monotonic()
        assert [link.recv(1) for link in links] == [b"", b""]
        assert time.monotonic() - began > 2.5


def test_an_idle_connection_does_not_outlive_the_daemon(tmp_path: Path) -> None:
    with Daemon(tmp_path, settings={"drain_deadline_s": 20.0}) as daemon, dial(daemon.port) as link:
        link.sendall(HEALTH.encode())
        read_answers(link, 1)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 10
        assert link.recv(1) == b""


class SmallDaemon(Daemon):
    """A daemon that may have 128 files open, which leaves room for 64 sockets."""

    def _command(self) -> list[str]:
        return ["prlimit", "--nofile=128", *super()._command()]


def test_connections_without_a_request_make_room_for_others(tmp_path: Path) -> None:
    with SmallDaemon(tmp_path) as daemon:
        idle: list[socket.socket] = []
        for _ in range(100):
            link = dial(daemon.port)
            link.sendall(HEALTH.encode())
            assert read_answers(link, 1)[0].status == 200
            idle.append(link)
        assert idle[0].recv(1) == b""  # the oldest of them went
        idle[-1].sendall(HEALTH.encode())
        assert read_answers(idle[-1], 1)[0].status == 200
        with listen(daemon.port) as listener:
            listener.emit("last-msg")
            assert listener.event()[0] == "last-response"
        for link in idle:
            link.close()
