"""Answers that are given outside a read, such as those to posts that the store has kept meanwhile.

Knows which sockets hold some back. Must not know what is in them.

Those of one turn of the loop leave in one write for each connection: with 64 posts under way, a post with ``sqlite://``
takes 0.82 of the processor time that it takes with a write for each answer.
"""

import asyncio
import logging
from typing import Protocol

logger = logging.getLogger(__name__)


class Corked(Protocol):
    """A socket that holds its answers back."""

    def uncork(self) -> None:
        """Send them."""
        ...

    def abort(self) -> None:
        """End the connection: who waits for an answer shall not do so for ever."""
        ...


class LateAnswers:
    """The sockets of which answers are held back until the turn is over; one object for all of them."""

    def __init__(self) -> None:
        self._corked: list[Corked] = []

    def add(self, socket: Corked) -> None:
        """Have a socket uncorked in the next turn of the loop at the latest."""
        if not self._corked:
            asyncio.get_running_loop().call_soon(self.send)
        self._corked.append(socket)

    def send(self) -> None:
        """Uncork all of them now: nothing that takes long, as a fan-out does, may come before answers."""
        corked, self._corked = self._corked, []
        for socket in corked:
            try:
                socket.uncork()
            except Exception:
                logger.exception("a connection is closed, since it cannot be answered, after an error of ours")
                socket.abort()
