"""Who is let in by which door and on which address, and how it all ends."""

import json
import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.eventsource import Stream
from tests.inbox import PATIENCE_S
from tests.integration.bystanders import refusals
from tests.integration.dialects import (
    CAPACITY,
    POLL_LISTENER,
    POST_LISTENER,
    TIMEOUT,
    RawLink,
    RawListener,
    RawPoster,
    begin_poll,
    poll,
    poll_port,
    post_port,
)
from tests.integration.links import Link, eventually, metrics
from tests.raw import Answer, WebSocket, dial, request, text_frame, upgrade_request
from tests.sandbox import environment

ALL_ADDRESSES = POST_LISTENER | POLL_LISTENER


# --- no room for more -------------------------------------------------------------------------------------------------


def check_put_off(answer: Answer) -> None:
    assert answer.error == (503, CAPACITY)
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_full_server_puts_listeners_off_by_every_door_and_no_posters(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=ALL_ADDRESSES | {"limits.max_connections": 3})
    listener, stream = RawListener(daemon.port, "x"), Stream(daemon.port, "/sse?channel=x")
    waiter = begin_poll(poll_port(daemon), "x")
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 3, "no room for more")
    with WebSocket(daemon.port, "/event/") as refused:
        assert (refused.status, refused.rest().decode()) == (503, CAPACITY)
        assert int(refused.headers["retry-after"]) > 0
    for port in (daemon.port, poll_port(daemon)):
        check_put_off(poll(port, "x"))
    with Link(daemon.port) as link:
        assert link.event() == ("error", {"status": "error"} | json.loads(CAPACITY))
    retries = {read_put_off_stream(daemon) for _ in range(5)}
    assert all(15_000 <= retry <= 45_000 for retry in retries)
    assert len(retries) > 1
    assert refusals(daemon, "at-capacity") == 9
    with RawPoster(daemon.port) as poster, RawPoster(post_port(daemon), key=None) as local:
        posted = poster.post("x", 1) + local.post("x", 2)
    assert listener.events(2) == posted
    assert json.loads(waiter.answer().body) == posted[0]
    assert [stream.record().event for _ in range(3)] == ["status", "message", "message"]
    listener.drop()
    stream.drop()
    eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 0, "free seats")
    with RawListener(daemon.port, "x") as again:
        assert again.events(2) == posted


def read_put_off_stream(daemon: Daemon) -> int:
    """Require a stream that ends with the reason; gives the time until the browser comes back."""
    stream = Stream(daemon.port, "/sse?channel=x")
    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    match = re.fullmatch(rb"retry: (\d+)\nevent: status\ndata: (.*)\n\n", stream.rest())
    assert match
    assert json.loads(match[2]) == {"status": "error"} | json.loads(CAPACITY)
    return int(match[1])


# --- origins ----------------------------------------------------------------------------------------------------------

JUDGE = "https://judge.example"


def test_pages_of_origins_that_are_not_named_may_not_listen(start_daemon: StartDaemon) -> None:
    settings = {"http.allowed_origins": [JUDGE], "http.long_poll_timeout_s": 0.01}
    daemon = start_daemon(settings=settings)
    check_allowed(poll(daemon.port, "x", Origin=JUDGE), TIMEOUT)
    with Stream(daemon.port, "/sse?channel=x", Origin=JUDGE) as stream:
        assert stream.headers["access-control-allow-origin"] == JUDGE
        assert stream.headers["vary"] == "Origin"
    with RawListener(daemon.port, Origin=JUDGE) as listener, RawListener(daemon.port) as no_page:
        listener.check_nothing_more()
        no_page.check_nothing_more()
    strangers = ("https://evil.example", "null", "http://judge.example", "https://judge.example.evil.example")
    for origin in strangers:
        with WebSocket(daemon.port, "/event/", Origin=origin) as link:
            assert link.status == 403, origin
        for target in ("/channels/x", "/sse?channel=x"):
            assert request(daemon.port, "GET", target, Origin=origin).status == 403
    assert (refusals(daemon, "bad-handshake"), refusals(daemon, "bad-request")) == (len(strangers), 2 * len(strangers))
    for target in ("/channels/x", "/sse?channel=x"):
        assert "access-control-allow-origin" not in head_of(daemon, target)
    with RawPoster(daemon.port, Origin="https://evil.example") as poster:  # it has the key
        assert poster.post("x", 1)


def check_allowed(answer: Answer, body: str) -> None:
    assert answer.body == body
    assert answer.headers["access-control-allow-origin"] == JUDGE
    assert "origin" in answer.headers["vary"].lower()


def head_of(daemon: Daemon, target: str) -> dict[str, str]:
    with Stream(daemon.port, target) as answer:
        return answer.headers


# --- addresses --------------------------------------------------------------------------------------------------------


