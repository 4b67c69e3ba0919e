"""Plain polls of sessions, answered without a task in the step in which their packets are written.

Knows which requests those are, and how answers are written. Must not know the rules, which stand in `http`.
"""

from functools import partial

from oyez.access.origins import Origins
from oyez.net.engineio.http import UNKNOWN_SID, EngineHttp, EngineRefusal, Query, first_of, read_query
from oyez.net.http.direct import INTERNAL_ERROR, DirectRequest, Respond, write_lines
from oyez.net.http.direct_pacing import Begin

_PAYLOAD_LINES = write_lines({"Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store"})
_ERROR_LINES = write_lines({"Content-Type": "application/json", "Cache-Control": "no-store"})


class DirectPolls:
    """Answers GETs that name a session.

    Args:
        http: the way of all others.
        origins: whose pages may connect.
    """

    def __init__(self, http: EngineHttp, origins: Origins) -> None:
        self._http = http
        self._origins = origins

    def judge(self, request: DirectRequest) -> Begin | None:
        """Return what has a GET wait; None: it is a handshake, or something is wrong with it."""
        asked = request.target.partition(b"?")[2]
        query = read_query(asked) if asked.isascii() else None
        if query is None or "sid" not in query or first_of(query, "transport") != "polling":
            return None
        return partial(self._begin, request, query)

    def _begin(self, request: DirectRequest, query: Query, respond: Respond) -> None:
        named = request.fields.get(b"origin")
        origin = None if named is None else named.decode("latin-1")
        lines = write_lines(self._origins.headers(origin))
        refused, session = self._http.find_session(query, "GET", origin, lambda: request.peer)
        if refused is None and session is not None:
            finish = partial(_finish, respond, lines, request.wants_gzip)
            poll = self._http.begin_poll(session, first_of(query, "t"), finish)
            if not isinstance(poll, EngineRefusal):
                respond.watch(poll.drop)
                return
            refused = poll
        _refuse(respond, lines, refused or UNKNOWN_SID)


def _finish(respond: Respond, lines: bytes, wants_gzip: bool, payload: bytes | None) -> None:
    if payload:
        respond(200, _PAYLOAD_LINES + lines, payload, compress=wants_gzip)
    elif payload is None:
        respond(*INTERNAL_ERROR)
    else:
        _refuse(respond, lines, UNKNOWN_SID)


def _refuse(respond: Respond, lines: bytes, refused: EngineRefusal) -> None:
    respond(refused.status, _ERROR_LINES + lines, refused.body())
