"""Plain long polls, answered without a task in the step in which the hub has something for them.

Knows what is plain. Must not know the rules: whatever breaks one is left to `longpoll`, which tells what is wrong.
"""

from functools import partial

from oyez.endpoints.context import DoorContext
from oyez.endpoints.longpoll import PREFIX
from oyez.endpoints.waiting_polls import GAP_HEADER, PollAnswer, WaitingPolls
from oyez.errors import ProtocolError
from oyez.net.http.direct import INTERNAL_ERROR, SHORT_PATIENCE_S, DirectRequest, Respond, write_lines
from oyez.net.http.direct_pacing import Begin
from oyez.wire.listen_query import ListenQuery

_PREFIX = PREFIX.encode()
_LINES = write_lines(
    {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Access-Control-Expose-Headers": GAP_HEADER,
    }
)


class DirectLongPoll:
    """Answers GETs below ``/channels/`` that are as they should be.

    Args:
        context: the daemon.
        polls: those that wait, whichever way they came.
    """

    max_bytes = 0
    patience_s = SHORT_PATIENCE_S

    def __init__(self, context: DoorContext, polls: WaitingPolls) -> None:
        self._context = context
        self._polls = polls

    def judge(self, request: DirectRequest) -> Begin | None:
        """Return what has a poll wait; None: something is wrong with it, or to be looked at more closely."""
        origin = request.text(b"origin")
        if not request.target.isascii() or not self._context.origins.allows(origin):
            return None
        path, _, asked = request.target.partition(b"?")
        try:
            query = self._polls.read(path.partition(_PREFIX)[2], asked, request.text(b"last-event-id"))
        except ProtocolError:
            return None
        return partial(self._begin, request, query, origin)

    def _begin(
        self, request: DirectRequest, query: ListenQuery, origin: str | None, _: bytes, respond: Respond
    ) -> None:
        lines = _LINES + write_lines(self._context.origins.headers(origin))
        poll = self._polls.begin(request.peer, query, partial(_finish, respond, lines, request.wants_gzip))
        if poll is not None:
            respond.watch(poll.drop)


def _finish(respond: Respond, lines: bytes, wants_gzip: bool, answer: PollAnswer | None) -> None:
    if answer is None:
        respond(*INTERNAL_ERROR)
        return
    if answer.fields:
        lines += write_lines(answer.fields)
    respond(answer.status, lines, answer.body, compress=wants_gzip)
