"""The key of a request: who asks, what it is told if it may not, and the wait of whoever has guessed.

Knows the header and the answers. Must not know what is asked for.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive

from oyez.access.keys import WELL_KNOWN_KEYS, KeyHolder
from oyez.access.peer import Peer, Peers
from oyez.access.places import Places
from oyez.access.poster_check import Denial, HeldAttempt, PosterCheck
from oyez.access.work import GUESS, REQUEST
from oyez.net.http.direct import DirectRequest
from oyez.wire import raw_commands
from oyez.wire.api_answers import ApiError

# Far less than the time for which it is remembered.
_NOTED_EVERY_S = 5.0


class Caller(NamedTuple):
    """Somebody who is known by the head of a request, and asks again and again."""

    holder: KeyHolder
    is_let_in: Callable[[], bool]
    """Asked for each request: whether it is let in at once, as `Authorization.authorize` would do; else ask that."""


class _KnownPoster:
    """Whoever has shown the right key on a connection.

    That it was shown is noted now and then, not for each request: to find the share of an address took a twentieth of
    what a post costs.
    """

    __slots__ = ("_check", "_holder", "_note_at", "_peer", "_places", "_who")

    def __init__(self, check: PosterCheck, places: Places, peer: Peer, holder: KeyHolder) -> None:
        self._check = check
        self._holder = holder
        self._places = places
        self._peer = peer
        self._who = peer.counted_as
        self._note_at = float("-inf")

    def is_let_in(self) -> bool:
        if self._holder.is_void or self._check.has_to_wait(self._who):
            return False
        now = self._places.shares.clock()
        if now >= self._note_at:
            self._note_at = now + _NOTED_EVERY_S
            self._places.remember_poster(self._peer)
        return True


class Authorization:
    """Finds out whose key a request shows."""

    def __init__(self, check: PosterCheck, peers: Peers, places: Places) -> None:
        self._check = check
        self._peers = peers
        self._places = places

    async def authorize(self, request: Request, *, trusted: bool) -> tuple[KeyHolder, Request]:
        """Return who asks, and the request to go on with; it may take as long as its address has to wait.

        Args:
            request: its body has not been read.
            trusted: whether only this machine reaches the address: then requests from it need no key.

        Raises:
            ApiError: it may not ask.
        """
        header, key = _read_key(request.headers)
        peer = self._peers.of_scope(request.scope)
        if trusted and peer.local and not (header and self._check.has_key):
            return self._check.keyless, request
        outcome = self._check.judge(key, peer, local_need_none=trusted)
        if isinstance(outcome, HeldAttempt):
            outcome, request = await _wait_for(outcome, request)
        if isinstance(outcome, KeyHolder):
            self._places.remember_poster(peer)
            return outcome, request
        self._places.charge_address(peer, GUESS if outcome.cut_off else REQUEST)
        if outcome.cut_off:
            # Its connection ends, as at the other doors: each further guess costs a new one.
            headers = {"Retry-After": str(outcome.retry_after_s), "Connection": "close"}
            if not outcome.judged:  # the key may be right
                raise ApiError(429, "address-waits", raw_commands.ADDRESS_WAITS.message, headers)
            raise ApiError(429, "too-many-failures", "Too many requests with a wrong key", headers)
        raise ApiError(401, "unauthorized", _why_refused(key, peer, trusted=trusted), {"WWW-Authenticate": "Bearer"})

    def recognize(self, request: DirectRequest, *, trusted: bool) -> "Caller | None":
        """Find out who asks, where that is plain: by the right key, or where none is needed. Nothing is counted.

        Args:
            request: its head.
            trusted: as for `authorize`.
        """
        header, key = _split_header(request.fields.get(b"authorization", b""))
        peer = request.peer
        if trusted and peer.local and not header:
            return Caller(self._check.keyless, lambda: True)
        holder = None if key is None else self._check.find_holder(key, peer)
        return (
            None if holder is None else Caller(holder, _KnownPoster(self._check, self._places, peer, holder).is_let_in)
        )

    def shows_key(self, headers: Headers, peer: Peer, *, trusted: bool) -> bool:
        """Return whether a request shows a key, which may be wrong, or needs none."""
        header, key = _read_key(headers)
        return key is not None or (trusted and peer.local and not header)


def _read_key(headers: Headers) -> tuple[str, str | None]:
    """Return the header Authorization, and the key in it, if there is one."""
    # HTTP gives bytes; Starlette reads them as Latin-1, posters write keys in UTF-8.
    return _split_header(headers.get("Authorization", "").encode("latin-1"))


def _split_header(line: bytes) -> tuple[str, str | None]:
    header = line.decode("utf-8", "replace")
    scheme, _, token = header.partition(" ")
    return header, token.strip() if scheme.lower() == "bearer" else None


def _why_refused(key: str | None, peer: Peer, *, trusted: bool) -> str:
    """Return what a client may know of its refusal: of its own request all, of the daemon's keys nothing."""
    if key in WELL_KNOWN_KEYS and peer.doubt:
        return f"This key is public knowledge, and counts on the daemon's own machine at most: {peer.doubt}"
    if trusted and key is None and peer.doubt:
        return f"The key is needed, since the request may be another machine's or page's: {peer.doubt}"
    return "The key is missing or wrong"


async def _wait_for(held: HeldAttempt, request: Request) -> tuple[KeyHolder | Denial, Request]:
    """Wait with a request until it is answered, or its client has gone away."""
    answer: asyncio.Future[KeyHolder | Denial] = asyncio.get_running_loop().create_future()
    held.then(answer.set_result)
    begun = _BegunBody(request.receive)
    watch = asyncio.ensure_future(begun.wait_for_end())
    try:
        await asyncio.wait((answer, watch), return_when=asyncio.FIRST_COMPLETED)
    finally:
        watch.cancel()
        held.give_up()
    if not answer.done():
        return Denial(cut_off=True, judged=False), request  # nobody reads it
    return answer.result(), Request(request.scope, begun.receive)


class _BegunBody:
    """A request's body, of which the first piece has been read so as to learn of the client's end.

    No more than that is read before its time: with a long body on its way, its client's end is learned of later.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._first: Message | None = None

    async def wait_for_end(self) -> None:
        """Return when the client has gone away."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._first = message
            if message.get("more_body", False):
                await asyncio.get_running_loop().create_future()
            await self._receive()

    async def receive(self) -> Message:
        """Return the next piece of the body, from its beginning on."""
        first, self._first = self._first, None
        return first if first is not None else await self._receive()
