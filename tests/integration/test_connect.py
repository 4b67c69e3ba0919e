"""Does `oyez connect` in a pipe send what it is given, show what it gets, and end as documented?"""

import os
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection
from websockets.utils import accept_key

from tests.command import OYEZ
from tests.console import AT_ONCE, UNTIL_THE_END, Process, run, run_until, url
from tests.inbox import PATIENCE_S
from tests.integration.links import eventually
from tests.peer import Peer, peers
from tests.sandbox import environment
from tests.websocket_server import Behaviour, WebSocketServer, websocket_server

# --- lines and frames -------------------------------------------------------------------------------------------------


def test_each_line_is_a_message_and_each_frame_a_line(echoing: WebSocketServer) -> None:
    lines = ["one", "", '{"a": "é"}', "/ping", "//two", "last without an end"]
    done = run(url(echoing.port), stdin="\n".join(lines))  # and after a second without more, it ends
    assert (done.returncode, done.stderr) == (0, "")
    assert echoing.inbox.of("message") == lines
    assert done.stdout == "".join(f"{line}\n" for line in lines)


def test_a_large_input_goes_through_whole(echoing: WebSocketServer) -> None:
    lines = [str(number) * 10 for number in range(5_000)] + ["x" * 1_000_000]
    done = run(url(echoing.port), stdin="\n".join(lines))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == lines


def test_input_from_a_file(echoing: WebSocketServer, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("one\ntwo\n")
    done = run(url(echoing.port), stdin=file)
    assert (done.returncode, done.stdout) == (0, "one\ntwo\n")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ('{\n\t"a": 1\r\n}', '{  "a": 1  }'),
        ("two\nlines\tof text", "two\\nlines\\tof text"),
        ("\x1b[5mblink\x07\x9b31m", "\\u001b[5mblink\\u0007\\u009b31m"),
        (b"\x00\xffhello", "binary 7 00ff68656c6c6f"),
        (b"", "binary 0"),
    ],
)
def test_every_frame_is_one_line_that_steers_no_terminal(sent: str | bytes, shown: str) -> None:
    with websocket_server(lambda connection, _: connection.send(sent)) as server:
        assert run_until(1, url(server.port), stdin="go\n").stdout == f"{shown}\n"


def test_commands_are_taken_from_a_pipe_when_asked_for(echoing: WebSocketServer) -> None:
    done = run_until(4, url(echoing.port), "--slash", stdin="/binary 00 ff\n//slashed\n/raw /raw\n/ping x\nend\n")
    assert done.stdout.splitlines() == ["binary 2 00ff", "/slashed", "/raw", "end"]
    assert "pong after" in done.stderr


