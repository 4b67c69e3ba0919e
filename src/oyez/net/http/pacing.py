"""Plain requests, each charged to its address: over what it may ask for, the answer waits, or says when to come back.

Knows who pays, and turns of the loop. Must not know the paths, nor what is behind them.
"""

import math
from asyncio import sleep
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from oyez.access.origins import Origins
from oyez.access.peer import Peer, Peers
from oyez.access.places import Places
from oyez.access.shares import Share
from oyez.access.work import REQUEST
from oyez.net.http.request_waits import RequestWaits
from oyez.net.turns import Turns

# Twenty connections that guess are twenty guesses a second then.
_LONGEST_WAIT_WITH_KEY_S = 1.0

# How long the loop is busy with a request at the doors that are asked most, from its head to its answer.
_REQUEST_S = 0.0004


class PacedRequests:
    """An HTTP application whose requests are paced by address.

    Args:
        app: what is behind it.
        peers: how clients are told apart.
        places: what each address may have.
        turns: of the loop, shared over addresses.
        waits: who waits, at all doors.
        origins: whose pages may read that they asked too often.
        shows_key: whether a request has a key that will be judged. It is held to nothing here, right or wrong: who was
            put off for a wrong key only, before it was counted, could tell the right one by that.
        keys_wait: whether too many wrong keys came from there. Then who shows one, right or wrong, is slowed down, and
            not put off.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        peers: Peers,
        places: Places,
        turns: Turns,
        waits: RequestWaits,
        origins: Origins,
        shows_key: Callable[[Scope, Peer], bool],
        keys_wait: Callable[[Peer], bool],
    ) -> None:
        self._app = app
        self._peers = peers
        self._places = places
        self._turns = turns
        self._waits = waits
        self._origins = origins
        self._shows_key = shows_key
        self._keys_wait = keys_wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when it is its turn, or say when to come back."""
        peer = self._peers.of_scope(scope)
        share = self._places.shares.of_peer(peer)
        app = self._app
        if share is not None:
            if not self._shows_key(scope, peer):
                app = await self._pace(share, scope) or app
            elif self._keys_wait(peer):
                await self._slow_down(share)
        await app(scope, receive, send)

    async def _pace(self, share: Share, scope: Scope) -> Response | None:
        """Wait for as long as the address has to; return the answer for one that has to come back later."""
        wait_s = self._places.work.charge_address(share, REQUEST)
        if not self._waits.may_wait(share, wait_s):
            share.commands.give_back(REQUEST)
            return self._put_off(wait_s, scope)
        await self._wait(share, wait_s)
        return None

    async def _slow_down(self, share: Share) -> None:
        """Wait until the debt of the address is paid, but not for long: it may be that of others who guess.

        What is asked for is charged once the key was judged.
        """
        wait_s = self._places.work.charge_address(share, 0)
        await self._wait(share, 0 if self._waits.is_crowded(share) else min(wait_s, _LONGEST_WAIT_WITH_KEY_S))

    async def _wait(self, share: Share, wait_s: float) -> None:
        """Wait for that long, and then for the turn of the address."""
        if wait_s:
            self._waits.begin(share)
            try:
                await sleep(wait_s)
            finally:
                self._waits.end(share)
        await self._turns.take(share, _REQUEST_S)

    def _put_off(self, wait_s: float, scope: Scope) -> Response:
        """Answer ``{"code":"too-many-requests","message":…}``, and close: this costs as much as the answer it saves."""
        headers = {"Retry-After": str(math.ceil(wait_s)), "Connection": "close", "Cache-Control": "no-store"}
        headers |= self._origins.headers(Headers(scope=scope).get("Origin"))
        answer = {"code": "too-many-requests", "message": "Too many requests from your address"}
        return JSONResponse(answer, 429, headers)
