"""Does `oyez connect` on a real terminal let a person type, recall, be interrupted by frames, and leave?

Each test is one sitting at one terminal, since the start of a process takes longer than all that is typed.
"""

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection

from tests.command import OYEZ
from tests.daemon import KEY, Daemon
from tests.sandbox import environment
from tests.terminal import CTRL_A, CTRL_C, CTRL_D, ENTER, UP, Terminal
from tests.websocket_server import WebSocketServer, websocket_server

pytestmark = pytest.mark.slow

Open = Callable[..., Terminal]


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    """Runs `oyez connect` on a terminal, and waits until one can type."""
    with ExitStack() as stack:

        def start(target: WebSocketServer | str, *arguments: str, **variables: str) -> Terminal:
            url = target if isinstance(target, str) else f"ws://127.0.0.1:{target.port}"
            env = environment({"XDG_STATE_HOME": str(tmp_path / "state"), **variables})
            terminal = stack.enter_context(Terminal([*OYEZ, "connect", url, *arguments], env))
            terminal.wait("connected to")
            terminal.wait("> ")
            return terminal

        yield start


def test_a_line_is_edited_sent_recalled_and_kept_and_a_bad_one_is_explained(
    echoing: WebSocketServer, open_terminal: Open, tmp_path: Path
) -> None:
    kept = tmp_path / "state" / "oyez" / "history"
    kept.parent.mkdir(parents=True)
    kept.write_text('"of another day"\n')
    kept.chmod(0o600)
    terminal = open_terminal(echoing, "--times")

    terminal.type('{"é": 1}', ENTER)
    terminal.wait('< {"é": 1}')
    assert '> {"é": 1}\n' in terminal.text.replace("\r", "")
    assert re.search(r"\x1b\[[0-9;]*3[1-7]", terminal.raw)  # colours
    terminal.type(ENTER)  # sends nothing
    terminal.type("[world]", CTRL_A, "hello ", ENTER)
    terminal.wait("< hello [world]")
    terminal.type(UP, UP, UP, ENTER)
    terminal.wait("< of another day")

    terminal.type("/help", ENTER)
    terminal.wait("/close [CODE] [REASON]")
    terminal.type("/ping", ENTER)
    terminal.wait("pong after")
    terminal.type("/frobnicate", ENTER)
    terminal.wait("! there is no command /frobnicate")
    terminal.type("//slashed", ENTER)
    terminal.wait("< /slashed")
    assert re.search(r"^(> )?\d\d:\d\d:\d\d\.\d{3} < /slashed$", "\n".join(terminal.lines), re.MULTILINE)
    terminal.type("/binary 00ff41", ENTER)
    terminal.wait("< binary, 3 bytes")
    terminal.wait("0000  00 ff 41")

    terminal.type('{"command":"auth","key":"hush"}', ENTER)
    terminal.wait('< {"command":"auth","key":"hush"}')
    terminal.type(UP, ENTER)  # not written down, and yet at hand in this session
    terminal.wait('< {"command":"auth","key":"hush"}', 2)

    terminal.type("/close 4000 bye", ENTER)
    assert terminal.end() == 0
    assert echoing.inbox.wait("closed") == [4000]
    assert [text for text in echoing.inbox.of("message") if text != '{"command":"auth","key":"hush"}'] == [
        '{"é": 1}', "hello [world]", "of another day", "/slashed", b"\x00\xffA",
    ]  # fmt: skip
    lines = kept.read_text().splitlines()
    assert lines[:3] == ['"of another day"', '"{\\"\\u00e9\\": 1}"', '"hello [world]"']
    assert "hush" not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_frames_that_come_meanwhile_are_shown_whole_and_leave_the_typed_line_alone(open_terminal: Open) -> None:
    links: list[ServerConnection] = []

    def behave(connection: ServerConnection, message: str | bytes) -> None:
        links.append(connection)
        if message == "flood":
            for number in range(3_000):
                connection.send(f"flood {number}")
        if message == "steer":
            connection.send("\x1b]0;title\x07\x9b5m")
        if message == "end":
            connection.close(4001, "enough")

    with websocket_server(behave) as server:
        terminal = open_terminal(server)
        terminal.type("first", ENTER)
        server.inbox.wait("message")
        terminal.type("half of")
        terminal.wait("half of")
        for number in range(5):
            links[0].send(f"frame {number}")
        terminal.wait("< frame 4")
        terminal.wait("half of", 2)  # it is drawn anew below
        terminal.type(" a line", ENTER)
        assert server.inbox.wait("message", 2) == ["first", "half of a line"]
        assert re.findall(r"< frame (\d)\n", terminal.text) == ["0", "1", "2", "3", "4"]

        terminal.type("flood", ENTER)
        terminal.wait("< flood 2999")
        assert re.findall(r"< flood (\d+)", terminal.text) == [str(number) for number in range(3_000)]

        terminal.type("steer", ENTER)
        terminal.wait("< \\u001b]0;title\\u0007\\u009b5m")
        assert "\x07" not in terminal.raw
        assert "\x9b" not in terminal.raw

        terminal.type("end", ENTER)
        assert terminal.end() == 3
        terminal.wait("closed by the other side: 4001")
        assert "Traceback" not in terminal.text


def test_without_colours_and_a_history_that_can_be_written_the_rest_is_there(open_terminal: Open) -> None:
    def behave(connection: ServerConnection, message: str | bytes) -> None:
        connection.send(message)
        if message == "end":
            connection.close(1000, "enough")

    with websocket_server(behave) as server:
        terminal = open_terminal(server, XDG_STATE_HOME="/dev/null/nowhere", NO_COLOR="1")
        terminal.type("one", ENTER)
        terminal.wait("< one")
        terminal.type(UP, ENTER)
        terminal.wait("< one", 2)
        assert not re.search(r"\x1b\[[0-9;]*3[1-7]", terminal.raw)
        terminal.type("end", ENTER)
        assert terminal.end() == 0
        terminal.wait("closed by the other side: 1000")
        assert "Traceback" not in terminal.text


def test_interrupt_ends_with_130_and_a_closing_handshake(echoing: WebSocketServer, open_terminal: Open) -> None:
    terminal = open_terminal(echoing)
    terminal.type("half of a line", CTRL_C)
    assert terminal.end() == 130
    assert echoing.inbox.wait("closed") == [1000]
    assert "Traceback" not in terminal.text


def test_events_are_typed_to_the_daemon_until_ctrl_d(daemon: Daemon, open_terminal: Open) -> None:
    auth = f'{{"role": "sender", "token": "{KEY}"}}'
    terminal = open_terminal(f"ws://127.0.0.1:{daemon.port}/socket.io/", "--auth", auth)
    terminal.wait("< connect {")
    terminal.type('+post {"channel": "con-tty", "message": 1}', ENTER)
    terminal.wait('< ack 1 [{"status":"success"')
    terminal.type("post nonsense", ENTER)
    terminal.wait("! not JSON")
    terminal.type(CTRL_D)
    assert terminal.end() == 0
    assert KEY not in terminal.text


def test_a_server_without_clients_says_so(tmp_path: Path) -> None:
    command = [*OYEZ, "connect", "--listen", "0"]
    with Terminal(command, environment({"XDG_STATE_HOME": str(tmp_path)})) as terminal:
        terminal.wait("listening on ws://")
        terminal.type("too early", ENTER)
        terminal.wait("! nobody is connected")
        terminal.type(CTRL_D)
        assert terminal.end() == 0
