"""`oyez connect` in pipes: in a thread of this process where that shows all, or in a process of its own.

It must not know what is at the other end.
"""

import os
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from threading import Thread
from typing import IO

from tests.command import OYEZ, Done, exit_code, oyez, standing_in
from tests.inbox import PATIENCE_S
from tests.sandbox import environment

AT_ONCE = ("--wait", "0")
UNTIL_THE_END = ("--wait", "inf")

run = partial(oyez, "connect")


def run_until(count: int, *arguments: str, stdin: str, **variables: str) -> Done:
    """Run it with some input, and end that as soon as so many lines have come: no need to wait for more."""
    with closing(Console(*arguments, *AT_ONCE, **variables)) as console:
        console.stdin.write(stdin)
        console.stdin.flush()
        lines = [f"{console.hear()}\n" for _ in range(count)]
        code = console.end()
        stdout = "".join(lines) + console.stdout.read()
        return subprocess.CompletedProcess(arguments, code, stdout, console.stderr.read())


def url(port: int, path: str = "/") -> str:
    return f"ws://127.0.0.1:{port}{path}"


class Console:
    """A console that goes on in a thread, with lines to write and to read; one at a time."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        (its_stdin, self.stdin), (self.stdout, its_stdout), (self.stderr, its_stderr) = _pipe(), _pipe(), _pipe()
        self._its = its_stdin, its_stdout, its_stderr
        self._standing_in = standing_in(["connect", *arguments], self._its, variables)
        self._standing_in.__enter__()
        self._code: int | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._code = exit_code()
        for stream in self._its:
            stream.close()

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
        self._thread.join(PATIENCE_S)
        assert self._code is not None
        return self._code

    def close(self) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            with suppress(BrokenPipeError):  # what was never read
                stream.close()
        self._thread.join(PATIENCE_S)
        self._standing_in.__exit__(None, None, None)


def _pipe() -> tuple[IO[str], IO[str]]:
    """Make a pipe: where it is read, and where it is written."""
    read_end, write_end = os.pipe()
    return os.fdopen(read_end, encoding="utf-8"), os.fdopen(write_end, "w", encoding="utf-8")


class Process:
    """One that goes on in a process of its own."""

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

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.stdout, self.stderr):
            stream.close()
        with suppress(BrokenPipeError):  # what was never read
            self.stdin.close()


StartConsole = Callable[..., Console]
