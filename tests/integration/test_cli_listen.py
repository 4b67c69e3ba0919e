"""Does `oyez listen` print every event once, whatever happens to its link?"""

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

from tests.api import publish
from tests.command import OYEZ, on, oyez
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.integration.conftest import StartCommand
from tests.proxy import Proxy
from tests.sandbox import environment


def test_listen_prints_past_and_coming_events_in_order(daemon: Daemon, start: StartCommand) -> None:
    since = str(daemon.last())
    past = daemon.post("cli-order", *range(5)) + daemon.post("cli-order-2", "other")
    listener = start("listen", "cli-order", "cli-order-2", "--since", since, "--json", "--count", "11", env=on(daemon))
    listener.lines.wait("out", 6)
    coming = daemon.post("cli-order", *range(5))
    assert listener.events(11) == past + coming
    assert listener.end() == 0


def test_lines_in_a_pipe_have_four_columns(daemon: Daemon) -> None:
    since = str(daemon.last())
    (event,) = daemon.post("cli-plain", {"a": "é", "b": "\t\n"})
    done = oyez("listen", "cli-plain", "--since", since, "--count", "1", **on(daemon))
    time, *rest = done.stdout.removesuffix("\n").split("\t")
    assert time.startswith("20")
    assert rest == ["cli-plain", str(event["id"]), '{"a":"é","b":"\\t\\n"}']


def test_pretty_printed_json_is_put_into_one_line(daemon: Daemon) -> None:
    since = str(daemon.last())
    assert oyez("post", "cli-json", "\n{\n\t'a': 1}\n".replace("'", '"'), **on(daemon)).returncode == 0
    done = oyez("listen", "cli-json", "--since", since, "--count", "1", "--json", **on(daemon))
    assert json.loads(done.stdout)["message"] == {"a": 1}
    assert done.stdout.count("\n") == 1


def test_terminal_gets_colours_and_no_foreign_control_characters(daemon: Daemon, start: StartCommand) -> None:
    since = str(daemon.last())
    daemon.post("cli-\x1b[5m", "\x9b31m[bold]\x07")
    ours, theirs = pty.openpty()
    listener = start(
        "listen", "cli-\x1b[5m", "--since", since, "--count", "1", stdout=theirs, env={"TERM": "xterm", **on(daemon)}
    )
    os.close(theirs)
    assert listener.end() == 0
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "\x1b[" in shown
    assert "cli-\\u001b[5m" in shown
    assert '"\\u009b31m[bold]\\u0007"' in shown
    assert "\x9b" not in shown


def test_terminal_without_colours(daemon: Daemon, start: StartCommand) -> None:
    since = str(daemon.last())
    daemon.post("cli-mono", 1)
    ours, theirs = pty.openpty()
    variables = {"TERM": "xterm", "NO_COLOR": "1", **on(daemon)}
    assert start("listen", "cli-mono", "--since", since, "--count", "1", stdout=theirs, env=variables).end() == 0
    os.close(theirs)
    assert "\x1b[3" not in os.read(ours, 65_536).decode()
    os.close(ours)


def test_gap_is_shown(own_daemon: Daemon) -> None:
    (event,) = own_daemon.post("cli-gap", "kept")
    arguments = ("listen", "cli-gap", "--since", "1", "--count", "1")
    gap, kept = map(json.loads, oyez(*arguments, "--json", **on(own_daemon)).stdout.splitlines())
    assert kept == event
    assert gap["gap"]["channel"] == "cli-gap"
    assert gap["gap"]["from"] == 1
    plain = oyez(*arguments, **on(own_daemon)).stdout.splitlines()
    assert plain[0].split("\t")[1:3] == ["cli-gap", "gap"]
    assert "gone for good" in plain[0]


