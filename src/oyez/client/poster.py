"""A blocking poster for back ends: `Poster(url, key).post(channel, message)` returns the id of the event.

It must not know the server's side; it speaks plain HTTP, so that a web worker loads nothing more for it.
"""

import math
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from oyez.client.api import Api, ApiRequest
from oyez.client.errors import BadAnswer, PosterError, TimedOut
from oyez.client.events import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    NO_MESSAGE,
    Batch,
    Postable,
    PostedId,
    check_channel,
    encode_post,
    gather,
    new_key,
)
from oyez.client.private_names import encode_revoke

CALL_TIMEOUT_S = 2.0
REVOKE_TIMEOUT_S = 5.0  # a second of it goes by in any case
BATCH_TIMEOUT_S = 10.0

_PUBLISH = "/api/publish"
_REVOKE = "/api/revoke"
_LAST = ApiRequest("GET", "/api/last")
_ANSWER_BYTES = 65_536
_ID_BYTES = 32  # more than an id, a number of listeners, and the commas behind them ever take

Progress = Callable[[int], object]


class Poster:
    """Posts events to a daemon. Threads may share it, and so may processes forked after it was made.

    A call ends within `timeout_s` of its start: connecting (`CONNECT_TIMEOUT_S` an attempt, with the look-up of the
    host's name), sending and receiving all draw on that account, however slowly the bytes trickle.

    A call is tried a second time, once and at once, when no connection could be made, or when it broke before the
    answer. No event comes twice for it: each post has a key, and for five minutes the daemon answers a key that it has
    seen with the first answer, and posts nothing. (A restart of the daemon forgets the keys. An event that was taken
    just before one, and whose answer was lost, comes twice when it is repeated after it.)

    An error is `uncertain` when the event may have been taken even so: the time ran out, or the second try broke too.
    Whoever gave the key (a text of up to 200 characters that belongs to this post alone, a UUID for example) may repeat
    the call then. The same key with another content is Refused, code ``key-reused``.

    The path of the URL is put before the paths of the API, for a daemon behind a proxy.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._api = Api(url, key)
        self._timeout_s = timeout_s

    def post(
        self, channel: str, message: object = NO_MESSAGE, *, key: str = "", timeout_s: float | None = None
    ) -> PostedId:
        """Post any JSON value to a channel and return the id of the event.

        Raises TypeError or ValueError when the message is not JSON or the channel no text that UTF-8 can write,
        PosterError when it could not be posted.
        """
        began = time.monotonic()
        body = encode_post({"channel": check_channel(channel)}, message, key or new_key())
        answer = self._call(ApiRequest("POST", _PUBLISH, body), began, timeout_s)
        return PostedId(_read_id(answer), _read_number(answer.get("listeners")))

    def publish(
        self, channels: Iterable[str], message: object = NO_MESSAGE, *, key: str = "", timeout_s: float | None = None
    ) -> list[PostedId]:
        """Post the same message to several channels, to all or to none; return the ids in the order of the channels.

        Raises as `post` does.
        """
        began = time.monotonic()
        names = _listed(channels)
        body = encode_post({"channels": names}, message, key or new_key())
        request = ApiRequest("POST", _PUBLISH, body, max_answer_bytes=_ANSWER_BYTES + _ID_BYTES * len(names))
        return _read_ids(self._call(request, began, timeout_s), len(names))

    def post_many(
        self,
        events: Iterable[Postable],
        *,
        key: str = "",
        on_progress: Progress | None = None,
        timeout_s: float | None = None,
        total_s: float = math.inf,
        batch_events: int = MAX_BATCH_EVENTS,
    ) -> list[PostedId]:
        """Post many events in few requests, and return their ids in the same order.

        Args:
            events: `Post(channel, message, key)`, or tuples `(channel, message)` or `(channel, message, key)`. They are
                asked for as they are needed: at most one request's are held.
            key: lets you repeat the whole call: the same events in the same order, within five minutes. Not needed
                where each event has a key of its own.
            on_progress: called after each request with the number of events taken so far.
            timeout_s: for each request; by default 10 s, or the poster's own time if that is longer.
            total_s: for all requests together.
            batch_events: at most so many events a request, and 8 MiB.

        All or nothing holds for each request, not for the call. An error says in its `ids` which events were taken
        before; of the request that failed none was, unless the error is `uncertain`: then it is all or none.

        Raises PosterError; BadEvent, a kind of it, for an event that is not JSON; ValueError for a key with line
        breaks; and whatever `events` raises, after the requests that were reported to `on_progress`.
        """
        if not key.isprintable():  # it goes into a header
            raise ValueError("the key must be printable characters in one line")
        key = key or new_key()
        ids: list[PostedId] = []
        deadline = time.monotonic() + total_s
        limit_s = max(self._timeout_s, BATCH_TIMEOUT_S) if timeout_s is None else timeout_s
        try:
            for number, batch in enumerate(gather(events, batch_events, MAX_BATCH_BYTES)):
                request = _batch_request(batch, f"{key}/{number}")
                ids += _read_ids(self._call_until(deadline, request, limit_s), batch.count)
                if on_progress is not None:
                    on_progress(len(ids))
        except PosterError as error:
            error.ids = tuple(ids)
            raise
        return ids

    def last(self, *, timeout_s: float | None = None) -> int:
        """Return the newest id that the daemon has given. Raises PosterError."""
        return _read_id(self._call(_LAST, time.monotonic(), timeout_s), posting=False)

    def revoke(self, *, subject: object = None, channel: str | None = None, timeout_s: float | None = None) -> int:
        """End the grants that were made until now, before their time; return how many channels listeners lose by it.

        It takes up to a second; a grant that is made after it is good. To repeat it does no harm.

        Args:
            subject: for whom they were made, such as the number of a user; None: for anybody.
            channel: what they are for; None: for any.
            timeout_s: by default 5 s, or the poster's own time if that is longer.

        Raises ValueError when neither is named, PosterError.
        """
        began = time.monotonic()
        body = encode_revoke(subject, channel)
        limit_s = max(self._timeout_s, REVOKE_TIMEOUT_S) if timeout_s is None else timeout_s
        answer = self._api.call(ApiRequest("POST", _REVOKE, body), began, limit_s)
        ended = answer.get("ended")
        if type(ended) is not int:
            raise BadAnswer(f"the answer does not say how many ended: {str(answer)[:80]}", uncertain=True)
        return ended

    def close(self) -> None:
        """Close the idle connections. A later call opens new ones."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call_until(self, deadline: float, request: ApiRequest, limit_s: float) -> dict[str, object]:
        now = time.monotonic()
        if now >= deadline:
            raise TimedOut("the time for all requests together is used up")
        return self._call(request, now, min(limit_s, deadline - now))

    def _call(self, request: ApiRequest, began: float, timeout_s: float | None) -> dict[str, object]:
        return self._api.call(request, began, self._timeout_s if timeout_s is None else timeout_s)


