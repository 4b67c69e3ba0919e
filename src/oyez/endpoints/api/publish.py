"""Publishing for the HTTP API: all of a request or nothing, and nothing twice.

Knows the hub and the keys of requests. Must not know HTTP.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from oyez.access.keys import KeyHolder
from oyez.endpoints.api.idempotency import Attempt, Content, Key, KeyReused, KnownKeys, content_of
from oyez.errors import BrokerError
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId, Post
from oyez.wire import api_answers
from oyez.wire.api_answers import ApiError
from oyez.wire.api_requests import Publish

SettleRequest = Callable[[list[EventId] | Exception], None]
"""Called once for each request that is acted on: with its ids in their order, with a BrokerError when nothing was
posted or the broker does not know, or with an error of ours."""


class Publisher:
    """Publishes what requests ask for.

    Args:
        hub: where posts go.
        known: the keys of earlier requests.
        clock: seconds on a steady scale.
    """

    def __init__(self, hub: Hub, known: KnownKeys, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._known = known
        self._clock = clock

    async def publish(self, request: Publish, header: tuple[bytes, Content] | None, holder: KeyHolder) -> list[EventId]:
        """Publish, or return what an earlier request with the same keys was answered.

        Args:
            request: what to publish.
            header: a key for the request as a whole, and what stands for its content.
            holder: for whom; its posts are counted.

        Returns:
            The ids, in the order of the request.

        Raises:
            ApiError: a key was used for something else, and nothing was posted.
            BrokerError: nothing was posted, or the broker does not know.
        """
        settled: asyncio.Future[list[EventId] | Exception] = asyncio.get_running_loop().create_future()

        def settle(outcome: list[EventId] | Exception) -> None:
            if not settled.done():  # the request may have been given up
                settled.set_result(outcome)

        while (under_way := self.begin(request, header, holder, settle)) is not None:
            await _end_of(under_way)
        result = await settled
        if isinstance(result, BrokerError):
            # Another one: a raised error knows this frame, and the frame knows what was settled. Such a ring, with the
            # posts in it, would stay until the collector comes, which is seldom.
            raise BrokerError(str(result), temporary=result.temporary)
        if isinstance(result, Exception):
            raise result
        return result

    def begin(
        self, request: Publish, header: tuple[bytes, Content] | None, holder: KeyHolder, settle: SettleRequest
    ) -> Attempt | None:
        """Publish; or do nothing, and return the attempt of whoever is acting on one of the keys.

        Args:
            request: what to publish.
            header: a key for the request as a whole, and what stands for its content.
            holder: for whom; its posts are counted.
            settle: called when it is known what came of it, before or after this returns.

        Raises:
            ApiError: a key was used for something else; nothing was posted, and nothing will be settled.
        """
        whole = _whole_keys(request, header)
        contents = whole | _single_keys(request)
        if not contents:
            self._post_unkeyed(request, holder, settle)
            return None
        try:
            found = self._find(contents)
        except KeyReused as error:
            where = request.place_of(error.key) if isinstance(error.key, str) else "Idempotency-Key"
            message = f"The key of {where} has been used for something else"
            raise ApiError(422, "key-reused", message) from error
        if isinstance(found, Attempt):
            return found
        known = next((found[key] for key in whole if key in found), None)
        if known is None:
            self._post(request, contents, found, holder, settle)
        else:
            settle(_in_places(request, known))
        return None

    def encode_answer(self, request: Publish, ids: Sequence[EventId]) -> bytes:
        """Return the answer to a request that was settled with ids: with how many listeners there are now."""
        count, posts = self._hub.listeners, request.posts
        if not request.many:
            return api_answers.encode_published(ids, (count(Channel(posts[0].channel)),), many=False)
        listeners = [count(Channel(posts[place].channel)) for place in request.places]
        return api_answers.encode_published(ids, listeners, many=True)

    def _find(self, contents: Mapping[Key, Content]) -> dict[Key, Sequence[EventId]] | Attempt:
        """Look all keys up, unless somebody is acting on one of them. There must be no wait until `KnownKeys.begin`.

        Raises:
            KeyReused: one of them was used for something else.
        """
        now = self._clock()
        found: dict[Key, Sequence[EventId]] = {}
        under_way: Attempt | None = None
        for key, content in contents.items():
            answer = self._known.find(key, content, now)
            if isinstance(answer, Attempt):
                under_way = answer
            elif answer is not None:
                found[key] = answer
        return under_way or found

    def _post_unkeyed(self, request: Publish, holder: KeyHolder, settle: SettleRequest) -> None:
        """Post all, with no key to look up or to remember: that saves a tenth of a post."""

        def finish(outcome: list[EventId] | BrokerError) -> None:
            result: list[EventId] | Exception = outcome
            try:
                if not isinstance(outcome, BrokerError):
                    holder.posts += len(outcome)
                    result = _in_places(request, outcome)
            except Exception as error:  # noqa: BLE001 - of ours, and raised by whoever waits
                result = error
            settle(result)

        posts = [Post(Channel(post.channel), post.message) for post in request.posts]
        if posts:
            self._hub.publish(posts, finish)
        else:
            finish([])

    def _post(
        self,
        request: Publish,
        contents: Mapping[Key, Content],
        found: Mapping[Key, Sequence[EventId]],
        holder: KeyHolder,
        settle: SettleRequest,
    ) -> None:
        """Post what is new, and settle with the ids of all."""
        attempt = self._known.begin({key: content for key, content in contents.items() if key not in found})
        is_settled = False

        def finish(outcome: list[EventId] | BrokerError) -> None:
            nonlocal is_settled
            is_settled = True
            answers: dict[Key, Sequence[EventId]] = {}
            result: list[EventId] | Exception = outcome
            try:
                if not isinstance(outcome, BrokerError):
                    holder.posts += len(outcome)
                    ids = _ids_of_all(request, found, outcome)
                    answers = _answers(attempt, request, ids)
                    result = _in_places(request, ids)
                self._known.finish(attempt, answers, self._clock())
            except Exception as error:  # noqa: BLE001 - of ours, and raised by whoever waits: not for ever
                self._known.give_up(attempt)
                result = error
            settle(result)

        posts = [Post(Channel(post.channel), post.message) for post in request.posts if post.key not in found]
        try:
            if posts:
                self._hub.publish(posts, finish)
            else:
                finish([])
        except BaseException:
            if not is_settled:  # an error of ours; whoever waits for these keys must not wait for ever
                self._known.give_up(attempt)
            raise


def explain_outage(error: BrokerError) -> ApiError:
    """Return what a poster is told while the broker takes nothing."""
    return ApiError(503, "unavailable", str(error), {"Retry-After": "1"})


def _whole_keys(request: Publish, header: tuple[bytes, Content] | None) -> dict[Key, Content]:
    """Return the keys that stand for the request as a whole."""
    keys: dict[Key, Content] = {}
    if header is not None:
        keys[header[0]] = header[1]
    if request.key is not None:
        message = request.posts[0].message if request.posts else None
        keys[request.key] = content_of(tuple([post.channel for post in request.posts]), message)
    return keys


def _single_keys(request: Publish) -> dict[Key, Content]:
    """Return the keys that stand for one of the events each."""
    return {post.key: content_of((post.channel,), post.message) for post in request.posts if post.key is not None}


def _ids_of_all(request: Publish, found: Mapping[Key, Sequence[EventId]], new: Sequence[EventId]) -> Sequence[EventId]:
    """Return all ids in the order of the request: those of now between those of what was posted before."""
    if len(new) == len(request.posts):
        return new
    rest = iter(new)
    return [found[post.key][0] if post.key is not None and post.key in found else next(rest) for post in request.posts]


def _in_places(request: Publish, ids: Sequence[EventId]) -> list[EventId]:
    """Return the ids in the order of the answer."""
    return list(ids) if isinstance(request.places, range) else [ids[place] for place in request.places]


def _answers(attempt: Attempt, request: Publish, ids: Sequence[EventId]) -> dict[Key, Sequence[EventId]]:
    """Return what is to be remembered for each key of an attempt."""
    answers: dict[Key, Sequence[EventId]] = {
        post.key: (event_id,) for post, event_id in zip(request.posts, ids, strict=True) if post.key is not None
    }
    return {key: answers.get(key, ids) for key in attempt.contents}


async def _end_of(attempt: Attempt) -> None:
    over = asyncio.Event()
    attempt.when_over(over.set)
    await over.wait()