def test_a_code_and_a_reason_to_close_with(echoing: WebSocketServer) -> None:
    done = run(url(echoing.port), "--slash", stdin="/close 4002 done with it\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert echoing.inbox.wait("closed") == [4002]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("/binary 0", "pairs of hexadecimal digits"),
        ("/close 1006", "3000 to 4999"),
        ("/close soon", "3000 to 4999"),
        (f"/close 1000 {'x' * 124}", "123 bytes"),
        ("/frobnicate", "no command /frobnicate"),
    ],
)
def test_a_bad_line_ends_a_script_with_code_2(echoing: WebSocketServer, line: str, complaint: str) -> None:
    done = run(url(echoing.port), "--slash", stdin=f"{line}\nnever sent\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert echoing.inbox.wait("closed") == [1000]
    assert echoing.inbox.of("message") == []


def test_input_that_is_not_utf8_is_refused(echoing: WebSocketServer) -> None:
    done = run(url(echoing.port), stdin=b"\xff\n")
    assert (done.returncode, done.stderr) == (2, "oyez: the input is not UTF-8\n")


def test_without_waiting_it_closes_at_once_and_properly(echoing: WebSocketServer) -> None:
    assert run(url(echoing.port), *AT_ONCE, stdin="one\n").returncode == 0
    assert echoing.inbox.wait("closed") == [1000]
    assert echoing.inbox.of("message") == ["one"]


def test_after_the_end_of_its_input_it_hears_on() -> None:
    def behave(connection: ServerConnection, _: str | bytes) -> None:
        connection.ping().wait(PATIENCE_S)
        connection.send("late")
        connection.close()

    with websocket_server(behave) as server:
        done = run(url(server.port), *UNTIL_THE_END, stdin="go")
    assert (done.returncode, done.stdout) == (0, "late\n")


def test_times_and_frames_stand_between_tabs(echoing: WebSocketServer) -> None:
    time, text = run_until(1, url(echoing.port), "--times", stdin="one\n").stdout.split("\t")
    assert time.startswith("20")
    assert text == "one\n"


def test_pings_are_shown_when_asked_for() -> None:
    def behave(connection: ServerConnection, _: str | bytes) -> None:
        connection.ping("are you there").wait(PATIENCE_S)
        connection.send("done")

    with websocket_server(behave) as server:
        assert "ping" not in run_until(1, url(server.port), stdin="go\n").stderr
        assert "ping 'are you there'" in run_until(1, url(server.port), "--show-ping", stdin="go\n").stderr


@pytest.mark.slow
def test_interrupt_ends_with_130_and_a_closing_handshake(echoing: WebSocketServer) -> None:
    with closing(Process(url(echoing.port))) as one:
        one.say("one")
        assert one.stdout.readline() == "one\n"
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(PATIENCE_S) == 130
        assert one.stderr.read() == ""
    assert echoing.inbox.wait("closed") == [1000]


@pytest.mark.slow
def test_a_server_that_takes_nothing_cannot_keep_us(tmp_path: Path) -> None:
    def behave(peer: Peer, connection: socket.socket) -> None:
        request = peer.read_request(connection.makefile("rb"))
        assert request
        accept = accept_key(request[1]["sec-websocket-key"])
        head = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}"
        connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{head}\r\n\r\n".encode())
        peer.stop.wait()

    file = tmp_path / "lines"
    file.write_text(f"{'x' * 16_000_000}\n" * 2)  # more than the system takes for us
    with peers() as start_peer, file.open() as lines:
        command = [*OYEZ, "connect", url(start_peer(behave).port)]
        with subprocess.Popen(command, stdin=lines, env=environment()) as process:
            eventually(lambda: os.lseek(lines.fileno(), 0, os.SEEK_CUR) > 16_000_000, "reading of a line")
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 130


@pytest.mark.slow
def test_closed_pipe_ends_quietly(echoing: WebSocketServer) -> None:
    with closing(Process(url(echoing.port))) as one:
        one.stdout.close()
        one.say("one")
        assert one.process.wait(PATIENCE_S) == 0
        assert one.stderr.read() == ""


# --- the server's end -------------------------------------------------------------------------------------------------


def ending(code: int, reason: str = "") -> Behaviour:
    return lambda connection, _: connection.close(code, reason)


def breaking(connection: ServerConnection, _: str | bytes) -> None:
    connection.socket.shutdown(socket.SHUT_RDWR)


def closing_without_code(connection: ServerConnection, _: str | bytes) -> None:
    with connection.send_context():
        connection.protocol.send_close()


@pytest.mark.parametrize(
    ("behave", "code", "words"),
    [
        (ending(1000, "enough"), 0, "closed by the other side: 1000 (OK) enough"),
        (ending(1001), 0, "closed by the other side: 1001 (going away)"),
        (closing_without_code, 0, "closed by the other side: without a code (1005)"),
        (ending(1008, "no \x1b[5m"), 3, "closed by the other side: 1008 (policy violation) no \\u001b[5m"),
        (ending(4009), 3, "closed by the other side: 4009"),
        (breaking, 3, "broke without a closing handshake (1006)"),
    ],
    ids=["1000", "1001", "1005", "1008", "4009", "1006"],
)
def test_the_servers_end_is_told_and_tells_the_exit_code(behave: Behaviour, code: int, words: str) -> None:
    with websocket_server(behave) as server:
        done = run(url(server.port), *UNTIL_THE_END, stdin="go\n")
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_frame_that_breaks_the_rules_is_our_reason_to_close() -> None:
    with websocket_server(lambda connection, _: connection.send(b"\xff", text=True)) as server:
        done = run(url(server.port), *UNTIL_THE_END, stdin="go\n")
    assert done.returncode == 3
    assert "closed by us: 1007" in done.stderr
