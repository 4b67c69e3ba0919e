"""Do the commands do what their help says, against a real daemon, and end with the documented codes?"""

import json
import os
import pty
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import IO, Protocol

import pytest

from tests.api import publish
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S, Inbox
from tests.proxy import Proxy
from tests.sandbox import environment

OYEZ = [sys.executable, "-m", "oyez"]
NOWHERE = "http://127.0.0.1:1"


def oyez(*arguments: str, stdin: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*OYEZ, *arguments],
        check=False,
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(variables),
        timeout=PATIENCE_S,
    )


def on(daemon: Daemon) -> dict[str, str]:
    return {"OYEZ_URL": daemon.url, "OYEZ_KEY": KEY}


class Running:
    """A command that goes on; its lines go into an inbox as `out` and `err`."""

    def __init__(self, *arguments: str, env: Mapping[str, str], stdout: int) -> None:
        self.process = subprocess.Popen(
            [*OYEZ, *arguments], env=environment(env), stdout=stdout, stderr=subprocess.PIPE, text=True
        )
        self.lines = Inbox()
        self.readers = [
            Thread(target=self.read, args=(name, stream), daemon=True)
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
            if stream
        ]
        for reader in self.readers:
            reader.start()

    def read(self, name: str, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.lines.put(name, line.rstrip("\n"))

    def end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        for reader in self.readers:
            reader.join(PATIENCE_S)
        return code

    def events(self, count: int) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines.wait("out", count)]


class Start(Protocol):
    def __call__(self, *arguments: str, env: Mapping[str, str] = {}, stdout: int = subprocess.PIPE) -> Running: ...


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Running] = []

    def run(*arguments: str, env: Mapping[str, str] = {}, stdout: int = subprocess.PIPE) -> Running:
        started.append(Running(*arguments, env=env, stdout=stdout))
        return started[-1]

    yield run
    for running in started:
        running.process.kill()
        running.end()


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_wrong_setting_is_explained_with_exit_code_2(command: str) -> None:
    done = oyez(command, "--port", "99999")
    assert (done.returncode, done.stdout) == (2, "")
    assert "port" in done.stderr
    assert "99999" in done.stderr
    assert "from 0 to 65535" in done.stderr


def test_check_config_prints_the_settings_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "oyez.toml"
    file.write_text("port = 7\n[http]\nallowed_origins = ['https://a.example']\n", "utf-8")
    environ = {"OYEZ_LOG_LEVEL": "debug", "EVENT_DAEMON_KEY": "hush", "OYEZ_BROKER": "amqp://u:hush@mq/?exchange=x"}
    done = oyez("check-config", "--config", str(file), "--no-dev", **environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert tomllib.loads(done.stdout) == {
        "port": 7,
        "dev": False,
        "log_level": "debug",
        "http": {"allowed_origins": ["https://a.example"]},
    }
    for source in (f"file {file}", "environment OYEZ_LOG_LEVEL", "environment EVENT_DAEMON_KEY", "flag --no-dev"):
        assert f"  # {source}\n" in done.stdout
    assert '# key = "***"  # environment EVENT_DAEMON_KEY\n' in done.stdout
    assert '# broker = "amqp://u:***@mq/?exchange=x"  # environment OYEZ_BROKER\n' in done.stdout
    assert done.stdout.splitlines()[-1].startswith("# Fine: ")
    assert "hush" not in done.stdout


def test_check_config_prints_a_whole_file_that_serve_would_take(tmp_path: Path) -> None:
    file = tmp_path / "oyez.toml"
    done = oyez("check-config", "--all", "--port", "7", "--uds", "/run/é\U0001f600\U000e0001\x9b", OYEZ_KEY="hush")
    file.write_text(done.stdout, "utf-8")
    assert tomllib.loads(done.stdout)["socketio"]["ping_interval_s"] == 25.0
    assert tomllib.loads(done.stdout)["uds"] == "/run/é\U0001f600\U000e0001\x9b"
    again = oyez("check-config", "--config", str(file), OYEZ_PROT="1")
    assert again.returncode == 0
    assert f"port = 7  # file {file}\n" in again.stdout
    assert again.stderr.splitlines() == [
        "oyez: warning: the environment variable OYEZ_PROT is no setting and is passed over; did you mean OYEZ_PORT?",
        "oyez: warning: no key is set, so nobody may post: set OYEZ_KEY or EVENT_DAEMON_KEY",
    ]


def test_serve_names_variables_that_are_no_settings_in_its_log(start: Start) -> None:
    environ = {"OYEZ_PROT": "1", "OYEZ_SERVICE_HOST": "10.0.0.7"}
    daemon = start("serve", "--port", "0", "--broker", "memory://", "--log-format", "json", env=environ)
    daemon.lines.wait_until(lambda: any("listening on" in line for line in daemon.lines.of("err")), "the daemon")
    messages = [json.loads(line)["message"] for line in daemon.lines.of("err")]
    assert [message for message in messages if "OYEZ_" in message and "no setting" in message] == [
        "the environment variable OYEZ_PROT is no setting and is passed over; did you mean OYEZ_PORT?"
    ]


def test_version() -> None:
    assert oyez("--version").stdout.startswith("oyez 0.")


# --- post and last ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (['{"a": [1, null, "é"]}'], "", {"a": [1, None, "é"]}),
        (["-"], '["from", "stdin"]\n', ["from", "stdin"]),
        (["--text", "not JSON"], "", "not JSON"),
        (["--text", "-"], "two\nlines\n", "two\nlines"),
        (["--", "-5"], "", -5),
        (['"\\ud800"'], "", "\ud800"),
    ],
)
def test_post_prints_the_id_of_what_it_posted(
    daemon: Daemon, arguments: list[str], stdin: str, message: object
) -> None:
    since = str(daemon.last())
    done = oyez("post", "cli-post", *arguments, stdin=stdin, **on(daemon))
    assert (done.returncode, done.stderr) == (0, "")
    heard = oyez("listen", "cli-post", "--since", since, "--count", "1", "--json", **on(daemon))
    assert json.loads(heard.stdout) == {"id": int(done.stdout), "channel": "cli-post", "message": message}


