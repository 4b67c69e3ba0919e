"""What a console reads from and shows on; and the one for pipes.

Knows lines. Must not know what is at the other end of the link.
"""

import asyncio
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from oyez.cli.connect.formatting import hex_line, one_line
from oyez.cli.output import complain, print_line, remark

if TYPE_CHECKING:
    from oyez.cli.connect.terminal import Terminal  # scripts need not wait for line editing

Screen: TypeAlias = "Pipe | Terminal"
"""Where lines come from, and all is shown. `interactive`: whether a person types."""

_CHUNK_BYTES = 65_536


class Pipe:
    """Lines in, lines out: incoming frames go to the standard output, all else that is said to the standard error."""

    interactive = False

    def __init__(self, *, times: bool) -> None:
        self._times = times
        self._input = bytearray()
        self._ended = sys.stdin is None  # somebody started us with it closed
        self._encoding = "utf-8-sig"  # a byte order mark may stand at the beginning

    def show(self, frame: str | bytes, who: str = "") -> None:
        """Print one line: time and client, where they are wanted, then the frame, with tabs between."""
        text = hex_line(frame) if isinstance(frame, bytes) else one_line(frame)
        time = datetime.now().astimezone().isoformat(timespec="milliseconds") if self._times else ""
        print_line(*filter(None, (time, who)), text)

    def echo(self, line: str) -> None:
        """Leave it out: whoever sent it knows it."""

    def note(self, text: str) -> None:
        """Print what happened, or what was wrong, to the standard error."""
        complain(text)

    def hint(self, text: str) -> None:
        """Leave out what only people want to know."""

    def help(self, text: str) -> None:
        """Print it to the standard error, unmarked: nothing has happened."""
        remark(text)

    warn = note

    async def keep_up(self) -> None:
        """Return at once: `print_line` waits by itself."""

    async def leave(self) -> None:
        """Return at once: whatever was shown is written already."""

    async def read(self) -> str | None:
        """Return the next line without its end; the last one needs none."""
        searched = 0
        while (end := self._input.find(b"\n", searched)) < 0 and not self._ended:
            searched = len(self._input)
            await _wait_for_input()
            chunk = os.read(sys.stdin.fileno(), _CHUNK_BYTES)
            self._ended = not chunk
            self._input += chunk
        if end < 0 and not self._input:
            return None
        line = bytes(self._input[: end if end >= 0 else None])
        del self._input[: len(line) + 1]
        text = line.decode(self._encoding)
        self._encoding = "utf-8"
        return text


async def _wait_for_input() -> None:
    """Wait until the standard input can be read.

    Without a thread: one that reads cannot be ended, and would keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), readable.set)
    except OSError:  # a file, which can be read at any time, and which epoll refuses
        await asyncio.sleep(0)  # so that frames can come in between
        return
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
