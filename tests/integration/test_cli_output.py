"""Does nothing that a server, a file or an argument says steer the terminal, or break the lines of the output?"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.command import OYEZ, oyez
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.peer import StartPeer, always, answer, peers
from tests.sandbox import environment
from tests.terminal import Terminal

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r\nforged\x7f"
ESCAPED = "\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202eevil"


@pytest.fixture
def start_peer() -> Iterator[StartPeer]:
    with peers() as start:
        yield start


def check_harmless(shown: str, *, lines: int | None = None) -> None:
    assert [letter for letter in shown if not letter.isprintable() and letter not in "\n\t"] == []
    assert "\nforged" not in shown
    if lines is not None:
        assert len(shown.splitlines()) == lines


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["post", "news", "1"], 1),
        (["post", "news", "1\n2", "--lines"], 1),
        (["last"], 1),
        (["listen", "news"], 1),
        (["connect", "{url}"], 1),
        (["doctor"], None),
        (["doctor", "--public-url", "{url}"], None),
        (["doctor", "--public-url", "{url}", "--json"], None),
        (["selftest", "--only", "socketio", "--only", "sse"], None),
        (["selftest", "--only", "socketio", "--json"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
@pytest.mark.parametrize("status", ["400 \x1b[31mNo", "302 \x1b[31mElsewhere"])
def test_answer_of_a_server(start_peer: StartPeer, arguments: list[str], lines: int | None, status: str) -> None:
    body = answer({"code": EVIL, "message": EVIL}, status)
    head, _, rest = body.partition(b"\r\n")
    server = start_peer(always(head + f"\r\nLocation: http://x\x1b[31m\x9b1m/{ESCAPED}\r\n".encode() + rest))
    done = oyez(*(part.replace("{url}", server.url) for part in arguments), OYEZ_URL=server.url, OYEZ_KEY="key")
    assert done.returncode in (1, 3)
    check_harmless(done.stdout + done.stderr, lines=lines)
    assert "Traceback" not in done.stderr
    if "--json" in arguments:
        json.loads(done.stdout)


def close_evilly(connection: ServerConnection) -> None:
    connection.close(4000, EVIL)


def refuse_evilly(connection: ServerConnection) -> None:
    connection.send(f"44{json.dumps({'message': EVIL})}")
    connection.recv()


def send_error_evilly(connection: ServerConnection) -> None:
    connection.send('40{"sid":"x"}')
    connection.recv()
    connection.send(f"42{json.dumps(['error', {'code': EVIL, 'message': EVIL}])}")
    with suppress(ConnectionClosed):  # closed at once, it might be closed before the error is read
        connection.recv()


@pytest.mark.parametrize("speak", [close_evilly, refuse_evilly, send_error_evilly])
@pytest.mark.parametrize("command", ["listen", "connect"])
def test_words_of_a_websocket(speak: Callable[[ServerConnection], None], command: str) -> None:
    def serve_one(connection: ServerConnection) -> None:
        connection.send('0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}')
        connection.recv()
        speak(connection)

    with serve(serve_one, "127.0.0.1", 0) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        if command == "listen":
            done = oyez("listen", "news", "--url", url)
        else:
            done = oyez("connect", f"{url}/socket.io/", stdin="set-filter\n")
        server.shutdown()
    check_harmless(done.stdout + done.stderr)
    assert "\\u001b[2J\\u009b31m\\u202e" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [EVIL],
        ["post", "news", "1", f"--{EVIL}"],
        ["post", "news", f"@/{EVIL}"],
        ["post", "news", "1", "--url", EVIL],
        ["listen", "news", "--since", EVIL],
        ["check-config", "--port", EVIL],
        ["check-config", "--config", EVIL],
        ["serve", "--key-file", f"/{EVIL}"],
        ["connect", f"ws://127.0.0.1:1/{EVIL}"],
        ["doctor", "--django-settings", EVIL],
        ["selftest", EVIL],
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_argument_of_ones_own(arguments: list[str]) -> None:
    done = oyez(*arguments)
    assert done.returncode in (2, 3)
    assert done.stdout == ""
    check_harmless(done.stderr, lines=1)


@pytest.mark.parametrize("command", ["last", "listen news", "doctor", "selftest"])
@pytest.mark.parametrize("url", ["http://user:hush@127.0.0.1:1", "http://user:hu@sh@127.0.0.1:x", "nope://user:hush@x"])
def test_no_password_of_a_url_is_shown(command: str, url: str) -> None:
    done = oyez(*command.split(), OYEZ_URL=url, OYEZ_KEY="key")
    assert done.returncode in (1, 2, 3)
    for part in ("hush", "hu@sh", "sh@"):
        assert part not in done.stdout + done.stderr


def test_the_form_of_a_url_is_told_whole() -> None:
    done = oyez("check-config", "--broker", "amqp://me:hush@mq/v")
    assert done.returncode == 2
    assert "broker = 'amqp://***@mq/v' is wrong" in done.stderr
    assert "amqp://user:password@host:5672/vhost?exchange=NAME" in done.stderr
    done = oyez("check-config", "--broker", "nope:me:hush@mq")
    assert "broker = 'nope:***@mq' is wrong" in done.stderr
    assert "redis://user:password@host:6379/0?name=NAME" in done.stderr


def test_names_in_the_environment_and_in_files(tmp_path: Path) -> None:
    file = tmp_path / "oyez.toml"
    file.write_text('"\\u001b[31m" = 1\n', "utf-8")
    wrong = oyez("check-config", "--config", str(file))
    assert wrong.stderr.startswith("oyez: there is no setting \\u001b[31m; ")
    check_harmless(wrong.stderr, lines=1)
    file.write_text(f"uds = {json.dumps('/' + EVIL)}\n", "utf-8")
    done = oyez("check-config", "--config", str(file), **{f"OYEZ_{EVIL}": "1"})
    assert done.returncode == 0
    check_harmless(done.stdout + done.stderr)
    assert done.stderr.count("\n") == 2  # the variable, and that nobody may post


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_stays_json_in_every_encoding(daemon: Daemon, encoding: str) -> None:
    since = str(daemon.last())
    daemon.post("cli-encoding", {"é": "\U0001f600\x9b\x7f\u2028"})
    arguments = ("listen", "cli-encoding", "--since", since, "--count", "1", "--json")
    done = oyez(*arguments, OYEZ_URL=daemon.url, PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout)["message"] == {"é": "\U0001f600\x9b\x7f\u2028"}
    check_harmless(done.stdout, lines=1)


def test_reports_on_a_terminal(start_peer: StartPeer) -> None:
    server = start_peer(always(answer({"code": EVIL, "message": EVIL}, "503 No")))
    for arguments in (["doctor", "--url", server.url], ["selftest", server.url, "--only", "socketio"]):
        with Terminal([*OYEZ, *arguments, "--key", "key"], environment()) as terminal:
            assert terminal.end() == 1
            shown = terminal.text
        assert "owned\x07" not in shown
        assert "\x9b" not in shown


def test_output_that_cannot_be_written(daemon: Daemon) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*OYEZ, "last", "--url", daemon.url], check=False, stdout=full, stderr=subprocess.PIPE,
            env=environment({"OYEZ_KEY": daemon.key}), text=True, timeout=PATIENCE_S,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"oyez: the output cannot be written: {os.strerror(28)}\n"


@pytest.mark.parametrize("command", [["last"], ["listen", "news"], ["post", "news", "1"]])
def test_tls_that_nobody_speaks_is_told_without_openssls_words(daemon: Daemon, command: list[str]) -> None:
    done = oyez(*command, OYEZ_URL=f"https://127.0.0.1:{daemon.port}", OYEZ_KEY=KEY)
    assert done.returncode == 3
    assert done.stderr.endswith("no TLS is spoken there, as the daemon itself speaks none: write http:// or ws://\n")