def test_lost_link_is_made_anew_and_nothing_comes_twice(daemon: Daemon, proxy: Proxy, start: StartCommand) -> None:
    since = str(daemon.last())
    events = daemon.post("cli-cut", *range(3))
    listener = start("listen", "cli-cut", "--since", since, "--json", "--count", "9", "--url", proxy.url)
    listener.lines.wait("out", 3)
    proxy.cut()
    listener.lines.wait_until(lambda: "link lost" in str(listener.lines.of("err")), "word of the loss")
    events += daemon.post("cli-cut", *range(3, 6))
    proxy.mend()
    listener.lines.wait_until(lambda: "link is back" in str(listener.lines.of("err")), "word of the return")
    listener.lines.wait("out", 6)
    events += daemon.post("cli-cut", *range(6, 9))
    assert listener.events(9) == events
    assert listener.end() == 0
    assert len(listener.lines.of("err")) == 2


def test_link_lost_before_any_event_resumes_where_it_began(daemon: Daemon, proxy: Proxy, start: StartCommand) -> None:
    daemon.post("cli-quiet", "old")
    listener = start("listen", "cli-quiet", "--json", "--count", "2", "--url", proxy.url)
    listener.lines.wait("out")
    daemon.post("elsewhere", 1)
    proxy.cut()
    listener.lines.wait_until(lambda: "link lost" in str(listener.lines.of("err")), "word of the loss")
    (event,) = daemon.post("cli-quiet", "new")
    proxy.mend()
    assert listener.events(2)[1] == event
    assert listener.end() == 0


def test_listen_survives_a_restart_of_the_daemon(own_daemon: Daemon, start: StartCommand) -> None:
    since = str(own_daemon.last())
    before = own_daemon.post("cli-restart", "before")
    listener = start("listen", "cli-restart", "--since", since, "--json", env=on(own_daemon))
    assert listener.events(1) == before
    own_daemon.restart()
    after = own_daemon.post("cli-restart", "after")

    def heard() -> list[object]:
        return [event for line in listener.lines.of("out") if "gap" not in (event := json.loads(line))]

    listener.lines.wait_until(lambda: len(heard()) == 2, "event after the restart")
    assert heard() == before + after


def test_message_that_python_cannot_read_does_not_end_the_listening(daemon: Daemon) -> None:
    since = str(daemon.last())
    messages = ["[" * 512 + "]" * 512, "9" * 5000]  # no daemon lets deeper ones through
    for message in messages:
        publish(daemon, f'{{"channel":"cli-strange","message":{message}}}')
    for form in ([], ["--json"]):
        done = oyez("listen", "cli-strange", "--since", since, "--count", "2", *form, **on(daemon))
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert all(message in line for message, line in zip(messages, lines, strict=True))


def test_interrupt_ends_with_130_and_no_word(daemon: Daemon, start: StartCommand) -> None:
    daemon.post("cli-interrupt", 1)
    listener = start("listen", "cli-interrupt", env=on(daemon))
    listener.lines.wait("out")
    listener.process.send_signal(signal.SIGINT)
    assert listener.end() == 130
    assert listener.lines.of("err") == []


def test_closed_pipe_ends_quietly(daemon: Daemon) -> None:
    since = str(daemon.last())
    daemon.post("cli-pipe", 1)
    command = [*OYEZ, "listen", "cli-pipe", "--since", since]
    with subprocess.Popen(
        command, env=environment(on(daemon)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as listener:
        assert listener.stdout
        assert listener.stderr
        assert listener.stdout.readline()
        listener.stdout.close()
        daemon.post("cli-pipe", 2)
        assert listener.wait(PATIENCE_S) == 0
        assert listener.stderr.read() == ""


def test_unix_socket(tmp_path: Path, start: StartCommand) -> None:
    path = tmp_path / "oyez.sock"
    daemon = start("serve", "--uds", str(path), "--key", KEY, "--broker", "memory://")
    daemon.lines.wait_until(lambda: "listening on" in str(daemon.lines.of("err")), "listening daemon")
    variables = {"OYEZ_URL": f"http+unix://{path}", "OYEZ_KEY": KEY}
    message = "x" * (2**20 - 100)
    posted = oyez("post", "cli-unix", "--text", "-", stdin=message, **variables)
    assert posted.returncode == 0, posted.stderr
    heard = oyez("listen", "cli-unix", "--count", "1", "--json", **variables)
    assert json.loads(heard.stdout) == {"id": int(posted.stdout), "channel": "cli-unix", "message": message}
