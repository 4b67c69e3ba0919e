"""A real terminal with a command in it: keys go in, and what is on the screen comes out.

It knows only so much of escape sequences as to leave them out, and to answer where the cursor is.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Self

from tests.inbox import PATIENCE_S, Inbox

UP = "\x1b[A"
CTRL_A, CTRL_C, CTRL_D = "\x01", "\x03", "\x04"
ENTER = "\r"
_WHERE_IS_THE_CURSOR, _THERE = b"\x1b[6n", b"\x1b[1;1R"
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07|[()=>][0-9AB]?)|\r")


class Terminal:
    """``with Terminal(command, env) as terminal`` runs a command on a terminal of 200 columns."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self._theirs = theirs
        self.before = termios.tcgetattr(theirs)
        self._inbox = Inbox()
        self._shown = b""
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**env, "TERM": "xterm"},
            start_new_session=True,
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._theirs)
        self._reader.join(PATIENCE_S)
        os.close(self._ours)

    @property
    def raw(self) -> str:
        """All bytes that were written to the terminal so far."""
        return self._shown.decode(errors="replace")

    @property
    def text(self) -> str:
        """The same without escape sequences; what was wiped off later is still there, and blanks may be missing."""
        return _ESCAPE.sub("", self.raw)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.text.split("\n")]

    def type(self, *keys: str) -> None:
        for key in keys:
            os.write(self._ours, key.encode())

    def wait(self, text: str, count: int = 1) -> None:
        """Wait until a text was shown so many times."""
        try:
            self._inbox.wait_until(lambda: self.text.count(text) >= count, f"{count} x {text!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; shown: {self.text!r}") from error

    def end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        assert termios.tcgetattr(self._theirs) == self.before, "the terminal is left in disorder"
        return code

    def _read(self) -> None:
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(self._ours, 65_536):
                self._shown += chunk
                for _ in range(chunk.count(_WHERE_IS_THE_CURSOR)):
                    os.write(self._ours, _THERE)
                self._inbox.put("shown")
