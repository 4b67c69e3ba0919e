"""Does `oyez connect` on a real terminal let a person type, recall, be interrupted by frames, and leave?"""

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


def kept_lines(tmp_path: Path) -> Path:
    return tmp_path / "state" / "oyez" / "history"


def test_what_is_typed_goes_out_and_the_answer_is_shown(echoing: WebSocketServer, open_terminal: Open) -> None:
    terminal = open_terminal(echoing)
    terminal.type('{"é": 1}', ENTER)
    terminal.wait('< {"é": 1}')
    terminal.type(ENTER, CTRL_D)
    assert terminal.end() == 0
    assert echoing.inbox.wait("closed") == [1000]
    assert echoing.inbox.of("message") == ['{"é": 1}']
    assert '> {"é": 1}\n' in terminal.text.replace("\r", "")


def test_a_line_can_be_edited(echoing: WebSocketServer, open_terminal: Open) -> None:
    terminal = open_terminal(echoing)
    terminal.type("world", CTRL_A, "hello ", ENTER)
    terminal.wait("< hello world")


def test_frames_that_come_meanwhile_leave_the_typed_line_alone(open_terminal: Open) -> None:
    links: list[ServerConnection] = []
    with websocket_server(lambda connection, _: links.append(connection)) as server:
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


def test_a_flood_of_frames_is_shown_whole(open_terminal: Open) -> None:
    def behave(connection: ServerConnection, _: str | bytes) -> None:
        for number in range(3_000):
            connection.send(f"frame {number}")

    with websocket_server(behave) as server:
        terminal = open_terminal(server)
        terminal.type("go", ENTER)
        terminal.wait("< frame 2999")
        assert re.findall(r"< frame (\d+)", terminal.text) == [str(number) for number in range(3_000)]


def test_lines_of_this_and_earlier_sessions_come_back_with_the_arrow(
    echoing: WebSocketServer, open_terminal: Open, tmp_path: Path
) -> None:
    terminal = open_terminal(echoing)
    terminal.type("the oldest", ENTER, "é [newest]", ENTER)
    terminal.wait("< é [newest]")
    terminal.type(UP, UP, ENTER)
    terminal.wait("< the oldest", 2)
    terminal.type(CTRL_D)
    assert terminal.end() == 0
    assert stat.S_IMODE(kept_lines(tmp_path).stat().st_mode) == 0o600

    later = open_terminal(echoing)
    later.type(UP, UP, ENTER)
    later.wait("< é [newest]")


def test_a_line_with_a_secret_is_not_written_down(
    echoing: WebSocketServer, open_terminal: Open, tmp_path: Path
) -> None:
    terminal = open_terminal(echoing)
    terminal.type("harmless", ENTER, '{"command":"auth","key":"hush"}', ENTER)
    terminal.wait('< {"command":"auth","key":"hush"}')
    terminal.type(UP, ENTER)
    terminal.wait('< {"command":"auth","key":"hush"}', 2)
    assert kept_lines(tmp_path).read_text() == '"harmless"\n'


def test_a_history_that_cannot_be_written_does_no_harm(echoing: WebSocketServer, open_terminal: Open) -> None:
    terminal = open_terminal(echoing, XDG_STATE_HOME="/dev/null/nowhere")
    terminal.type("one", ENTER)
    terminal.wait("< one")
    terminal.type(UP, ENTER)
    terminal.wait("< one", 2)
    terminal.type(CTRL_D)
    assert terminal.end() == 0


def test_interrupt_ends_with_130_and_a_closing_handshake(echoing: WebSocketServer, open_terminal: Open) -> None:
    terminal = open_terminal(echoing)
    terminal.type("half of a line", CTRL_C)
    assert terminal.end() == 130
    assert echoing.inbox.wait("closed") == [1000]
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize(("code", "exit_code"), [(1000, 0), (4001, 3)])
def test_the_servers_end_ends_the_typing(open_terminal: Open, code: int, exit_code: int) -> None:
    with websocket_server(lambda connection, _: connection.close(code, "enough")) as server:
        terminal = open_terminal(server)
        terminal.type("one", ENTER)
        assert terminal.end() == exit_code
        terminal.wait(f"closed by the other side: {code}")
        assert "Traceback" not in terminal.text


def test_commands_and_bad_lines(echoing: WebSocketServer, open_terminal: Open) -> None:
    terminal = open_terminal(echoing, "--times")
    terminal.type("/help", ENTER)
    terminal.wait("/close [CODE] [REASON]")
    terminal.type("/ping", ENTER)
    terminal.wait("pong after")
    terminal.type("/frobnicate", ENTER)
    terminal.wait("! there is no command /frobnicate")
    terminal.type("//slashed", ENTER)
    terminal.wait("< /slashed")
    terminal.type("/binary 00ff41", ENTER)
    terminal.wait("< binary, 3 bytes")
    terminal.wait("0000  00 ff 41")
    assert re.search(r"^(> )?\d\d:\d\d:\d\d\.\d{3} < /slashed$", "\n".join(terminal.lines), re.MULTILINE)
    terminal.type("/close 4000 bye", ENTER)
    assert terminal.end() == 0
    assert echoing.inbox.wait("closed") == [4000]


def test_foreign_control_characters_do_not_reach_the_terminal(open_terminal: Open) -> None:
    with websocket_server(lambda connection, _: connection.send("\x1b]0;title\x07\x9b5m")) as server:
        terminal = open_terminal(server)
        terminal.type("go", ENTER)
        terminal.wait("< \\u001b]0;title\\u0007\\u009b5m")
        assert "\x07" not in terminal.raw
        assert "\x9b" not in terminal.raw


def test_colours_only_where_they_are_wanted(echoing: WebSocketServer, open_terminal: Open) -> None:
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        terminal = open_terminal(echoing, **variables)
        terminal.type("one", ENTER)
        terminal.wait("< one")
        assert bool(re.search(r"\x1b\[[0-9;]*3[1-7]", terminal.raw)) == coloured


def test_events_are_typed_to_the_daemon(daemon: Daemon, open_terminal: Open) -> None:
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
