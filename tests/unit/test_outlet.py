"""Does text get out in order, and never hold up whoever has something to say?"""

import fcntl
import os
import resource
import select
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from oyez.outlet import Outlet, descriptor_of
from tests.inbox import PATIENCE_S

_SMALLEST_PIPE = 4096


class Pipe(NamedTuple):
    reading: int
    writing: int

    def fill(self) -> None:
        """Fill it up, so that who writes waits for a reader."""
        os.set_blocking(self.writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.writing, b"#")
        os.set_blocking(self.writing, True)

    def read(self) -> bytes:
        """Read all that is in it by now."""
        assert select.select([self.reading], [], [], PATIENCE_S)[0], "nothing comes"
        return os.read(self.reading, 2**20)

    def read_to(self, end: bytes) -> bytes:
        """Read until a text came; what filled the pipe is left out."""
        found = b""
        while not found.endswith(end):
            found += self.read()
        return found.lstrip(b"#")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe(*os.pipe())
    fcntl.fcntl(pipe.writing, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
    yield pipe
    for end in pipe:
        with suppress(OSError):
            os.close(end)


def tell(texts: int) -> bytes:
    return b"%d dropped\n" % texts


def test_texts_are_written_whole_and_in_their_order(pipe: Pipe) -> None:
    outlet = Outlet(pipe.writing, "test")
    texts = [b"%d %s\n" % (number, b"x" * 3000) for number in range(20)]
    for text in texts:
        outlet.put(text)
    assert pipe.read_to(texts[-1]) == b"".join(texts)
    outlet.finish(PATIENCE_S)
    assert outlet.dropped == 0


def test_what_does_not_fit_is_dropped_counted_and_told_of_when_it_drains(pipe: Pipe) -> None:
    outlet = Outlet(pipe.writing, "test", most_waiting_bytes=30, describe_loss=tell)
    pipe.fill()
    for number in range(10):
        outlet.put(b"line %d of ten\n" % number)  # 14 bytes each
    assert outlet.dropped == 8
    assert pipe.read_to(b"dropped\n") == b"line 0 of ten\nline 1 of ten\n8 dropped\n"
    outlet.put(b"and on\n")
    assert pipe.read_to(b"and on\n") == b"and on\n"
    pipe.fill()
    for _ in range(5):
        outlet.put(b"x" * 20)
    assert pipe.read_to(b"dropped\n").endswith(b"x4 dropped\n")  # since the last such line
    outlet.finish(PATIENCE_S)
    assert outlet.dropped == 12


def test_the_end_is_not_waited_for_longer_than_was_asked(pipe: Pipe) -> None:
    outlet = Outlet(pipe.writing, "test")
    pipe.fill()
    outlet.put(b"in vain\n")
    outlet.finish(0.01, b"the last\n")
    assert pipe.read_to(b"the last\n") == b"in vain\nthe last\n"  # nobody was told to forget it


def test_what_was_dropped_is_told_of_at_the_end_too(pipe: Pipe) -> None:
    outlet = Outlet(pipe.writing, "test", most_waiting_bytes=8, describe_loss=tell)
    pipe.fill()
    outlet.put(b"1234567\n")
    outlet.put(b"7654321\n")
    outlet.finish(0, b"the last\n")
    assert pipe.read_to(b"dropped\n") == b"1234567\nthe last\n1 dropped\n"


def test_a_pipe_that_another_process_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing, False)
    outlet = Outlet(pipe.writing, "test")
    texts = [b"%d %s\n" % (number, b"x" * 3000) for number in range(20)]
    for text in texts:
        outlet.put(text)
    assert pipe.read_to(texts[-1]) == b"".join(texts)
    assert outlet.dropped == 0


def test_a_reader_that_is_gone_costs_the_text_only(pipe: Pipe) -> None:
    os.close(pipe.reading)
    outlet = Outlet(pipe.writing, "test", describe_loss=tell)
    outlet.put(b"1\n")
    outlet.put(b"2\n")
    outlet.finish(PATIENCE_S)
    assert outlet.dropped == 2


def test_a_full_disk_costs_the_text_only() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(full, "test")
    outlet.put(b"1\n")
    outlet.finish(PATIENCE_S)
    os.close(full)
    assert outlet.dropped == 1


def test_what_a_full_disk_broke_off_is_a_line_of_its_own(tmp_path: Path) -> None:
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

    def tell_and_make_room(texts: int) -> bytes:
        if outlet.dropped == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        return tell(texts)

    outlet = Outlet(file, "test", describe_loss=tell_and_make_room)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, unlimited[1]))
    try:
        for text in (b"1\n", b"23456\n", b"7\n"):
            outlet.put(text)
        outlet.finish(PATIENCE_S)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        os.close(file)
    assert (tmp_path / "log").read_bytes() == b"1\n234\n" + tell(2)


def test_without_a_stream_nothing_is_written_anywhere() -> None:
    outlet = Outlet(descriptor_of(None), "test")
    outlet.put(b"1\n")
    outlet.finish(PATIENCE_S)
    assert outlet.dropped == 1
