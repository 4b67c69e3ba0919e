"""The `oyez` command as a user types it: in this process, which is fast, or in one of its own.

What needs a process (signals, a terminal, a pipe that is closed, a locale) is started with `oyez_process` or `Running`.
"""

import importlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Any
from unittest import mock

from oyez import cli
from tests.daemon import KEY, Daemon
from tests.inbox import PATIENCE_S, Inbox
from tests.sandbox import environment

OYEZ = [sys.executable, "-m", "oyez"]
NOWHERE = "http://127.0.0.1:1"

Done = subprocess.CompletedProcess[str]


def on(daemon: Daemon) -> dict[str, str]:
    return {"OYEZ_URL": daemon.url, "OYEZ_KEY": KEY}


def oyez(*arguments: str, stdin: str | bytes | Path = "", **variables: str) -> Done:
    """Run a command as its process would: with its arguments, environment and streams; its input may be a file."""
    encoding = variables.get("PYTHONIOENCODING", "utf-8")
    out, err = _Stream(encoding), _Stream(encoding)
    with _source(stdin) as source, standing_in(arguments, (source, out, err), variables):
        code = exit_code()
    return subprocess.CompletedProcess(arguments, code, out.text, err.text)


def oyez_in(folder: Path, *arguments: str, stdin: str = "", **variables: str) -> Done:
    """Run a command in a folder."""
    with _folder(folder):
        return oyez(*arguments, stdin=stdin, **variables)


@contextmanager
def standing_in(
    arguments: Sequence[str], streams: tuple[IO[str], IO[str], IO[str]], variables: Mapping[str, str]
) -> Iterator[None]:
    """Make this process look as one that was started with these arguments, streams and variables; one at a time."""
    its: dict[str, Any] = {"argv": ["oyez", *arguments], "excepthook": sys.excepthook}
    its |= zip(("stdin", "stdout", "stderr"), streams, strict=True)
    with mock.patch.multiple(sys, **its), mock.patch.dict(os.environ, environment(variables), clear=True):
        yield


def exit_code() -> int:
    """Run the command line, and return what its process would have ended with."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # which a daemon holds back while it starts
    return 0


def oyez_process(*arguments: str, stdin: str = "", **variables: str) -> Done:
    """Run a command in a process of its own."""
    return subprocess.run(
        [*OYEZ, *arguments], check=False, input=stdin, capture_output=True, text=True,
        env=environment(variables), timeout=PATIENCE_S,
    )  # fmt: skip


class _Stream(io.TextIOWrapper):
    def __init__(self, encoding: str) -> None:
        self._written = io.BytesIO()
        super().__init__(self._written, encoding=encoding)

    @property
    def text(self) -> str:
        self.flush()
        return self._written.getvalue().decode(self.encoding)


@contextmanager
def _source(given: str | bytes | Path) -> Iterator[IO[str]]:
    if isinstance(given, Path):
        with given.open(encoding="utf-8") as file:
            yield file
        return
    read, write = os.pipe()
    content = given.encode() if isinstance(given, str) else given
    writer = Thread(target=_write_all, args=(write, content), daemon=True)
    writer.start()
    with open(read, encoding="utf-8") as stream:
        yield stream
    writer.join(PATIENCE_S)


def _write_all(descriptor: int, content: bytes) -> None:
    try:
        with open(descriptor, "wb") as pipe:
            pipe.write(content)
    except BrokenPipeError:  # the command does not read it
        return


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Work in a folder; modules that are imported from there are forgotten afterwards."""
    before, modules = Path.cwd(), set(sys.modules)
    with mock.patch.object(sys, "path", [*sys.path]):
        os.chdir(path)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            os.chdir(before)
            for name in set(sys.modules) - modules:
                if str(getattr(sys.modules[name], "__file__", "")).startswith((str(path), "site_")):
                    del sys.modules[name]


class Running:
    """A command that goes on, in a process of its own; its lines go into an inbox as `out` and `err`."""

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
