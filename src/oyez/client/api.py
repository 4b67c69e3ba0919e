"""The daemon's HTTP API as a caller sees it: one request and its answer, within a time that nothing exceeds.

It must not know what events are.
"""

import os
import time
from dataclasses import dataclass, field

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError

from oyez.client.errors import BadAnswer, PosterError, TimedOut
from oyez.client.failures import explain, is_unsent, may_repeat, read_object, refusal
from oyez.client.sockets import CONNECT_TIMEOUT_S, open_pool, until
from oyez.client.target import Target
from oyez.errors import ConfigError

_MAX_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What to ask. A second one with the same content does no harm: what posts has a key.

    Attributes:
        max_answer_bytes: more than that is no answer to it.
    """

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    max_answer_bytes: int = _MAX_ANSWER_BYTES


class Api:
    """Calls one daemon; keeps connections between the calls. Threads may share it, and forked processes."""

    def __init__(self, url: str, key: str) -> None:
        if not key.isprintable():
            raise ConfigError("key", "***", "printable characters in one line")
        self._target = Target(url)
        credentials = f"Bearer {key}".encode().decode("latin-1")  # http.client writes Latin-1; the daemon reads UTF-8
        self._headers = {"Content-Type": "application/json"}
        if key:  # where none is asked for, an empty one would be taken for a wrong one
            self._headers["Authorization"] = credentials
        self._pool: tuple[int, urllib3.HTTPConnectionPool] | None = None  # with the process it belongs to

    def call(self, request: ApiRequest, began: float, timeout_s: float) -> dict[str, object]:
        """Return the JSON object of a good answer. `began` is when (`time.monotonic`) the time began to run.

        Asks once more, within the same time, when no connection could be made, or when it broke before the answer.

        Raises PosterError, `uncertain` when a post may have arrived at either attempt.
        """
        if began + timeout_s <= time.monotonic():
            raise TimedOut(f"{timeout_s:g} s passed before {self._target} could be called")
        with until(began + timeout_s):
            try:
                return self._exchange(request, timeout_s)
            except PosterError as error:
                if not may_repeat(error):
                    raise
                may_have_arrived = error.uncertain
            try:
                return self._exchange(request, timeout_s)
            except PosterError as error:
                error.uncertain = error.uncertain or may_have_arrived
                raise

    def close(self) -> None:
        """Close the idle connections. A later call opens new ones."""
        kept, self._pool = self._pool, None
        if kept is not None:
            kept[1].close()

    def _exchange(self, request: ApiRequest, timeout_s: float) -> dict[str, object]:
        posting = request.method == "POST"
        try:
            status, content = self._ask(request, timeout_s)
        except HTTPError as error:
            unsent = is_unsent(error)
            limit_s = min(CONNECT_TIMEOUT_S, timeout_s) if unsent else timeout_s
            raise explain(error, self._target, limit_s, uncertain=posting and not unsent) from error
        if status != 200:
            raise refusal(status, content, posting=posting)
        if len(content) > request.max_answer_bytes:
            raise BadAnswer(f"the answer is longer than {request.max_answer_bytes} bytes", uncertain=posting)
        return read_object(content)

    def _ask(self, request: ApiRequest, timeout_s: float) -> tuple[int, bytes]:
        """Return the status and the body of the answer, of which no more is read than it takes to see that it is long.

        Raises HTTPError, also for an answer that ends too early.
        """
        answer = self._connections().urlopen(
            request.method,
            self._target.path_of(request.path),
            request.body,
            self._headers | request.headers,
            retries=False,  # ours is above: urllib3 would log a warning for each
            redirect=False,
            timeout=urllib3.Timeout(
                connect=CONNECT_TIMEOUT_S, read=timeout_s
            ),  # for each step; the sockets keep the sum
            preload_content=False,
            decode_content=False,
        )
        try:
            content = answer.read(request.max_answer_bytes + 1)
            if len(content) <= request.max_answer_bytes:
                answer.read(1)  # at the end it raises IncompleteRead if more was announced
            if not content and answer.length_remaining is None and not answer.chunked:
                raise ProtocolError("it ended within the head of an answer")
            return answer.status, content
        finally:
            answer.close()  # a connection that was read to the answer's end is back in the pool by now

    def _connections(self) -> urllib3.HTTPConnectionPool:
        """Return this process's pool: a forked child that used its parent's sockets would take its parent's answers."""
        process = os.getpid()
        kept = self._pool
        if kept is None or kept[0] != process:  # no lock: it could be held at a fork, and a second pool does no harm
            kept = self._pool = (process, open_pool(self._target))
        return kept[1]
