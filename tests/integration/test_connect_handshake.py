"""Does `oyez connect` ask for a WebSocket as its options say, and tell why it gets none?"""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console import AT_ONCE, run, run_until, url
from tests.peer import StartPeer, always, answer, peers
from tests.websocket_server import WebSocketServer, echo, swallow, websocket_server


@pytest.fixture
def start_peer() -> Iterator[StartPeer]:
    with peers() as start:
        yield start


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_the_handshake_carries_what_the_options_say() -> None:
    with websocket_server(swallow, subprotocols=("chat.v2",)) as server:
        done = run(
            url(server.port, "/a/b?c=d&e"),
            *("--subprotocol", "chat.v1", "--subprotocol", "chat.v2"),
            *("--origin", "https://judge.example"),
            *("--host", "judge.example:8080"),
            *("--header", "X-One: 1", "--header", "X-Two:zwei: é"),
            *AT_ONCE,
        )
        assert (done.returncode, done.stderr) == (0, "")
        headers = server.headers()
        (request,) = server.inbox.of("request")
    assert request.path == "/a/b?c=d&e"
    assert headers["sec-websocket-protocol"] == "chat.v1, chat.v2"
    assert headers["origin"] == "https://judge.example"
    assert headers["host"] == "judge.example:8080"
    assert headers["x-one"] == "1"
    assert headers["x-two"].encode("latin-1").decode() == "zwei: é"
    assert "authorization" not in headers
    assert headers["user-agent"].startswith("oyez/")


