"""The example, as `make example` starts it: `python -m tests.browser.example` takes its pictures for the documents.

Knows how to start and to end it; what its pages mean it leaves to the test.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread
from typing import Self

from playwright.sync_api import Page, sync_playwright

from tests.browser.browsers import open_chromium
from tests.inbox import PATIENCE_S, Inbox
from tests.ports import free_port
from tests.sandbox import environment

ROOT = Path(__file__).parents[2]
START = ROOT / "examples" / "judge" / "start.py"
IMAGES = ROOT / "docs" / "images"
START_S = 40.0
PROGRAM = """lamps = [read_lamp() for _ in range(int(input()))]
lamps.sort()
print(fewest(lamps))  # WA
"""


class Example:
    """``with Example(folder) as example`` starts daemon, site and bridge, and ends them as Ctrl-C does."""

    def __init__(self, folder: Path, *, busy: float, pause_s: float = 2.0) -> None:
        self.folder = folder
        self.said = Inbox()
        daemon_port, site_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{site_port}"
        self.command = [
            sys.executable,
            str(START),
            f"--state={folder}",
            f"--daemon-port={daemon_port}",
            f"--site-port={site_port}",
            f"--busy={busy:g}",
            f"--pause={pause_s:g}",
        ]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.said.wait_until(lambda: self.has_said("Stop with Ctrl-C."), "a running example", within_s=START_S)
        except AssertionError:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Press Ctrl-C; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(2 * PATIENCE_S)
        finally:
            self.process.kill()
            self._reader.join(PATIENCE_S)

    def has_said(self, words: str) -> bool:
        return any(words in line for line in self.said.of("line"))

    def daemon_pids(self) -> list[int]:
        """Give the pids of the daemons so far, as the terminal shows them."""
        return [int(pid) for line in self.said.of("line") for pid in re.findall(r"kill -9 (\d+)", line)]

    def logs(self) -> str:
        return "".join(log.read_text("utf-8") for log in sorted(self.folder.glob("*.log")))

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said.put("line", line)


def sign_in(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/sign-in/")
    page.get_by_label("Choose a name").fill(name)
    page.locator("main").get_by_role("button").click()


def send_in(page: Page, url: str, problem: str, program: str) -> None:
    page.goto(f"{url}/problem/{problem}/")
    page.get_by_label("Program").fill(program)
    page.get_by_role("button", name="Send in").click()


def take_pictures() -> None:
    """Picture a submission that is being judged and another page, on a desk by day and on a phone by night."""
    folder = Path(tempfile.mkdtemp())
    with sync_playwright() as playwright, open_chromium(playwright) as browser, Example(folder, busy=20) as example:
        for name, width, height, scheme, other in (
            ("desk", 1280, 720, "light", "ranking"),
            ("phone", 390, 844, "dark", "lobby"),
        ):
            view = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
            page = browser.new_page(**view)  # type: ignore[arg-type]
            sign_in(page, example.url, "Noor")
            send_in(page, example.url, "lamps", PROGRAM)
            page.locator(".cases [data-verdict=WA]").nth(2).wait_for(timeout=1000 * START_S)
            page.screenshot(path=IMAGES / f"example-{name}.png")
            page.goto(f"{example.url}/{other}/")
            page.get_by_text("live", exact=True).first.wait_for(timeout=1000 * START_S)
            page.screenshot(path=IMAGES / f"example-{other}.png")
            page.close()
    shutil.rmtree(folder)
    print(json.dumps({path.name: path.stat().st_size for path in IMAGES.glob("example-*.png")}))


if __name__ == "__main__":
    take_pictures()
