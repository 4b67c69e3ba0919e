"""Are lines what they claim to be, whatever is in them, and is all that Python says among them?"""

import json
import logging
import os
import re
import subprocess
import sys

import pytest

from oyez.logs import JsonFormatter, Log, TextFormatter
from tests.inbox import PATIENCE_S

NASTY = "\x1b[2J \x9b31m \u202egnp.exe \x00 \ud800 \u2028 \r\n2026-11-22T10:00:00Z INFO     oyez.server: forged"
ESCAPED = (
    r"\u001b[2J \u009b31m \u202egnp.exe \u0000 \ud800 \u2028 \r\n2026-11-22T10:00:00Z INFO     oyez.server: forged"
)


class Listening:
    """A logger whose lines go to a pipe."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.reading, self._writing = os.pipe()
        self.log = Log(formatter, self._writing)
        self.logger = logging.Logger("oyez.test")
        self.logger.addHandler(self.log)

    def lines(self) -> list[str]:
        self.log.finish(PATIENCE_S)
        os.close(self._writing)
        with open(self.reading, "rb") as lines:
            text = lines.read().decode()
        assert text.endswith("\n")
        return text[:-1].split("\n")


@pytest.fixture
def text() -> Listening:
    return Listening(TextFormatter())


@pytest.fixture
def machine() -> Listening:
    return Listening(JsonFormatter())


def fail() -> None:
    raise ValueError(NASTY)


def test_a_line_is_one_line_whatever_is_in_it(text: Listening) -> None:
    text.logger.warning("a peer says %s", NASTY)
    (line,) = text.lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ WARNING  oyez\.test: a peer says .*", line)
    assert line.endswith(ESCAPED)


def test_a_traceback_keeps_its_lines_and_nothing_else(text: Listening) -> None:
    try:
        fail()
    except ValueError:
        text.logger.exception("an error of ours: %s", NASTY)
    first, *rest = text.lines()
    assert first.endswith(f"an error of ours: {ESCAPED}")
    assert rest[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
    assert any(line.strip() == "fail()" for line in rest)
    assert "forged" in rest[-1]  # on a line of its own, but not at the margin


def test_json_is_escaped_for_who_takes_the_text_out_of_it(machine: Listening) -> None:
    machine.logger.warning("a peer says %s", NASTY)
    try:
        fail()
    except ValueError:
        machine.logger.exception("an error of ours")
    first, second = (json.loads(line) for line in machine.lines())
    assert first["message"] == f"a peer says {ESCAPED}"
    assert first.keys() == {"time", "level", "logger", "message"}
    lines = second["traceback"].split("\n")
    assert lines[0] == "Traceback (most recent call last):"
    assert all(line.isprintable() for line in lines)


def test_a_line_that_cannot_be_made_is_told_of(text: Listening, capfd: pytest.CaptureFixture[str]) -> None:
    text.logger.info("%d events", "many")
    text.logger.info("and on")
    first, second = text.lines()
    assert "is lost, it cannot be made" in first
    assert "test_logs.py" in first
    assert second.endswith("and on")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("listening", ["text", "machine"])
def test_last_words_have_the_form_of_all_lines(listening: str, request: pytest.FixtureRequest) -> None:
    on: Listening = request.getfixturevalue(listening)
    on.logger.info("before")
    on.log.finish_with("it hangs", 'Thread 1:\n  File "x.py"', PATIENCE_S)
    on.logger.info("after")
    last = on.lines()[1:]
    if listening == "text":
        assert last[0].endswith("CRITICAL oyez.logs: it hangs")
        assert last[1:] == ["  Thread 1:", '    File "x.py"']
    else:
        record = json.loads(last[0])
        assert (record["message"], record["traceback"]) == ("it hangs", 'Thread 1:\n  File "x.py"')
        assert last[1:] == []


PROGRAM = """
import sys, threading, warnings
from oyez import logs

class Broken:
    def __del__(self):
        raise ValueError("of a finalizer")

def fail():
    raise ValueError("of a thread")

log = logs.set_up("info", "json")
sys.stderr = None  # whoever writes there would fail
warnings.warn("of a library", ResourceWarning)
Broken()
thread = threading.Thread(target=fail)
thread.start()
thread.join()
log.finish(10)
"""


def test_what_python_itself_has_to_say_is_in_the_log() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", PROGRAM], check=True, capture_output=True, text=True, timeout=PATIENCE_S
    )
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert ["of a library" in records[0]["message"], len(records)] == [True, 3]
    assert [record["traceback"].rpartition("\n")[2] for record in records[1:]] == [
        "ValueError: of a finalizer",
        "ValueError: of a thread",
    ]
