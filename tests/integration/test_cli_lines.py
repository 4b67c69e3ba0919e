"""Does `oyez post` put lines and several channels into few requests, and say what came of it?"""

import json
import os
import pty
import subprocess
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Thread

import pytest

from oyez.client import Event, Poster, listen
from tests.command import OYEZ, on, oyez
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S
from tests.sandbox import environment


def heard(daemon: Daemon, since: int, channels: list[str], count: int) -> list[tuple[str, object]]:
    with listen(daemon.url, channels, since) as events:
        arrived = list(islice(events, count))
    return [(event.channel, event.message) for event in arrived if isinstance(event, Event)]


def last_id(daemon: Daemon) -> int:
    with Poster(daemon.url, KEY) as poster:
        return poster.last()


@pytest.mark.parametrize("by_file", [True, False])
def test_each_line_is_an_event(daemon: Daemon, tmp_path: Path, by_file: bool) -> None:
    since = last_id(daemon)
    content = '{"a": "é"}\n\n  \n"two"\r\nnull'
    file = tmp_path / "events.jsonl"
    file.write_bytes(content.encode())
    source, stdin = (f"@{file}", "") if by_file else ("-", content)
    done = oyez("post", "lines", source, "--lines", stdin=stdin, **on(daemon))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"3 events, last id {last_id(daemon)}\n"
    assert heard(daemon, since, ["lines"], 3) == [("lines", {"a": "é"}), ("lines", "two"), ("lines", None)]


def test_each_line_is_a_text(daemon: Daemon) -> None:
    since = last_id(daemon)
    done = oyez("post", "lines-text", "-", "--lines", "--text", stdin="one\n\n{2}\r\n", **on(daemon))
    assert done.stdout == f"3 events, last id {last_id(daemon)}\n"
    assert [message for _, message in heard(daemon, since, ["lines-text"], 3)] == ["one", "", "{2}"]


def test_several_channels_get_each_line(daemon: Daemon) -> None:
    since = last_id(daemon)
    done = oyez("post", "also-a", "1\n2", "--lines", "--also", "also-b", **on(daemon))
    assert done.stdout.startswith("4 events, last id ")
    assert heard(daemon, since, ["also-a", "also-b"], 4) == [("also-a", 1), ("also-b", 1), ("also-a", 2), ("also-b", 2)]


def test_several_channels_get_the_message_and_their_ids_are_printed(daemon: Daemon) -> None:
    since = last_id(daemon)
    done = oyez("post", "also-c", '"x"', "--also", "also-d", "--also", "also-e", **on(daemon))
    assert done.returncode == 0
    ids = [int(line) for line in done.stdout.splitlines()]
    assert len(ids) == 3
    assert since < ids[0] < ids[1] < ids[2] == last_id(daemon)
    assert heard(daemon, since, ["also-c", "also-d", "also-e"], 3) == [
        ("also-c", "x"),
        ("also-d", "x"),
        ("also-e", "x"),
    ]


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (b"nope", "not JSON"),
        (b"NaN", "no JSON value"),
        (b'"\xff"', "expected text in UTF-8"),
    ],
)
def test_bad_line_of_a_file_is_named_before_anything_is_posted(
    daemon: Daemon, tmp_path: Path, bad: bytes, complaint: str
) -> None:
    before = last_id(daemon)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'"%b"\n' % (b"x" * 1000) * 2_000 + b"\n" + bad + b"\n2\n")  # more than is read at once
    done = oyez("post", "lines-bad", f"@{file}", "--lines", **on(daemon))
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 2002" in done.stderr
    assert complaint in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert last_id(daemon) == before


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["post", "", "-", "--lines"], 1, "invalid-channel"),
        (["post", "lines", "-", "--lines", "--also", "x" * 101], 1, "invalid-channel"),
        (["post", "lines", "1", "--also", ""], 1, "invalid-channel"),
        (["post", "lines", "-", "--lines", "--key", "wrong"], 1, "--key or OYEZ_KEY"),
        (["post", "lines", "@/nowhere", "--lines"], 2, "cannot be read"),
        (["post", "lines", "@/", "--lines"], 2, "cannot be read"),
        (["post", "lines", "-", "--lines", "--url", "http://127.0.0.1:1"], 3, "cannot connect"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_failures_have_their_exit_codes(daemon: Daemon, arguments: list[str], code: int, complaint: str) -> None:
    done = oyez(*arguments, stdin="1\n2\n", **on(daemon))
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_no_lines_are_no_events(daemon: Daemon) -> None:
    assert oyez("post", "lines", "-", "--lines", **on(daemon)).stdout == "0 events\n"


def test_slow_stream_is_posted_as_it_comes_and_told_of_when_it_breaks(daemon: Daemon) -> None:
    since = last_id(daemon)
    command = [*OYEZ, "post", "lines-slow", "-", "--lines"]
    with subprocess.Popen(
        command, env=environment(on(daemon)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as posting:
        assert posting.stdin
        assert posting.stderr
        posting.stdin.write(b"1\n2\n[3,")
        posting.stdin.flush()
        assert heard(daemon, since, ["lines-slow"], 2) == [("lines-slow", 1), ("lines-slow", 2)]
        posting.stdin.write(b"4]\n")
        posting.stdin.flush()
        assert heard(daemon, since, ["lines-slow"], 3)[2:] == [("lines-slow", [3, 4])]
        posted = last_id(daemon)
        posting.stdin.write(b"nope\n")
        posting.stdin.close()
        assert posting.wait(PATIENCE_S) == 2
        complaint = posting.stderr.read().decode()
    assert f"oyez: posted before it ended: 3 events, last id {posted}\n" in complaint
    assert "line 4: not JSON" in complaint


def test_many_lines_are_few_requests_and_a_terminal_shows_how_far_they_are(own_daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("".join(f"{json.dumps('x' * 100)}\n" for n in range(20_000)))
    ours, theirs = pty.openpty()
    shown = bytearray()
    reader = Thread(target=read_all, args=(ours, shown), daemon=True)
    reader.start()
    done = subprocess.run(
        [*OYEZ, "post", "lines-many", f"@{file}", "--lines"],
        check=True,
        env=environment({"TERM": "xterm", **on(own_daemon)}),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    os.close(theirs)
    reader.join(PATIENCE_S)
    os.close(ours)
    assert b"/20000" in shown
    assert done.stdout == f"20000 events, last id {last_id(own_daemon)}\n"


def read_all(terminal: int, into: bytearray) -> None:
    with suppress(OSError):  # so a terminal tells its end
        while data := os.read(terminal, 65_536):
            into += data
