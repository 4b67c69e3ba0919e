"""Requests that are answered directly, at the pace of their address; who has to wait for long goes the usual way.

Knows who pays, and turns of the loop. Must not know what is asked, nor how `pacing` has somebody wait.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from oyez.access.places import Places
from oyez.access.shares import Share
from oyez.access.work import REQUEST
from oyez.net.http.direct import INTERNAL_ERROR, AnswerBody, DirectRequest, Respond
from oyez.net.turns import Turns

logger = logging.getLogger(__name__)

# How long the loop is busy with one, from its head until it is answered or waits.
_REQUEST_S = 0.00015

Begin = Callable[[Respond], None]
"""Takes a request in, in its turn, and answers it now or later."""


class PacedRequest(Protocol):
    """Who answers requests without a body directly, once it is their turn."""

    def judge(self, request: DirectRequest) -> Begin | None:
        """Decide by the head alone, and change nothing; None: the request is to go the usual way."""
        ...


class PacedDoor:
    """A door whose requests are charged to their address as `PacedRequests` does it.

    Args:
        door: what is behind it.
        places: what each address may have.
        turns: of the loop, shared over addresses.
    """

    max_bytes = 0

    def __init__(self, door: PacedRequest, places: Places, turns: Turns) -> None:
        self._door = door
        self._places = places
        self._turns = turns

    def judge(self, request: DirectRequest) -> AnswerBody | None:
        """Return what answers in its turn; None: the address has to wait for long, or the door declines."""
        share = self._places.shares.of_peer(request.peer)
        if share is not None and self._places.work.has_to_wait(share, REQUEST):
            return None
        begin = self._door.judge(request)
        return None if begin is None else partial(self._answer, share, begin)

    def _answer(self, share: Share | None, begin: Begin, _: bytes, respond: Respond) -> bool:
        if share is None:
            begin(respond)
            return True
        if self._places.work.has_to_wait(share, REQUEST):
            return False
        self._places.work.charge_address(share, REQUEST)
        if self._turns.begin(share) is None:
            self._turns.add(_Queued(begin, respond), share)
        else:
            self._turns.count(share, _REQUEST_S)
            begin(respond)
        return True


class _Queued:
    """A request that waits for the turn of its address."""

    def __init__(self, begin: Begin, respond: Respond) -> None:
        self._begin = begin
        self._respond = respond

    def read_on(self) -> None:
        """Take it in, if its client is still there."""
        if not self._respond.is_due:
            return
        try:
            self._begin(self._respond)
        except Exception:
            logger.exception("a request is answered with the status 500 after an error of ours")
            self._respond(*INTERNAL_ERROR)
