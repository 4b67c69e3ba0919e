"""Text on its way to a stream that its reader may leave unread: a bounded queue, and a thread that writes.

Knows one descriptor. Must not know what the text says.

A pipe that nobody empties, a paused terminal and a stuck disk all hold up whoever writes, for ever perhaps. Here that
is this thread only. It writes by the descriptor, not by Python's stream: the interpreter waits at its end for a stream
that another thread is writing to, and breaks down over it. (`logging.handlers.QueueListener` bounds neither the bytes
that wait nor the time that its `stop` takes.)
"""

import os
import select
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TextIO

_MOST_WAITING_BYTES = 256 * 1024


def descriptor_of(stream: TextIO | None) -> int | None:
    """Return what a standard stream writes to; None if the process was started without it.

    Then the number is another file's by now.
    """
    return None if stream is None else stream.fileno()


class Outlet:
    """Writes to one descriptor, in order, and without holding up whoever has something to say.

    Args:
        descriptor: where to; None: nowhere.
        name: of the thread.
        most_waiting_bytes: what is more is dropped.
        describe_loss: makes the text that follows when it drains, of the number of texts that were dropped since the
            last such text.
    """

    def __init__(
        self,
        descriptor: int | None,
        name: str,
        *,
        most_waiting_bytes: int = _MOST_WAITING_BYTES,
        describe_loss: Callable[[int], bytes] = lambda _: b"",
    ) -> None:
        self._descriptor = descriptor
        self._most_waiting_bytes = most_waiting_bytes
        self._describe_loss = describe_loss
        # A simple one: it may be put into while it is being put into, as finalizers that log do.
        self._waiting: SimpleQueue[bytes | None] = SimpleQueue()
        # Each number is written by one side only.
        self._bytes_taken = self._bytes_done = self._refused = self._failed = self._reported = 0
        self._is_torn = False
        self._thread = threading.Thread(target=self._write_all, name=name, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many texts were not written."""
        return self._refused + self._failed

    def put(self, text: bytes) -> None:
        """Have a text written, or dropped if too much waits already; one thread at a time may call this."""
        if self._bytes_taken - self._bytes_done + len(text) > self._most_waiting_bytes:
            self._refused += 1
            return
        self._bytes_taken += len(text)
        self._waiting.put(text)

    def finish(self, within_s: float, last: bytes = b"") -> None:
        """Write what waits and one more text, as far as that is possible in the time given; nothing is written later.

        No lock is taken that another thread could keep: it may be called whatever the others are stuck in.
        """
        self._waiting.put(last)
        self._waiting.put(None)
        self._thread.join(within_s)

    def _write_all(self) -> None:
        while (text := self._waiting.get()) is not None:
            self._failed += not self._write(text)
            self._bytes_done += len(text)
            if self._waiting.empty():
                self._write_loss()
        self._write_loss()

    def _write_loss(self) -> None:
        dropped = self.dropped
        if dropped > self._reported and self._write(self._describe_loss(dropped - self._reported)):
            self._reported = dropped

    def _write(self, text: bytes) -> bool:
        """Write a text, for however long that takes; False if it could not be, or only its beginning."""
        rest = memoryview(b"\n" + text if self._is_torn and text else text)  # nothing is to go on what was broken off
        while rest and self._descriptor is not None:
            try:
                written = os.write(self._descriptor, rest)
            except BlockingIOError:  # another process that has this stream made it so
                select.select([], [self._descriptor], [])
            except OSError:  # nobody will read it any more, or the disk is full
                return False
            else:
                rest = rest[written:]
                self._is_torn = bool(rest)
        return not rest