@pytest.mark.parametrize(
    ("user", "arguments"),
    [("", ("--basic-auth", "anna:le:tmein")), ("anna:le%3Atmein@", ()), ("bob:no@", ("--basic-auth", "anna:le:tmein"))],
)
def test_basic_authentication_by_option_or_url(user: str, arguments: tuple[str, ...]) -> None:
    with websocket_server(swallow) as server:
        done = run(f"ws://{user}127.0.0.1:{server.port}", *arguments, *AT_ONCE)
        assert (done.returncode, done.stderr) == (0, "")
        assert server.headers()["authorization"] == f"Basic {base64.b64encode(b'anna:le:tmein').decode()}"
        assert server.headers()["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("scheme", ["http+unix", "ws+unix"])
def test_unix_socket_with_a_path(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "there.sock"
    with websocket_server(echo, socket_path=path) as server:
        done = run_until(1, f"{scheme}://{path}:/a?b=c", stdin="one\n")
        assert (done.returncode, done.stdout) == (0, "one\n")
        assert server.inbox.of("request")[0].path == "/a?b=c"


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_refused_with_a_hint(certificate: Path) -> None:
    with websocket_server(echo, certificate=certificate) as server:
        done = run(f"wss://127.0.0.1:{server.port}", stdin="one\n")
        assert (done.returncode, done.stdout) == (3, "")
        assert "not to be trusted" in done.stderr
        assert "--no-check" in done.stderr


def test_the_check_can_be_left_out_and_that_is_said(certificate: Path) -> None:
    with websocket_server(echo, certificate=certificate) as server:
        done = run_until(1, f"wss://127.0.0.1:{server.port}", "--no-check", stdin="one\n")
    assert (done.returncode, done.stdout) == (0, "one\n")
    assert "is not checked" in done.stderr


def test_a_certificate_is_checked_for_the_address_not_for_the_host_header(certificate: Path) -> None:
    with websocket_server(echo, certificate=certificate) as server:
        arguments = (f"wss://127.0.0.1:{server.port}", "--host", "judge.example")
        done = run_until(1, *arguments, stdin="one\n", SSL_CERT_FILE=str(certificate))
        assert (done.returncode, done.stdout, done.stderr) == (0, "one\n", "")
        assert server.headers()["host"] == "judge.example"


def test_tls_on_one_side_only_is_explained(certificate: Path, echoing: WebSocketServer) -> None:
    done = run(f"wss://127.0.0.1:{echoing.port}", *AT_ONCE)
    assert (done.returncode, done.stdout) == (3, "")
    assert "does it want ws://" in done.stderr
    with websocket_server(echo, certificate=certificate) as server:
        done = run(url(server.port), *AT_ONCE)
    assert (done.returncode, done.stdout) == (3, "")
    assert "does it want wss://" in done.stderr


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (answer({"code": "no", "message": "wrong\x1b key"}, "401 Unauthorized"), "401 Unauthorized): wrong\\u001b key"),
        (answer(b"Please\n wait", "503 Service Unavailable"), "503 Service Unavailable): Please wait"),
        (answer(b"<html>hello</html>"), "answers without a WebSocket (HTTP status 200 OK)\n"),
        (b"HTTP/1.1 302 Found\r\nLocation: //b/\r\nContent-Length: 0\r\n\r\n", "(HTTP status 302 Found): //b/"),
        (b"220 mail.example ESMTP\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "Sec-WebSocket-Accept"),
    ],
    ids=["json", "text", "page", "redirect", "no-http", "no-websocket"],
)  # fmt: skip
def test_a_refused_handshake_is_explained(start_peer: StartPeer, content: bytes, complaint: str) -> None:
    done = run(url(start_peer(always(content)).port))
    assert (done.returncode, done.stdout) == (3, "")
    assert complaint in done.stderr


def test_a_server_that_hangs_up_is_explained(start_peer: StartPeer) -> None:
    done = run(url(start_peer(lambda peer, connection: peer.read_request(connection.makefile("rb")) and None).port))
    assert done.returncode == 3
    assert "closed the connection without an answer" in done.stderr


def test_a_subprotocol_that_was_not_asked_for_is_no_websocket_to_us(start_peer: StartPeer) -> None:
    with websocket_server(swallow, subprotocols=("a",)) as server:
        done = run(url(server.port), "--subprotocol", "b")
    assert done.returncode == 3
    assert "400 Bad Request" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ([], 2, "--listen PORT"),
        (["127.0.0.1"], 2, "http://host:port"),
        (["ws://anna:hush@127.0.0.1:x"], 2, "'ws://***@127.0.0.1:x'"),
        (["ws://anna@127.0.0.1:1"], 2, "USER:PASSWORD"),
        (["ws://127.0.0.1:1", "--basic-auth", "hush"], 2, "USER:PASSWORD"),
        (["ws://127.0.0.1:1", "--header", "Bearer hush"], 2, "'Name: value'"),
        (["ws://127.0.0.1:1", "--header", "X: hush\nY: 1"], 2, "in one line"),
        (["ws://127.0.0.1:1", "--header", "host: a"], 2, "--host"),
        (["ws://127.0.0.1:1", "--host", "a b"], 2, "judge.example"),
        (["ws://127.0.0.1:1", "--subprotocol", "a b"], 2, "subprotocol"),
        (["ws://127.0.0.1:1", "--auth", '{"token": "hush"'], 2, "JSON object"),
        (["ws://127.0.0.1:1", "--auth", "@/nowhere"], 2, "cannot be read"),
        (["ws://127.0.0.1:1", "--wait", "nan"], 2, "--wait"),
        (["ws://127.0.0.1:1", "--wait", "-1"], 2, "--wait"),
        (["--listen", "0", "--header", "a: hush"], 2, "--header is for clients"),
        (["ws://127.0.0.1:1", "--listen", "0"], 2, "URL is for clients"),
        (["ws://127.0.0.1:1"], 3, "cannot connect to 127.0.0.1:1: Connection refused"),
        (["ws://localhost:1"], 3, "cannot connect to localhost:1: Connection refused"),
        (["ws://nowhere.invalid"], 3, "the name is not known"),
        (["http+unix:///nowhere.sock:/"], 3, "No such file or directory"),
        (["--listen", "0", "--host", "192.0.2.1"], 3, "cannot listen on 192.0.2.1:0: Cannot assign requested address"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_failures_have_their_exit_codes(arguments: list[str], code: int, complaint: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert complaint in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr
