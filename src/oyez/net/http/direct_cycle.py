"""A request that is answered directly, from where it is complete until its answer is written.

Knows what its connection and uvicorn look at, and whom to tell that the client has gone. Must not know what is asked.
"""

from collections.abc import Callable
from typing import Protocol

from oyez.net.http.uvicorn_parts import RequestResponseCycle


class _Connection(Protocol):
    def write_answer(self, cycle: "DirectCycle", status: int, lines: bytes, body: bytes, *, compress: bool) -> None: ...


class DirectCycle(RequestResponseCycle):
    """Stands where uvicorn has the task of a request: there is no task. It is the `Respond` of who answers.

    Args:
        connection: writes the answer.
        keep_alive: whether the connection goes on behind it.
    """

    disconnected = more_body = response_started = response_complete = False
    body = b""  # type: ignore[assignment]  # the answer is written without it

    def __init__(self, connection: _Connection, *, keep_alive: bool) -> None:
        self._connection: _Connection | None = connection
        self._gone: Callable[[], None] | None = None
        self.keep_alive = keep_alive

    def __call__(self, status: int, lines: bytes, body: bytes, *, compress: bool = False) -> None:
        """Write the answer, unless nobody is there or it was written already (`Respond`)."""
        if self._connection is not None:
            self._connection.write_answer(self, status, lines, body, compress=compress)

    @property
    def is_due(self) -> bool:
        """Whether the client is there, and waits."""
        return self._connection is not None

    def watch(self, gone: Callable[[], None]) -> None:
        """Have a function called if the client goes away before it is answered."""
        if self._connection is not None:
            self._gone = gone

    def end(self) -> None:
        """Be answered: what refers to each other can go, without the collector."""
        self.response_complete = True
        self._connection = self._gone = None

    # What uvicorn calls in place of an event's method

    @property
    def message_event(self) -> "DirectCycle":  # type: ignore[override]
        """What is told that something has come of the request, or that its client has gone."""
        return self

    def set(self) -> None:
        """Tell who answers, if the client has gone."""
        gone = self._gone
        if self.disconnected:
            self._connection = self._gone = None
            if gone is not None:
                gone()
