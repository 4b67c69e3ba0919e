"""Does the tutorial work as it is written? Its files are written and its commands run, and Chromium looks at the page.

What is changed: the ports, which are free ones here, the judge, which needs less time for a case, and the place that
Oyez is installed from: it is installed already.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.accessibility import complaints
from tests.inbox import PATIENCE_S
from tests.ports import free_port
from tests.sandbox import environment

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "live-verdicts-in-five-minutes.md"
BLOCK = re.compile(r"([^\n]+(?:\n[^\n]+)*)\n\n```(\w+)\n(.*?)```", re.DOTALL)  # with the paragraph before it
PLACE = re.compile(r"(All of|In)\s+`([^`]+)`(, at the end)?:$")
SLOW_MS = 2000 * PATIENCE_S
LONG = {"oyez serve --dev", "python manage.py runserver"}  # what runs until it is stopped


class Block(NamedTuple):
    """A piece of code, and the paragraph that says what to do with it."""

    told: str
    language: str
    code: str


class Reader:
    """Somebody who does what the tutorial says, in a folder, with terminals."""

    def __init__(self, folder: Path, daemon_port: int, site_port: int) -> None:
        self.folder = folder
        self.ports = {"oyez serve --dev": daemon_port, "python manage.py runserver": site_port}
        self.site = f"http://127.0.0.1:{site_port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.env = environment() | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OYEZ_PORT": str(daemon_port),
            "XDG_STATE_HOME": str(folder / "state"),
            "PIP_NO_INDEX": "1",  # everything is there
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        text = TUTORIAL.read_text("utf-8").replace("15100", str(daemon_port)).replace("sleep(1)", "sleep(0.25)")
        text = text.replace("/path/to/oyez[", "oyez[")
        self.blocks = [Block(*found.groups()) for found in BLOCK.finditer(text)]

    def follow(self, until: str = "") -> None:
        """Do what comes next, up to the block whose code begins so; that one is left for later."""
        while self.blocks and not (until and self.blocks[0].code.startswith(until)):
            block = self.blocks.pop(0)
            if block.language == "sh":
                for line in block.code.splitlines():
                    self.type(line)
            else:
                self.write(block)

    def write(self, block: Block) -> None:
        place = PLACE.search(block.told)
        assert place, f"nobody knows where this belongs: {block.told}"
        file = self.folder / place[2]
        with file.open("a" if place[3] else "w", encoding="utf-8") as output:
            output.write(block.code)

    def type(self, line: str) -> None:
        if line in LONG:
            self.start(line)
        elif line.startswith("cd "):
            self.folder /= line.removeprefix("cd ")
        else:
            subprocess.run(line, shell=True, cwd=self.folder, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def start(self, line: str) -> None:
        port = self.ports[line]
        command = f"{line} {port}" if "runserver" in line else line
        self.running[line] = subprocess.Popen(
            f"exec {command}",
            shell=True,
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 2 * PATIENCE_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            assert time.monotonic() < deadline, f"{line} does not listen"
            time.sleep(0.05)  # it says on a terminal when it is ready; this reader tries the door

    def grade(self, line: str) -> "subprocess.Popen[str]":
        """Let the judge begin; what it says is kept."""
        command = ["sh", "-c", f"exec {line} 2>&1"]
        return subprocess.Popen(command, cwd=self.folder, env=self.env, text=True, stdout=subprocess.PIPE)

    def press_ctrl_c(self, line: str) -> None:
        process = self.running.pop(line)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE_S)

    def put_away(self) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_S)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path, free_port(), free_port())
    try:
        yield reader
    finally:
        reader.put_away()


@pytest.mark.slow
def test_tutorial_leads_to_live_verdicts_that_survive_the_daemon(reader: Reader, browser: Browser) -> None:
    reader.follow(until="python manage.py grade")
    page = browser.new_page()
    verdict, state, passed = (page.locator(name) for name in ("#verdict", "#state", "#passed"))

    page.goto(f"{reader.site}/submission/1/")
    expect(state).to_have_text("live", timeout=SLOW_MS)
    expect(verdict).to_have_text("Running")
    seen: set[str] = set()
    page.expose_function("note", lambda text: seen.update([text]))
    page.evaluate("new MutationObserver(() => note(document.querySelector('#passed').textContent))"
                  ".observe(document.body, {childList: true})")  # fmt: skip
    reader.follow(until="python manage.py grade 2")
    expect(verdict).to_have_text("Accepted", timeout=SLOW_MS)
    assert len(seen) > 1, "the page went step by step"

    page.goto(f"{reader.site}/submission/2/")
    expect(state).to_have_text("live", timeout=SLOW_MS)
    (grade,) = reader.blocks.pop(0).code.splitlines()
    judge = reader.grade(grade)
    expect(passed).to_have_text(re.compile("[2-9]"), timeout=SLOW_MS)
    reader.press_ctrl_c("oyez serve --dev")
    expect(state).to_have_text(re.compile("reconnecting|stale"), timeout=SLOW_MS)
    (start,) = reader.blocks.pop(0).code.splitlines()
    assert reader.blocks == []
    reader.type(start)
    assert (
        "the daemon cannot be asked or posted to; no event is lost so far"
        in judge.communicate(timeout=2 * PATIENCE_S)[0]
    )
    assert judge.returncode == 0
    expect(verdict).to_have_text("Accepted", timeout=SLOW_MS)
    expect(passed).to_have_text("10")
    expect(state).to_have_text("live", timeout=SLOW_MS)
    assert complaints(page) == []

    reader.press_ctrl_c(start)  # once more, and the judge ends first
    assert "events are not posted (" in reader.grade(grade).communicate(timeout=2 * PATIENCE_S)[0]
    expect(state).to_have_text("stale", timeout=SLOW_MS)
    page.evaluate("document.querySelector('#verdict').textContent = 'old'")
    reader.type(start)
    expect(verdict).to_have_text("Accepted", timeout=SLOW_MS)
    page.close()
    with urllib.request.urlopen(f"{reader.site}/static/oyez/event.js") as script:
        assert script.status == 200  # from Django's own static files
