"""What all clients that poll have not fetched yet: how much memory that is, and who has to go when it is too much.

Knows bytes, and sessions by what they leave unread. Must not know packets, nor who fetches.
"""

from collections.abc import Mapping
from typing import Protocol

from oyez.access.peer import FindPeer, Note
from oyez.net.ticker import Ticker
from oyez.wire import engineio

# When all that poll leave too much, those with the most are ended until so much of what may be is left. To look for
# them takes milliseconds, so it has to be worth it.
_LEFT = 7 / 8


class UnreadSession(Protocol):
    """A session that may leave something unread."""

    find_peer: FindPeer

    @property
    def unread(self) -> int:
        """The memory of what waits for the client's next poll, in bytes."""
        ...

    def close(self, final_packet: bytes) -> None:
        """End the session."""
        ...


class UnreadBudget:
    """One budget for all sessions that poll.

    Args:
        limit: how many bytes may wait for all of them together.
        sessions: all of them.
        ticker: the clock.
        note: counts those that are ended.

    Attributes:
        used: how many bytes wait.
    """

    def __init__(self, limit: int, sessions: Mapping[str, UnreadSession], ticker: Ticker, note: Note) -> None:
        self.limit = limit
        self.used = 0
        self.tick_slot = 0
        self._sessions = sessions
        self._ticker = ticker
        self._note = note
        self._last = b""

    def cost(self, data: bytes) -> int:
        """Return what it costs to keep ``data``: nothing if it is what was asked about just before.

        A fan-out writes the same object to one listener after the other, and it takes its memory once.
        """
        if data is self._last:
            return 0
        self._last = data
        return len(data)

    def add(self, more: int) -> None:
        """Count what waits or, below 0, waits no longer."""
        self.used += more
        if self.used > self.limit and not self.tick_slot:
            self._ticker.set(self, self._ticker.clock())  # soon, not at once: most of them are about to fetch it

    def tick(self, now: float) -> None:
        """End the sessions that leave the most unread, if it is still too much in all, until there is some room."""
        if self.used <= self.limit:
            return
        unread = sorted(((session.unread, sid) for sid, session in self._sessions.items() if session.unread))
        while unread and self.used > self.limit * _LEFT:
            session = self._sessions[unread.pop()[1]]
            self._note("unread-answers", "of all that poll this one fetches least", session.find_peer)
            session.close(engineio.NOOP)