@pytest.mark.parametrize("written", ["1.10", "1e400", '{"a":1, "a":1.0}', "8" * 5000, '["\\ud800", 1E2]', '"\\u00e9"'])
def test_json_is_posted_as_the_text_that_it_is(daemon: Daemon, tmp_path: Path, written: str) -> None:
    since = str(daemon.last())
    file = tmp_path / "events.jsonl"
    file.write_text(f" {written}\t\n" * 2)
    assert oyez("post", "cli-as-is", written, **on(daemon)).returncode == 0
    assert oyez("post", "cli-as-is", f"@{file}", "--lines", **on(daemon)).returncode == 0
    heard = oyez("listen", "cli-as-is", "--since", since, "--count", "3", "--json", **on(daemon))
    assert [line.partition('"message":')[2] for line in heard.stdout.splitlines()] == [written + "}"] * 3


def test_post_reads_a_file(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"from": "file"}', "utf-8")
    posted = oyez("post", "cli-file", f"@{file}", **on(daemon))
    assert posted.returncode == 0
    assert oyez("last", **on(daemon)).stdout == posted.stdout


def test_url_and_key_of_the_judge_site_are_honoured(daemon: Daemon) -> None:
    done = oyez("last", EVENT_DAEMON_URL=daemon.url, EVENT_DAEMON_KEY=KEY, OYEZ_URL="", OYEZ_KEY="")
    assert done.returncode == 0
    assert int(done.stdout) > 0


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["post", "", "1"], 1, "invalid-channel"),
        (["post", "x" * 101, "1"], 1, "invalid-channel"),
        (["post", "cli", "1", "--key", "wrong"], 1, "--key or OYEZ_KEY"),
        (["last", "--key", ""], 1, "--key or OYEZ_KEY"),
        (["listen", *map(str, range(11))], 1, "too-many-subscriptions"),
        (["post", "cli", "not JSON"], 2, "--text"),
        (["post", "cli", "NaN"], 2, "no JSON value"),
        (["post", "cli", "[" * 100_000], 2, "nested too deeply"),
        (["post", "cli", "@/nowhere"], 2, "cannot be read"),
        (["post", "cli"], 2, "Missing argument"),
        (["post", "cli-\udcff", "1"], 2, "not UTF-8"),
        (["post", "cli", "1", "--also", "\udcff"], 2, "not UTF-8"),
        (["listen", "cli", "cli-\udcff"], 2, "not UTF-8"),
        (["last", "--url", "127.0.0.1"], 2, "http://host:port"),
        (["listen", "cli", "--since", "yesterday"], 2, "'--since': 'yesterday' is not a whole number; see oyez listen"),
        (["post", "cli", "1", "--url", NOWHERE], 3, "cannot connect"),
        (["last", "--url", NOWHERE], 3, "cannot connect"),
        (["listen", "cli", "--url", NOWHERE], 3, "Connection refused"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_failures_have_their_exit_codes(daemon: Daemon, arguments: list[str], code: int, complaint: str) -> None:
    done = oyez(*arguments, **on(daemon))
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_hung_daemon_is_unreachable(own_daemon: Daemon) -> None:
    own_daemon.suspend()
    done = oyez("post", "cli", "1", **on(own_daemon))
    own_daemon.resume()
    assert done.returncode == 3
    assert "may have been taken" in done.stderr


# --- listen -----------------------------------------------------------------------------------------------------------


def test_listen_prints_past_and_coming_events_in_order(daemon: Daemon, start: Start) -> None:
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


def test_terminal_gets_colours_and_no_foreign_control_characters(daemon: Daemon, start: Start) -> None:
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


def test_terminal_without_colours(daemon: Daemon, start: Start) -> None:
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


def test_lost_link_is_made_anew_and_nothing_comes_twice(daemon: Daemon, proxy: Proxy, start: Start) -> None:
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


def test_link_lost_before_any_event_resumes_where_it_began(daemon: Daemon, proxy: Proxy, start: Start) -> None:
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


def test_listen_survives_a_restart_of_the_daemon(own_daemon: Daemon, start: Start) -> None:
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


def test_interrupt_ends_with_130_and_no_word(daemon: Daemon, start: Start) -> None:
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


def test_unix_socket(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "oyez.sock"
    daemon = start("serve", "--uds", str(path), "--key", KEY, "--broker", "memory://")
    daemon.lines.wait_until(lambda: "listening on" in str(daemon.lines.of("err")), "listening daemon")
    variables = {"OYEZ_URL": f"http+unix://{path}", "OYEZ_KEY": KEY}
    message = "x" * (2**20 - 100)
    posted = oyez("post", "cli-unix", "--text", "-", stdin=message, **variables)
    assert posted.returncode == 0, posted.stderr
    heard = oyez("listen", "cli-unix", "--count", "1", "--json", **variables)
    assert json.loads(heard.stdout) == {"id": int(posted.stdout), "channel": "cli-unix", "message": message}
