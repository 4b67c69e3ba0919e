"""One GET of a session that polls, from where it is let in to its answer.

Knows a session and its transport. Must not know HTTP, nor which way the request came.
"""

import logging
from collections.abc import Callable

from oyez.net.engineio.polling import PollingTransport
from oyez.net.engineio.session import EngineSession
from oyez.wire import engineio

logger = logging.getLogger(__name__)

Finish = Callable[[bytes | None], None]
"""Takes the payload; empty: the session has ended, and nothing is left; None: an error of ours has cost the answer."""


class PendingPoll:
    """A GET that is answered with what waits, or with what comes first.

    Args:
        session: which polls.
        polling: its transport, on which no other GET is pending.
        mark: what the client has marked it with (``t``), to keep caches from answering; empty: nothing.
        finish: called once; not at all if `drop` comes first.
    """

    __slots__ = ("_finish", "_mark", "_polling", "_session")

    def __init__(self, session: EngineSession, polling: PollingTransport, mark: str, finish: Finish) -> None:
        self._session = session
        self._polling = polling
        self._mark = mark
        self._finish: Finish | None = finish

    def begin(self) -> None:
        """Answer, or begin to wait."""
        self._session.begin_poll()
        if self._polling.empty:
            self._polling.wait(self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        finish, self._finish = self._finish, None
        payload = None
        try:
            payload = self._polling.take()
        except Exception:
            logger.exception("a poll is answered with the status 500 after an error of ours")
        self._session.end_poll(len(payload or b""))
        if payload:
            self._polling.answered = self._mark
        if finish is not None:
            finish(payload)

    def drop(self) -> None:
        """End the session of a client that dropped its poll: it would never learn what it missed otherwise."""
        if self._finish is None:
            return
        self._finish = None
        self._polling.stop_waiting()
        self._session.end_poll(0)
        if self._session.polling is not None:
            self._session.close(engineio.NOOP)