def _listed(channels: Iterable[str]) -> list[str]:
    if isinstance(channels, str):  # its letters would be taken for channels
        raise TypeError("channels must be several texts; for one there is post")
    return [check_channel(name) for name in channels]


def _batch_request(batch: Batch, key: str) -> ApiRequest:
    return ApiRequest(
        "POST",
        _PUBLISH,
        batch.body,
        {"Idempotency-Key": key.encode().decode("latin-1")},  # as with the poster's key
        max_answer_bytes=_ANSWER_BYTES + _ID_BYTES * batch.count,
    )


def _read_id(answer: dict[str, object], *, posting: bool = True) -> int:
    (event_id,) = _checked([answer.get("id")], 1, answer, posting=posting)
    return event_id


def _read_ids(answer: dict[str, object], count: int) -> list[PostedId]:
    ids, listeners = _checked(answer.get("ids"), count, answer, posting=True), answer.get("listeners")
    if not isinstance(listeners, list) or len(listeners) != count:
        return [PostedId(event_id) for event_id in ids]
    return [PostedId(event_id, _read_number(number)) for event_id, number in zip(ids, listeners, strict=True)]


def _read_number(listeners: object) -> int | None:
    return listeners if type(listeners) is int else None


def _checked(ids: object, count: int, answer: dict[str, object], *, posting: bool) -> list[int]:
    if isinstance(ids, list) and len(ids) == count and all(type(each) is int and each >= 0 for each in ids):
        return ids
    raise BadAnswer(f"the answer does not hold {count} ids: {str(answer)[:80]}", uncertain=posting)
