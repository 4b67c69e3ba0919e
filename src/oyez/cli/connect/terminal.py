"""A terminal with a person at it: a line to edit at the bottom, and all that happens above it.

Knows the terminal. Must not know what is at the other end of the link.

The line is there from the first read to the end, not from read to read: keys that come in between would fall into the
terminal's own line editing, where a Ctrl-D is lost. For the same reason the line is only wiped off while something is
printed, without handing the terminal back (as the library's `patch_stdout` does).
"""

import asyncio
import contextlib
import signal
from datetime import datetime

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import FormattedText

from oyez.cli.colours import Part, make_console, styled
from oyez.cli.connect.formatting import dump, one_line
from oyez.cli.connect.history import Recall, default_path

_GATHER_S = 0.01  # what comes within this time is printed in one go: each go draws the line anew
_MOST_LINES_DUE = 1_000
_PROMPT = FormattedText([("ansigreen bold", "> ")])


class _Interrupted(Exception):  # noqa: N818 - named after what happened
    """Ctrl-C. As a KeyboardInterrupt it would tear through the loop, past all that has to be closed."""


class Terminal:
    """Shows incoming lines in colours above the one that is typed."""

    interactive = True

    def __init__(self, *, times: bool) -> None:
        self._times = times
        self._console = make_console()
        self._due: list[list[Part]] = []
        self._printing: asyncio.TimerHandle | None = None
        self._printed = asyncio.Event()
        self._typed: asyncio.Queue[str] = asyncio.Queue()
        self._typing: asyncio.Task[str] | None = None
        self._session: PromptSession[str] = PromptSession(
            _PROMPT,
            history=Recall(default_path()),
            erase_when_done=True,
            enable_suspend=True,
            interrupt_exception=_Interrupted,
        )
        self._session.default_buffer.accept_handler = self._accept

    def show(self, frame: str | bytes, who: str = "") -> None:
        """Show what came in; bytes as a dump."""
        lines = dump(frame) if isinstance(frame, bytes) else [one_line(frame)]
        for line in lines:
            self._put("<", "cyan", line, who=who)

    def echo(self, line: str) -> None:
        """Show what goes out; a pasted one may have several lines."""
        self._put(">", "green", one_line(line))

    def note(self, text: str) -> None:
        """Show, in grey, what happened on a link."""
        self._put("·", "dim", text, "dim")

    hint = help = note

    def warn(self, text: str) -> None:
        """Show, in yellow, what was wrong with a line."""
        self._put("!", "bold yellow", text, "yellow")

    def _put(self, mark: str, mark_style: str, text: str, style: str = "", who: str = "") -> None:
        time = [(f"{datetime.now().astimezone():%H:%M:%S.%f}"[:-3] + " ", "dim")] if self._times else []
        client = [(f"{who} ", "magenta")] if who else []
        self._due.append([*time, *client, (f"{mark} ", mark_style), (text, style)])
        if self._printing is None:
            self._printing = asyncio.get_running_loop().call_later(_GATHER_S, self._print)

    def _print(self) -> None:
        """Print all that is due, and have the typed line drawn again below it."""
        typing = self._session.app
        if typing.is_running:
            typing.renderer.erase()
        lines, self._due, self._printing = self._due, [], None
        for line in lines:
            self._console.print(styled(*line), soft_wrap=True)
        self._printed.set()
        if typing.is_running:
            typing.invalidate()

    async def keep_up(self) -> None:
        """Wait while too much is due."""
        if len(self._due) > _MOST_LINES_DUE:
            self._printed.clear()
            await self._printed.wait()

    async def read(self) -> str | None:
        """Let a line be typed; None for Ctrl-D. Ctrl-C is made the signal that it is elsewhere."""
        if self._typing is None:
            self._typing = asyncio.create_task(self._session.prompt_async())
            self._typing.add_done_callback(_pass_on_interrupt)
        line = asyncio.create_task(self._typed.get())
        try:
            await asyncio.wait({line, self._typing}, return_when=asyncio.FIRST_COMPLETED)
            return line.result() if line.done() else None
        finally:
            line.cancel()

    def _accept(self, buffer: Buffer) -> bool:
        """Take a line at Enter; `echo` will show it again, in its place among the others."""
        self._typed.put_nowait(buffer.text)
        return False

    async def leave(self) -> None:
        """Give the terminal back, and print what is due."""
        if self._typing is not None:
            self._typing.cancel()
            with contextlib.suppress(asyncio.CancelledError, EOFError, _Interrupted):
                await self._typing
        if self._printing is not None:
            self._printing.cancel()
            self._print()


def _pass_on_interrupt(typing: asyncio.Task[str]) -> None:
    """Have a Ctrl-C end the command even if it is just busy with sending a line."""
    if not typing.cancelled() and isinstance(typing.exception(), _Interrupted):
        signal.raise_signal(signal.SIGINT)
