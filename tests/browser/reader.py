"""Somebody who follows a page of the documents: its files are written and its commands run.

What is changed: the ports, which are free ones here, waits of a second, which are shorter, and the place that Oyez is
installed from: it is installed already.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.inbox import PATIENCE_S
from tests.ports import free_port
from tests.sandbox import environment

BLOCK = re.compile(r"([^\n]+(?:\n[^\n]+)*)\n\n```(\w+)\n(.*?)```", re.DOTALL)  # with the paragraph before it
PLACE = re.compile(r"(All of|In)\s+`([^`]+)`(, at the end)?:$")
LONG = {"oyez serve --dev", "python manage.py runserver"}  # what runs until it is stopped


class Block(NamedTuple):
    """A piece of code, and the paragraph that says what to do with it."""

    told: str
    language: str
    code: str


class Reader:
    """Somebody who does what a page says, in a folder, with terminals."""

    def __init__(self, page: Path, folder: Path) -> None:
        daemon_port, site_port = free_port(), free_port()
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
        text = page.read_text("utf-8").replace("15100", str(daemon_port)).replace("sleep(1)", "sleep(0.25)")
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
