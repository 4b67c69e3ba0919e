"""One event for each line of a file, or of a stream while it comes.

It must not know where the events go.
"""

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import typer

from oyez import saved_text

_CHUNK_BYTES = 2**20

Parse = Callable[[str], object]


def bad_message(words: str) -> typer.BadParameter:
    """Make the error that blames the argument MESSAGE."""
    return typer.BadParameter(words, param_hint="'MESSAGE'")


class Lines:
    """The events of a file, of the standard input (``-``), or of the lines of an argument.

    What can be read twice is checked as a whole before the first event is given. Blank lines are passed over, if
    `skip_blank`.

    Attributes:
        total: the number of events, where it is known from the beginning.
    """

    def __init__(self, message: str, parse: Parse, *, skip_blank: bool) -> None:
        self.total: int | None = None
        self._message = message
        self._parse = parse
        self._skip_blank = skip_blank

    def read(self) -> Iterator[list[tuple[int, object]]]:
        """Yield events, each with the number of its line: as many at a time as have come, for the sake of slow streams.

        Raises BadParameter, with the number of the line; what came along with that is not yielded.
        """
        with self._open() as file:
            if _can_be_read_twice(file):
                begin = file.tell()
                self.total = sum(len(events) for events in self._events(file))
                file.seek(begin)
            yield from self._events(file)

    def _open(self) -> AbstractContextManager[BinaryIO]:
        if self._message == "-":
            return nullcontext(sys.stdin.buffer)
        if not self._message.startswith("@"):
            return io.BytesIO(os.fsencode(self._message))
        path = self._message[1:]
        try:
            return Path(path).open("rb")
        except OSError as error:
            raise bad_message(f"{path} cannot be read: {error.strerror}") from error

    def _events(self, file: BinaryIO) -> Iterator[list[tuple[int, object]]]:
        first = 1
        for lines in _complete_lines(file):
            numbered = enumerate(lines, first)
            yield [(number, self._event(line, number)) for number, line in numbered if self._counts(line)]
            first += len(lines)

    def _counts(self, line: bytes) -> bool:
        return not self._skip_blank or bool(line.strip())

    def _event(self, line: bytes, number: int) -> object:
        try:  # a byte order mark may stand before any line: files are joined with cat
            return self._parse(saved_text.decode(line.removesuffix(b"\r")))
        except ValueError as error:
            raise bad_message(f"line {number}: expected {error}") from error
        except typer.BadParameter as error:
            raise bad_message(f"line {number}: {error.message}") from error


def _can_be_read_twice(file: BinaryIO) -> bool:
    return isinstance(file, io.BytesIO) or stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def _complete_lines(file: BinaryIO) -> Iterator[list[bytes]]:
    """Yield lines without their ends, as many at a time as each read brings. The last line may lack its end."""
    rest = b""
    while data := file.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]  # buffered files all have it
        *lines, rest = (rest + data).split(b"\n")
        if lines:
            yield lines
    if rest:
        yield [rest]
