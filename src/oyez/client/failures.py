"""What the errors of urllib3, of sockets and of HTTP mean to a program: ours, each with the daemon's address in words.

It must not know what was asked.
"""

import http.client
import json

from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from oyez.client.errors import BadAnswer, PosterError, Refused, TimedOut, Unauthorized, Unreachable
from oyez.client.target import Target

Failure = HTTPError | OSError | http.client.HTTPException  # all that a connection may raise


def is_unsent(error: BaseException | None) -> bool:
    """Return whether the connection was never made, so that nothing can have arrived."""
    return isinstance(error, ConnectTimeoutError)


def may_repeat(error: PosterError) -> bool:
    """Return whether the same request may get its answer at once: no connection was made, or it broke before one came.

    A proxy's 502 is the same one hop further. No time-out is: who was silent would be waited for twice.
    """
    if isinstance(error, Refused):
        return error.status == http.client.BAD_GATEWAY and not error.code
    return isinstance(error, Unreachable) or is_unsent(error.__cause__)


def explain(error: Failure, target: Target, limit_s: float, *, uncertain: bool = False) -> PosterError:
    """Name what happened; `limit_s` is the time that ran out, if it did."""
    if isinstance(error, NewConnectionError):
        return Unreachable(f"cannot connect to {target}: {error.__cause__ or error}")
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError) or _is_time_out(error):
        return TimedOut(f"{target} did not answer within {limit_s:g} s", uncertain=uncertain)
    if _is_nonsense(error):
        return BadAnswer(f"{target} does not speak HTTP: {error}", uncertain=uncertain)
    return Unreachable(f"the connection to {target} broke: {error}", uncertain=uncertain)


def refusal(status: int, content: bytes, *, posting: bool = False) -> Refused:
    """Read an answer of another status than 200.

    A proxy's word that it lost the daemon, thus 5xx without the daemon's code, leaves open what became of a post.
    """
    answer = read_object(content)
    code, message = (str(answer.get(name, "")) for name in ("code", "message"))
    kind = Unauthorized if status in {http.client.UNAUTHORIZED, http.client.FORBIDDEN} else Refused
    words = message or http.client.responses.get(status, "")
    return kind(status, code, words, uncertain=posting and status >= 500 and not code)


def read_object(content: bytes | str) -> dict[str, object]:
    """Read a JSON object; an empty one stands for all that is none."""
    try:
        parsed: object = json.loads(content)
    except (ValueError, RecursionError):
        parsed = None
    return parsed if isinstance(parsed, dict) else {}


def _is_time_out(error: BaseException) -> bool:
    return any(isinstance(link, TimeoutError) for link in (error, error.__cause__, *error.args))


def _is_nonsense(error: BaseException) -> bool:
    """Return whether it is broken HTTP, and not a connection that merely ended."""
    return any(
        isinstance(link, http.client.HTTPException)
        and not isinstance(link, http.client.RemoteDisconnected | http.client.IncompleteRead)
        for link in (error, *error.args)
    )
