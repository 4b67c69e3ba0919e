"""One HTTP request and what comes back, whoever answers it.

Knows HTTP. Must not know what the paths mean, nor which answer is right.
"""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from oyez import __version__
from oyez.probe.answer import Answer
from oyez.probe.dialer import STEP_S, TimeLimit, connected, silent
from oyez.probe.failures import Kind, Trouble
from oyez.probe.place import Place

USER_AGENT = f"oyez/{__version__}"

_MAX_BODY_BYTES = 2**18


class Pending:
    """A request that was sent and not answered yet."""

    def __init__(self, connection: http.client.HTTPConnection, place: Place, limit: TimeLimit) -> None:
        self._connection = connection
        self._place = place
        self._limit = limit

    def answer(self) -> Answer:
        """Wait for all of the answer."""
        response = self._head()
        body = response.read(_MAX_BODY_BYTES)
        return _answer(response, body.decode("utf-8", "replace"))

    def stream(self) -> tuple[Answer, Iterator[str]]:
        """Wait for the head of the answer; the lines of its body are read as they come."""
        response = self._head()
        return _answer(response, ""), (line.decode("utf-8", "replace") for line in iter(response.readline, b""))

    def _head(self) -> http.client.HTTPResponse:
        try:
            return self._connection.getresponse()
        except http.client.RemoteDisconnected:
            if not self._limit.left_s:
                raise silent(self._place, self._limit) from None
            raise Trouble(Kind.BROKEN, f"{self._place.authority} closed the connection without an answer") from None


@contextmanager
def asked(
    place: Place,
    target: str,
    *,
    method: str = "GET",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
    limit_s: float = STEP_S,
    limit: TimeLimit | None = None,
) -> Iterator[Pending]:
    """Send a request; its answer is read from what this yields.

    It may take `limit_s`, or what is left of a limit that is for more than this request.

    Raises Trouble, and turns the errors inside into it.
    """
    limit = limit or TimeLimit.of(limit_s)
    try:
        with connected(place, limit) as link:
            connection = http.client.HTTPConnection(place.host, place.port)
            connection.default_port = 443 if place.secure else 80  # what the header Host may leave out
            connection.sock = link
            named = {"User-Agent": USER_AGENT, "Connection": "close", **(headers or {})}
            with suppress(BrokenPipeError):  # answered and closed before all of the body was sent: the answer is there
                connection.request(method, target, None if body is None else body.encode(), named)
            yield Pending(connection, place, limit)
    except http.client.HTTPException as error:
        if not limit.left_s:
            raise silent(place, limit) from error
        raise Trouble(Kind.BROKEN, f"{place.authority} does not answer in HTTP: {error}") from error


def ask(place: Place, target: str, **options: object) -> Answer:
    """Send a request and wait for its answer; the options are those of `asked`. Raises Trouble."""
    with asked(place, target, **options) as pending:  # type: ignore[arg-type]  # passed on
        return pending.answer()


def _answer(response: http.client.HTTPResponse, body: str) -> Answer:
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
