"""Does `oyez connect` speak Socket.IO, and to each door of the daemon?"""

import json
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.conftest import StartDaemon
from tests.console import AT_ONCE, UNTIL_THE_END, StartConsole, run, run_until, url
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S

SENDER = json.dumps({"role": "sender", "token": KEY})


def packets(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(("open ", "connect "))]


def test_events_are_typed_and_packets_have_names(daemon: Daemon) -> None:
    lines = 'post {"channel":"con-a","message":{"x":[1, "é"]}}\n+post{"channel":"con-a","message":2}\n+last-msg\n'
    done = run_until(5, url(daemon.port, "/socket.io/"), "--auth", SENDER, stdin=lines)
    assert (done.returncode, done.stderr) == (0, "")
    opened, connected, posted, second, last = done.stdout.splitlines()
    assert json.loads(opened.removeprefix("open "))["pingInterval"] == 25_000
    assert connected.startswith('connect {"sid":')
    assert json.loads(posted.removeprefix("event post-response "))["status"] == "success"
    (answer,) = json.loads(second.removeprefix("ack 1 "))
    assert json.loads(last.removeprefix("ack 2 ")) == [answer]
    assert KEY not in done.stdout


def test_events_of_a_channel_are_heard(daemon: Daemon, start_console: StartConsole) -> None:
    listener = start_console(url(daemon.port, "/socket.io/"), *AT_ONCE)
    assert listener.hear().startswith("open ")
    assert listener.hear().startswith("connect ")
    listener.say('set-filter {"filter": ["con-b"]}')
    assert listener.hear() == 'event status {"status":"success"}'
    (event,) = daemon.post("con-b", {"a": "\x1b[5m"})
    shown = listener.hear()
    assert json.loads(shown.removeprefix("event message ")) == event
    assert "\x1b" not in shown
    assert listener.end() == 0


def test_the_object_to_connect_with_can_be_in_a_file(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text(f"{SENDER}\n")
    done = run_until(3, url(daemon.port, "/socket.io/"), "--auth", f"@{file}", stdin="last-msg\n")
    assert "event last-response" in done.stdout


def test_a_refused_connect_ends_with_code_1(daemon: Daemon) -> None:
    auth = '{"role": "sender", "token": "hush"}'
    done = run(url(daemon.port, "/socket.io/"), "--auth", auth, *UNTIL_THE_END, stdin="last-msg\n")
    assert done.returncode == 1
    assert packets(done.stdout) == ['connect_error {"message":"Authentication failed"}']
    assert done.stderr == "oyez: the server refuses us: Authentication failed\n"


def test_another_namespace_can_be_named(daemon: Daemon) -> None:
    done = run(url(daemon.port, "/socket.io/"), "--namespace", "admin", *UNTIL_THE_END)
    assert done.returncode == 1
    assert packets(done.stdout)[0].startswith('connect_error /admin {"message":')


def test_pings_of_engineio_are_answered(start_daemon: StartDaemon, start_console: StartConsole) -> None:
    daemon = start_daemon(settings={"socketio.ping_interval_s": 0.2, "socketio.ping_timeout_s": 0.2})
    one = start_console(url(daemon.port, "/socket.io/"), "--show-ping", *AT_ONCE)
    assert [one.hear().partition(" ")[0] for _ in range(5)] == ["open", "connect", "ping", "ping", "ping"]
    assert one.end() == 0


def test_raw_packets_go_out_and_come_in_as_they_are(daemon: Daemon) -> None:
    target = url(daemon.port, "/socket.io/?EIO=4&transport=websocket")
    done = run_until(2, target, "--raw", stdin='40\n42["last-msg"]\n')
    opened, connected, *_ = done.stdout.splitlines()
    assert opened.startswith('0{"sid":')
    assert connected.startswith('40{"sid":')


def test_a_raw_packet_can_be_sent_among_events(daemon: Daemon) -> None:
    done = run_until(3, url(daemon.port, "/socket.io/"), "--auth", SENDER, stdin='/raw 427["last-msg"]\n')
    assert packets(done.stdout)[0].startswith(("ack 7 ", "event last-response "))


@pytest.mark.parametrize("line", ["post {", "post NaN", "post " + "[" * 100_000, "[1]", "/ack one"])
def test_what_is_no_event_ends_a_script_with_code_2(daemon: Daemon, line: str) -> None:
    done = run(url(daemon.port, "/socket.io/"), stdin=f"{line}\n")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


# --- the raw doors ----------------------------------------------------------------------------------------------------


def test_raw_doors_of_the_daemon(daemon: Daemon) -> None:
    lines = [{"command": "auth", "key": KEY}, {"command": "post", "channel": "con-raw", "message": {"a": 1}}]
    with connect(url(daemon.port)) as listener:
        listener.send('{"command": "set-filter", "filter": ["con-raw"], "notify": true}')
        assert json.loads(listener.recv(PATIENCE_S)) == {"status": "success"}
        done = run_until(2, url(daemon.port, "/post"), stdin="".join(f"{json.dumps(line)}\n" for line in lines))
        taken, posted = map(json.loads, done.stdout.splitlines())
        assert taken == {"status": "success"}
        event = json.loads(listener.recv(PATIENCE_S))
    assert event == {"id": posted["id"], "channel": "con-raw", "message": {"a": 1}}
    asking = [
        {"command": "no-such"},
        {"command": "start-msg", "start": posted["id"] - 1},
        {"command": "set-filter", "filter": ["con-raw"]},
    ]
    done = run_until(2, url(daemon.port), stdin="".join(f"{json.dumps(line)}\n" for line in asking))
    refused, heard = map(json.loads, done.stdout.splitlines())
    assert refused["code"] == "bad-command"
    assert heard == event
