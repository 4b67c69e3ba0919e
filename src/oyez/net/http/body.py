"""The body of an HTTP request, held to a length and a time.

Knows bytes and limits. Must not know what a body means.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request

# A body over its limit is read on for a while and thrown away: a client that is cut off while it still sends would
# never see the answer (RFC 9112 §9.6: the system resets the connection, and drops what was not read yet).
_DISCARDED_BYTES = 8 * 1024 * 1024


BODY_TIME_S = "oyez.body_time_s"
"""In a request's scope: how long its body may still take, if it has taken some of its time already."""


async def until_disconnected(request: Request) -> None:
    """Wait until the client has gone away; what is left of the body is thrown away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def wait_for_answer(request: Request, answer: asyncio.Future[Any]) -> bool:
    """Wait until there is an answer; False: the client went away before."""
    if not answer.done():
        watch = asyncio.ensure_future(until_disconnected(request))
        try:
            await asyncio.wait((answer, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
    return answer.done()


class TooLarge(Exception):  # noqa: N818 - an answer to give, not a failure of ours
    """The body is longer than its sender may send."""


async def read_body(request: Request, timeout_s: float, limit: Callable[[], int]) -> bytes | bytearray:
    """Read a whole body.

    Args:
        request: whose body it is.
        timeout_s: for all of it, however many bytes trickle in.
        limit: the longest body allowed, in bytes; asked for anew with each piece.

    Raises:
        TooLarge: it is longer; it has been read nevertheless, up to a bound.
        TimeoutError: it did not come in time, or its sender went away.
    """
    body = bytearray()  # joined as it comes: a list of pieces of a byte would cost forty times their bytes
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                size += len(part)
                if size <= limit():
                    body += part
                elif size > limit() + _DISCARDED_BYTES:
                    break
                else:
                    body.clear()
    except ClientDisconnect as error:
        raise TimeoutError("the client went away") from error
    if size > limit():
        raise TooLarge
    return body  # as it is: a copy of 16 MiB would hold everybody up for 2 to 9 ms
