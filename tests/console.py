"""`oyez connect` as a process, with lines to write and to read.

It must not know what is at the other end.
"""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from tests.command import OYEZ, oyez_process
from tests.inbox import PATIENCE_S
from tests.sandbox import environment

AT_ONCE = ("--wait", "0")
UNTIL_THE_END = ("--wait", "inf")

run = partial(oyez_process, "connect")


def url(port: int, path: str = "/") -> str:
    return f"ws://127.0.0.1:{port}{path}"


class Console:
    """A console that goes on, with lines to write and to read."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*OYEZ, "connect", *arguments],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr

    def say(self, line: str) -> None:
        self.stdin.write(f"{line}\n")
        self.stdin.flush()

    def hear(self) -> str:
        return self.stdout.readline().removesuffix("\n")

    def note(self) -> str:
        return self.stderr.readline().removesuffix("\n")

    def end(self) -> int:
        """End the input, and wait for the exit code."""
        self.stdin.close()
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.stdout, self.stderr):
            stream.close()
        with suppress(BrokenPipeError):  # what was never read
            self.stdin.close()


StartConsole = Callable[..., Console]
