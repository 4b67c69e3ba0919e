"""The long poll: one GET waits for one event, or for what there is at once.

Knows requests, as ASGI has them, and what is wrong with one. Must not know other listeners.
"""

import asyncio
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from oyez.endpoints.context import DoorContext
from oyez.endpoints.waiting_polls import GAP_HEADER, PollAnswer, WaitingPolls
from oyez.errors import ProtocolError
from oyez.net.http.body import wait_for_answer
from oyez.net.http.preflight import answer_preflight
from oyez.wire.listen_query import ListenQuery, WordedError

PREFIX = "/channels/"


class LongPollEndpoint:
    """``/channels/a|b?last=N``, as an ASGI application; every method counts as GET, but for a browser's OPTIONS.

    Most GETs are answered by `DirectLongPoll`.

    Args:
        context: the daemon.
        polls: those that wait, whichever way they came.
    """

    def __init__(self, context: DoorContext, polls: WaitingPolls) -> None:
        self._context = context
        self._polls = polls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, unless its client has gone by then."""
        request = Request(scope, receive)
        response = await self._respond(request)
        if response is None:
            return  # nobody is there any more
        response.headers["Cache-Control"] = "no-store"
        if request.method != "OPTIONS":
            response.headers["Access-Control-Expose-Headers"] = GAP_HEADER
            response.headers.update(self._context.origins.headers(request.headers.get("Origin")))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response | None:
        find_peer = partial(self._context.peers.of_scope, request.scope)
        if not self._context.origins.allows(request.headers.get("Origin")):
            self._context.note("bad-request", "a long poll by a page of an origin that may not listen", find_peer)
            return Response("403 Forbidden", 403, media_type="text/plain")
        if request.method == "OPTIONS":  # a page that adds a header asks before
            return answer_preflight(request, self._context.origins, "GET,HEAD,POST")
        try:
            names = request.scope["raw_path"].partition(PREFIX.encode())[2]
            query = self._polls.read(names, request.scope["query_string"], request.headers.get("Last-Event-ID"))
        except ProtocolError as error:
            self._context.note("bad-request", f"a long poll: {error}", find_peer)
            words = f"400 Bad Request: {error}" if isinstance(error, WordedError) else "400 Bad Request"
            return Response(words, 400, media_type="text/plain")
        return await self._wait(request, query)

    async def _wait(self, request: Request, query: ListenQuery) -> Response | None:
        answer: asyncio.Future[PollAnswer | None] = asyncio.get_running_loop().create_future()
        poll = self._polls.begin(self._context.peers.of_scope(request.scope), query, answer.set_result)
        try:
            if not await wait_for_answer(request, answer):
                return None
        finally:
            if poll is not None:
                poll.drop()  # harmless once it is answered
        found = answer.result()
        if found is None:
            return Response("Internal Server Error", 500, {"Connection": "close"}, media_type="text/plain")
        return Response(found.body, found.status, found.fields, media_type="application/json")