def test_three_addresses_serve_what_the_three_ports_of_old_did(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=ALL_ADDRESSES)
    ports = (daemon.port, post_port(daemon), poll_port(daemon))
    assert len(set(ports)) == 3
    with RawPoster(ports[1], key=None, path="/") as poster, RawListener(ports[0], "x", path="/") as listener:
        posted = poster.post("x", 1)
        assert listener.events(1) == posted
        assert json.loads(poll(ports[2], "x", last=posted[0]["id"] - 1).body) == posted[0]
    lines = [line.split(": ", 1)[1].strip() for line in daemon.log.of("line") if "127.0.0.1:" in line]
    assert lines == [
        f"raw WebSocket posters, no key needed, at http://127.0.0.1:{ports[1]}",
        f"long polls at http://127.0.0.1:{ports[2]}",
        f"listening on http://127.0.0.1:{ports[0]}",
    ]
    for port in ports:
        assert request(port, "GET", "/healthz").status == 200
    daemon.stop()
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            dial(port)


def serve_in_vain(config: Path, text: str, *flags: str) -> str:
    """Run a daemon that is expected to refuse to start; gives what it says."""
    config.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "oyez", "serve", "--port", "0", "--config", str(config), *flags],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment(),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_posters_of_all_the_world_without_a_key_are_refused_at_the_start(tmp_path: Path) -> None:
    said = serve_in_vain(tmp_path / "oyez.toml", 'post_listener.host = "0.0.0.0"\npost_listener.port = 0')
    assert "post_listener.host" in said
    assert "127.0.0.1" in said
    assert "OYEZ_KEY" in said


def test_an_address_that_is_taken_is_named(daemon: Daemon, tmp_path: Path) -> None:
    text = f'poll_listener.host = "127.0.0.1"\npoll_listener.port = {daemon.port}'
    said = serve_in_vain(tmp_path / "oyez.toml", text, "--key", "secret-key")
    assert f"poll_listener.port = {daemon.port} cannot be had: 127.0.0.1:{daemon.port} is taken" in said
    assert f"127.0.0.1:{daemon.port}" in said
    assert "secret-key" not in said


def talk_over_unix(path: Path, *exchanges: tuple[bytes, bytes]) -> bytes:
    """Send each first, read until each second; gives what was read last."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(PATIENCE_S)
        link.connect(str(path))
        answer = b""
        for data, end in exchanges:
            answer = b""
            link.sendall(data)
            while not answer.endswith(end):
                part = link.recv(65536)
                assert part, answer
                answer += part
        return answer


def test_posts_and_polls_may_come_over_unix_sockets(start_daemon: StartDaemon, tmp_path: Path) -> None:
    post, polls = tmp_path / "post.sock", tmp_path / "poll.sock"
    daemon = start_daemon(settings={"post_listener.uds": str(post), "poll_listener.uds": str(polls)})
    assert f"raw WebSocket posters, no key needed, at unix:{post}" in daemon.stderr
    assert f"long polls at unix:{polls}" in daemon.stderr
    request_to_post = (text_frame('{"command":"post","channel":"x","message":1}'), b"}")
    reply = talk_over_unix(post, (upgrade_request("/"), b"\r\n\r\n"), request_to_post)
    assert b'{"status":"success","id":' in reply
    proxied = (upgrade_request("/", X_Forwarded_For="203.0.113.9"), b"\r\n\r\n")
    assert b'"code":"unauthorized"' in talk_over_unix(post, proxied, request_to_post)
    answer = talk_over_unix(polls, (b"GET /channels/x?last=1 HTTP/1.1\r\nHost: x\r\n\r\n", b"}"))
    assert answer.endswith(b',"channel":"x","message":1}')


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_stop_sends_everyone_away_in_time_and_loses_nothing_that_is_due(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings=ALL_ADDRESSES)
    with ExitStack() as stack:
        links: list[RawLink] = [stack.enter_context(RawListener(daemon.port, "x")) for _ in range(20)]
        posters = [stack.enter_context(RawPoster(daemon.port)) for _ in range(5)]
        posters += [stack.enter_context(RawPoster(post_port(daemon), key=None)) for _ in range(5)]
        silent = [stack.enter_context(RawPoster(daemon.port, key=None)) for _ in range(3)]
        streams = [stack.enter_context(Stream(daemon.port, "/sse?channel=x")) for _ in range(20)]
        stalled = [
            stack.enter_context(Stream(daemon.port, "/sse?channel=busy", receive_buffer=4096)) for _ in range(20)
        ]
        polls = [begin_poll(port, "quiet") for port in (daemon.port, poll_port(daemon)) for _ in range(20)]
        eventually(lambda: metrics(daemon.port)["oyez_listeners"] == 100, "crowd")
        posters[0].post("busy", *["x" * 5000] * 200)
        posted = posters[0].post("x", 1, 2)
        began = time.monotonic()
        daemon.process.terminate()
        for waiter in polls:
            check_put_off(waiter.answer())
        for stream in streams:
            assert [stream.record().data for _ in range(3)][1:] == [
                json.dumps(event, separators=(",", ":")) for event in posted
            ]
            assert stream.rest() == b""
        assert links[0].value() == posted[0]
        assert {link.close_code() for link in links} == {1012}
        assert {link.close_code() for link in [*posters, *silent]} == {1006}  # no frame, see `RawPoster.leave`
        assert daemon.process.wait(PATIENCE_S) == 0
        assert time.monotonic() - began < PATIENCE_S / 2  # those who do not read would keep it for ever
        for stream in stalled:
            stream.drop()
