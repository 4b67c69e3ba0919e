"""Requests that are answered directly, at the pace of their address; who is to come back later goes the usual way.

Knows who pays, and turns of the loop. Must not know what is asked, nor how `pacing` tells who is put off.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from oyez.access.places import Places
from oyez.access.shares import Share
from oyez.access.work import REQUEST
from oyez.net.http.direct import INTERNAL_ERROR, AnswerBody, DirectRequest, Respond
from oyez.net.http.request_waits import RequestWaits
from oyez.net.turns import Turns

logger = logging.getLogger(__name__)

# How long the loop is busy with one, from its head until it is answered or waits.
_REQUEST_S = 0.00015

Begin = Callable[[bytes, Respond], None]
"""Takes a request in by its body, in its turn, and answers it now or later."""


class PacedRequest(Protocol):
    """Who answers requests directly, once it is their turn."""

    @property
    def max_bytes(self) -> int:
        """The longest body that is read in one go."""
        ...

    @property
    def patience_s(self) -> float:
        """How long a body may be under way."""
        ...

    def judge(self, request: DirectRequest) -> Begin | None:
        """Decide by the head alone, and change nothing; None: the request is to go the usual way."""
        ...


class PacedDoor:
    """A door whose requests are charged to their address as `PacedRequests` does it.

    Args:
        door: what is behind it.
        places: what each address may have.
        turns: of the loop, shared over addresses.
        waits: who waits, at all doors.
    """

    def __init__(self, door: PacedRequest, places: Places, turns: Turns, waits: RequestWaits) -> None:
        self._door = door
        self._places = places
        self._turns = turns
        self._waits = waits

    @property
    def max_bytes(self) -> int:
        """The longest body that is read in one go."""
        return self._door.max_bytes

    @property
    def patience_s(self) -> float:
        """How long a body may be under way."""
        return self._door.patience_s

    def judge(self, request: DirectRequest) -> AnswerBody | None:
        """Return what answers when the address may ask for it; None: the door declines."""
        begin = self._door.judge(request)
        return None if begin is None else partial(self._answer, self._places.shares.of_peer(request.peer), begin)

    def _answer(self, share: Share | None, begin: Begin, body: bytes, respond: Respond) -> bool:
        if share is None:
            begin(body, respond)
            return True
        work = self._places.work
        if not self._waits.may_wait(share, work.wait_s(share, REQUEST)):
            return False  # it is counted there, and told when to come back
        wait_s = work.charge_address(share, REQUEST)
        queued = _Queued(begin, body, respond)
        if wait_s:
            self._waits.begin(share)
            asyncio.get_running_loop().call_later(wait_s, self._end_wait, share, queued)
        elif self._turns.begin(share) is None:
            self._turns.add(queued, share)
        else:
            self._turns.count(share, _REQUEST_S)
            begin(body, respond)
        return True

    def _end_wait(self, share: Share, queued: "_Queued") -> None:
        self._waits.end(share)
        self._turns.add(queued, share)


class _Queued:
    """A request that waits for the turn of its address."""

    def __init__(self, begin: Begin, body: bytes, respond: Respond) -> None:
        self._begin = begin
        self._body = body
        self._respond = respond

    def read_on(self) -> None:
        """Take it in, if its client is still there."""
        if not self._respond.is_due:
            return
        try:
            self._begin(self._body, self._respond)
        except Exception:
            logger.exception("a request is answered with the status 500 after an error of ours")
            self._respond(*INTERNAL_ERROR)
