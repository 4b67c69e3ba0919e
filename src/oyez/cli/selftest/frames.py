"""Text frames on a WebSocket, each waited for in a bounded time, and the code with which it ended.

It must not know what the frames mean.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from oyez.cli.probe import failures, web_socket
from oyez.cli.probe.place import Place
from oyez.cli.probe.sockets import STEP_S
from oyez.errors import OyezError


class Closed(OyezError):  # noqa: N818 - what happened, not whose fault it is
    """The daemon closed the WebSocket."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the WebSocket was closed with {code}")
        self.code = code


class Frames:
    """An open WebSocket."""

    def __init__(self, link: web_socket.Link) -> None:
        self._link = link

    def send(self, text: str) -> None:
        """Send a text frame. Raises Closed."""
        try:
            self._link.send(text)
        except failures.Closed as error:
            raise Closed(error.code) from error

    def receive(self, until: float | None = None) -> str:
        """Wait for the next text frame; without `until`, as long as a step may take. Raises Closed, Trouble."""
        self._link.until = time.monotonic() + STEP_S if until is None else until
        try:
            return self._link.receive()
        except failures.Closed as error:
            raise Closed(error.code) from error

    def await_close(self) -> int:
        """Read to the end; gives the code. Raises Trouble."""
        until = time.monotonic() + STEP_S
        try:
            while True:
                self.receive(until)
        except Closed as error:
            return error.code


@contextmanager
def opened(place: Place, target: str) -> Iterator[Frames]:
    """Lend a WebSocket. Raises Trouble, and NotOpened if the handshake is answered by something else."""
    with web_socket.opened(place, target) as link:
        yield Frames(link)
