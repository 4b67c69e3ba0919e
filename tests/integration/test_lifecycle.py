"""Does the daemon start where it is told to, say so, and end in time whoever is connected?"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.command import oyez
from tests.conftest import StartDaemon
from tests.daemon import Daemon
from tests.inbox import PATIENCE_S
from tests.integration.links import SUCCESS, Link, Poller, Sender, eventually, listen, metrics
from tests.raw import Call, dial, read_to_end, request
from tests.sandbox import environment

SERVE = [sys.executable, "-m", "oyez", "serve", "--key", "k"]


def serve_in_vain(*flags: str) -> "subprocess.CompletedProcess[str]":
    """Run a daemon that is expected to refuse to start."""
    return subprocess.run(
        [*SERVE, *flags], check=False, capture_output=True, text=True, timeout=PATIENCE_S, env=environment()
    )


# --- start ------------------------------------------------------------------------------------------------------------


def test_second_daemon_on_the_port_ends_with_2_and_names_it(daemon: Daemon) -> None:
    done = serve_in_vain("--host", "127.0.0.1", "--port", str(daemon.port))
    assert done.returncode == 2
    port = daemon.port
    said = (
        f"port = {port} cannot be had: 127.0.0.1:{port} is taken, perhaps by another daemon: end that, or name another"
    )
    assert done.stderr == f"oyez: {said} port\n"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--host", "256.0.0.1"], "host = '256.0.0.1' cannot be had: that name cannot be looked up"),
        (["--host", ".example"], "host = '.example' cannot be had: that name cannot be looked up"),
        (["--host", "192.0.2.1", "--port", "0"], "host = '192.0.2.1' cannot be had: this machine has no such address"),
        (["--uds", "/nowhere/oyez.sock"], "uds = '/nowhere/oyez.sock' cannot be had: its folder is not there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_address_that_cannot_be_had_ends_it_with_2(flags: list[str], named: str) -> None:
    done = serve_in_vain(*flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--port", "65536"], "port"),
        (["--port", "x"], "port"),
        (["--broker", "amqp:"], "broker"),
        (["--log-level", "loud"], "log_level"),
        (["--log-format", "xml"], "log_format"),
        (["--config", "/nowhere.toml"], "/nowhere.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_flags_end_with_2(flags: list[str], named: str) -> None:
    done = oyez("serve", "--key", "k", *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("nonsense = 1", "nonsense"),
        ("limits.max_connections = -1", "limits.max_connections"),
        ('socketio.ping_interval_s = "often"', "socketio.ping_interval_s"),
        ("socketio.ping_timeout_s = 0", "socketio.ping_timeout_s"),
        ("limits.max_sender_message_bytes = 100", "limits.max_receiver_message_bytes"),
        ('http.trusted_proxies = ["proxy"]', "http.trusted_proxies"),
        *(
            (f'{name} = ["fe80::1%eth0"]', f"{name} = ['fe80::1%eth0'] is wrong: expected fe80::1, without a zone")
            for name in ("http.trusted_proxies", "limits.exempt_networks", "auth.sender_addresses")
        ),
        ('keys = [{name = "x", key = "y", from = ["fe80::1%eth0"]}]', "keys[1].from = ['fe80::1%eth0']"),
        ("= 1", "oyez.toml"),
    ],
)
def test_wrong_settings_end_with_2_and_their_dotted_name(tmp_path: Path, line: str, named: str) -> None:
    file = tmp_path / "oyez.toml"
    file.write_text(line + "\n", encoding="utf-8")
    done = oyez("serve", "--key", "k", "--config", str(file))
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_log_is_json_if_asked_for(start_daemon: StartDaemon) -> None:
    daemon = start_daemon("--log-format", "json")
    assert request(daemon.port, "GET", "/socket.io/").status == 400
    eventually(lambda: "bad-handshake" in daemon.stderr, "line about the handshake")
    records = [json.loads(line) for line in daemon.log.of("line")]
    assert {tuple(record) for record in records} == {("time", "level", "logger", "message")}
    assert {record["level"] for record in records} == {"info"}
    assert abs(records[0]["time"] - time.time()) < 60


def test_health(daemon: Daemon) -> None:
    assert request(daemon.port, "GET", "/healthz").error == (200, '{"status":"ok"}')


@pytest.fixture
def unix_daemons(tmp_path: Path) -> Iterator["UnixDaemons"]:
    daemons = UnixDaemons(tmp_path / "oyez.sock")
    yield daemons
    for process in daemons.processes:
        process.kill()
        process.communicate()


class UnixDaemons:
    """Daemons on one path, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.processes: list[subprocess.Popen[str]] = []

    def start(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen([*SERVE, "--uds", str(self.path)], stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stderr
        for line in process.stderr:
            if f"listening on unix:{self.path}" in line:
                return process
        raise AssertionError("it does not listen")

    def check_serves(self) -> None:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(PATIENCE_S)
            link.connect(str(self.path))
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert read_to_end(link).startswith(b"HTTP/1.1 200")


def test_stale_unix_socket_is_replaced_and_a_living_one_is_not(unix_daemons: UnixDaemons) -> None:
    first = unix_daemons.start()
    unix_daemons.check_serves()
    done = serve_in_vain("--uds", str(unix_daemons.path))
    assert done.returncode == 2
    assert str(unix_daemons.path) in done.stderr
    unix_daemons.check_serves()
    first.kill()
    first.wait(PATIENCE_S)
    assert unix_daemons.path.exists()
    second = unix_daemons.start()
    unix_daemons.check_serves()
    second.terminate()
    assert second.wait(PATIENCE_S) == 0
    unix_daemons.start()
    unix_daemons.check_serves()


def test_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("data", encoding="utf-8")
    assert serve_in_vain("--uds", str(precious)).returncode == 2
    assert precious.read_text(encoding="utf-8") == "data"


# --- stop -------------------------------------------------------------------------------------------------------------


class Crowd:
    """Five hundred links of all kinds."""

    def __init__(self, daemon: Daemon, stack: ExitStack) -> None:
        port = daemon.port
        self.listeners = [stack.enter_context(listen(port, "quiet")) for _ in range(200)]
        self.stalled = [stack.enter_context(listen(port, "busy", receive_buffer=4096)) for _ in range(60)]
        self.senders: list[Link] = [stack.enter_context(Sender(port)) for _ in range(20)]
        self.raw = [stack.enter_context(dial(port)) for _ in range(40)]
        for link in self.raw[::2]:
            link.sendall(b"POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Le")
        self.idle_pollers = [Poller(port) for _ in range(30)]
        self.pollers = [Poller(port) for _ in range(150)]
        self.polls: list[Call] = [poller.begin_get() for poller in self.pollers]
        assert {link.receive() for link in [*self.listeners, *self.stalled]} == {SUCCESS}
        with Sender(port) as sender:
            sender.post("busy", *["x" * 5000] * 250)
        eventually(lambda: metrics(port)["oyez_listeners"] == 440, "crowd")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_in_time_and_everyone_may_come_back(start_daemon: StartDaemon, number: signal.Signals) -> None:
    daemon = start_daemon()
    with ExitStack() as stack:
        crowd = Crowd(daemon, stack)
        began = time.monotonic()
        daemon.process.send_signal(number)
        assert daemon.process.wait(PATIENCE_S) == 0
        assert time.monotonic() - began < PATIENCE_S / 2  # those who do not read would keep it for ever
        for poll in crowd.polls:
            assert poll.answer().error == (200, "6")
        for link in [*crowd.listeners, *crowd.senders]:
            assert link.close_code() == 1001
        for link in crowd.stalled:
            assert b"\x81\x0241" not in link.rest()  # a DISCONNECT would keep clients from coming back
        for half_open in crowd.raw:
            answer = read_to_end(half_open)  # of a head that ends in the middle, if it had its time meanwhile
            assert not answer or answer.startswith(b"HTTP/1.1 408 ")
    with pytest.raises(ConnectionRefusedError):
        dial(daemon.port)


def test_deadline_of_the_stop_is_kept(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"drain_deadline_s": 0.5})
    silent = [listen(daemon.port, "x") for _ in range(20)]  # they never answer the close frame
    assert daemon.stop() == 0
    assert "20 sockets had to be cut off" in daemon.stderr  # each would have had two seconds for its answer
    for link in silent:
        link.drop()


def test_one_more_signal_ends_it_at_once(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(settings={"drain_deadline_s": 60})
    with dial(daemon.port) as body:
        body.sendall(publish_head(daemon))  # and nothing of the body, which the stop waits for
        request(daemon.port, "GET", "/healthz")
        daemon.process.terminate()
        daemon.log.wait_until(lambda: "stopping" in daemon.stderr, "word of the stop")
        eventually(lambda: ended_by_one_more_signal(daemon), "end")
        assert daemon.process.returncode == 1


def ended_by_one_more_signal(daemon: Daemon) -> bool:
    """Signal again; one that comes right after the first counts as the same."""
    daemon.process.terminate()
    try:
        daemon.process.wait(0.2)
    except subprocess.TimeoutExpired:
        return False
    return True


def publish_head(daemon: Daemon) -> bytes:
    fields = [f"Authorization: Bearer {daemon.key}", "Host: x", "Content-Length: 15"]
    return "\r\n".join(["POST /api/publish HTTP/1.1", *fields, "", ""]).encode()


def test_post_that_is_under_way_is_still_answered(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    body = dial(daemon.port)
    body.sendall(publish_head(daemon))
    request(daemon.port, "GET", "/healthz")  # what came before it on the other socket has been read
    daemon.process.terminate()
    daemon.log.wait_until(lambda: "stopping" in daemon.stderr, "word of the stop")
    body.sendall(b'{"channel":"x"}')
    assert read_to_end(body).startswith(b"HTTP/1.1 200")
    assert daemon.process.wait(PATIENCE_S) == 0
