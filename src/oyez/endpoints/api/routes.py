"""The plain HTTP door for back ends: which request gets which answer, and who may ask.

Knows paths, methods, and the one form of all refusals. Must not know how bodies and parameters are written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from oyez.access.keys import KeyHolder
from oyez.access.peer import Peer
from oyez.access.poster_check import PosterCheck
from oyez.endpoints.api import document
from oyez.endpoints.api.addresses import make_row, select_top
from oyez.endpoints.api.authorization import Authorization
from oyez.endpoints.api.direct import DirectPublish
from oyez.endpoints.api.idempotency import Content, KnownKeys, content_of_body
from oyez.endpoints.api.listing import select_page
from oyez.endpoints.api.publish import Publisher, explain_outage
from oyez.endpoints.api.slices import Slices
from oyez.endpoints.context import DoorContext, NoRoomError
from oyez.errors import BrokerError, ConfigError
from oyez.hub.publication import Channel, EventId
from oyez.net.http.body import TooLarge, read_body
from oyez.net.http.direct import DirectDoor
from oyez.wire import api_answers, api_queries, api_requests, commands
from oyez.wire.api_answers import ApiError, ProxyRow
from oyez.wire.api_requests import Publish

PREFIX = "/api"

# A page of history ends early when its messages have so many bytes; one of them may have more.
_PAGE_BYTES = 2**20

# How much is done between two times that the others may go on: a few milliseconds.
_CHANNELS_PER_SLICE = 1000
_LONGEST_QUOTE = 100

# Codes of refusals that are no bad requests, or counted under another reason already.
_NOTED_ELSEWHERE = frozenset(
    ("unauthorized", "too-many-failures", "address-waits", "unavailable", "may-not-post", "bad-settings")
)

Answer = Callable[[Request, KeyHolder], Awaitable[bytes]]
ReadAgain = Callable[[], Awaitable[tuple[Sequence[str], Sequence[str]]]]


class _Resource(NamedTuple):
    """What there is at a path, for one method."""

    name: str
    """The path without what callers put into it."""
    method: str
    answer: Answer
    needs_key: bool = True

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are answered: for a GET, HEAD too."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


class ApiEndpoint:
    """All below ``/api``, for whoever shows the key.

    Args:
        context: what doors share.
        check: of the key.
        version: of the daemon.
        read_settings_again: reads them and lets them count; returns the names of those that are new and count now, and
            of those that need a restart. Raises ConfigError: one is wrong, and nothing is changed.
    """

    def __init__(self, context: DoorContext, check: PosterCheck, version: str, read_settings_again: ReadAgain) -> None:
        self._read_settings_again = read_settings_again
        self._hub = context.hub
        self._context = context
        self._note = context.note
        self._peers = context.peers
        self._places = context.places
        self._authorization = Authorization(check, context.peers, context.places)
        self._limits = context.limits
        self._nobody = check.keyless
        self._slices = Slices()
        self._version = version
        self._publisher = Publisher(context.hub, KnownKeys(), lambda: asyncio.get_running_loop().time())
        self._resources = {
            "/api/publish": _Resource("/api/publish", "POST", self._publish),
            "/api/grant": _Resource("/api/grant", "POST", self._grant),
            "/api/revoke": _Resource("/api/revoke", "POST", self._revoke),
            "/api/reload": _Resource("/api/reload", "POST", self._reload),
            "/api/last": _Resource("/api/last", "GET", self._last),
            "/api/channels": _Resource("/api/channels", "GET", self._channels),
            "/api/addresses": _Resource("/api/addresses", "GET", self._addresses),
            "/api/openapi.json": _Resource("/api/openapi.json", "GET", self._describe, needs_key=False),
        }
        self._below_channel = {
            "history": _Resource("/api/channels/{name}/history", "GET", self._history),
            "listeners": _Resource("/api/channels/{name}/listeners", "GET", self._listeners),
        }

    def routes(self, *, trusted: bool = False) -> list[BaseRoute]:
        """Return one route for all below the prefix.

        Args:
            trusted: whether only this machine reaches the address: then requests from it need no key.
        """
        return [_Below(self, trusted=trusted)]

    def direct_doors(self, *, trusted: bool = False) -> dict[tuple[bytes, bytes], DirectDoor]:
        """Return who answers plain requests directly; ``trusted`` as for `routes`."""
        door = DirectPublish(self._authorization, self._publisher, self._limits, trusted=trusted)
        return {(b"POST", b"/api/publish"): door}

    def shows_key(self, scope: Scope, peer: Peer, *, trusted: bool = False) -> bool:
        """Return whether a request shows a key that will be judged, or needs none where others do."""
        if not scope["path"].startswith(f"{PREFIX}/"):
            return False
        try:
            resource = self._find(api_queries.parse_path(scope["raw_path"]))
        except ApiError:
            return False
        if not resource.needs_key or scope["method"] not in resource.methods:
            return False
        return self._authorization.shows_key(Headers(scope=scope), peer, trusted=trusted)

    async def answer(self, request: Request, *, trusted: bool = False) -> Response:
        """Answer any request below the prefix; whatever is wrong with it becomes ``{"code":"…","message":"…"}``."""
        name = "an unknown path"
        try:
            path = api_queries.parse_path(request.scope["raw_path"])
            resource = self._find(path)
            name = resource.name
            if request.method not in resource.methods:
                allowed = ", ".join(resource.methods)
                raise ApiError(405, "method-not-allowed", f"{name} takes {allowed}", {"Allow": allowed})
            holder = self._nobody
            if resource.needs_key:
                holder, request = await self._authorization.authorize(request, trusted=trusted)
            return _json(await resource.answer(request, holder))
        except ApiError as error:
            if error.code not in _NOTED_ELSEWHERE:
                what = f"{request.method[:10]} {name} was answered {error.status} {error.code}"
                self._note("bad-request", what, partial(self._peers.of_scope, request.scope))
            return _json(error.encode(), error.status, error.headers)

    def _find(self, path: str) -> _Resource:
        resource = self._resources.get(path)
        if resource is not None:
            return resource
        if api_queries.find_channel(path) is not None:
            return self._below_channel[path.rpartition("/")[2]]
        raise ApiError(404, "not-found", "There is nothing at this path; /api/openapi.json describes what there is")

    # Answers

    async def _publish(self, request: Request, holder: KeyHolder) -> bytes:
        api_queries.parse_no_query(request.scope["query_string"])
        key = _header_key(request)
        body = await self._read(request)
        wanted = await self._slices.run(api_requests.parse_publish(body, self._limits))
        if holder.channels is not None:
            await self._check_channels(request, wanted, holder)
        header: tuple[bytes, Content] | None = None if key is None else (key, content_of_body(body))
        try:
            ids = await self._publisher.publish(wanted, header, holder)
        except BrokerError as error:
            raise explain_outage(error) from error
        return self._publisher.encode_answer(wanted, ids)

    async def _check_channels(self, request: Request, wanted: Publish, holder: KeyHolder) -> None:
        for place, post in enumerate(wanted.posts):
            if not holder.may_post(post.channel):
                who = partial(self._peers.of_scope, request.scope)
                self._note("may-not-post", f"{holder} is not for a channel of a request to publish", who)
                channel, where = ascii(post.channel[:_LONGEST_QUOTE]), wanted.where_posted(place)
                raise ApiError(403, "may-not-post", f"This key may not post to the channel {channel} of {where}")
            if place % _CHANNELS_PER_SLICE == _CHANNELS_PER_SLICE - 1:
                await asyncio.sleep(0)

    async def _grant(self, request: Request, holder: KeyHolder) -> bytes:
        api_queries.parse_no_query(request.scope["query_string"])
        channel, subject = api_requests.parse_grant(await self._read(request), self._limits)
        gate = self._context.gate
        if gate is None:
            raise ApiError(409, "no-rules", "No rule closes a channel, so a name with a grant would be another channel")
        if not holder.may_post(channel):
            raise ApiError(403, "may-not-post", "This key may not be used for this channel")
        try:
            made = gate.sign(channel, subject, holder.name)
        except ValueError as error:
            raise ApiError(400, "bad-request", f"'subject' is wrong: {error}") from error
        if made is None:
            raise ApiError(403, "may-not-post", "No key of the daemon may be used for this channel")
        return api_answers.encode_grant(*made)

    async def _revoke(self, request: Request, holder: KeyHolder) -> bytes:
        api_queries.parse_no_query(request.scope["query_string"])
        subject, channel = api_requests.parse_revoke(await self._read(request), self._limits)
        gate = self._context.gate
        if gate is None:
            raise ApiError(409, "no-rules", "No rule closes a channel, so nobody listens by a grant")
        if holder.channels is not None and (channel is None or not holder.may_post(gate.measure(channel))):
            raise ApiError(
                403, "may-not-post", "This key may revoke grants for its own channels only; name one of them"
            )
        try:
            return api_answers.encode_revoked(await gate.revoke(subject, channel))
        except ValueError as error:
            raise ApiError(400, "bad-request", f"Nothing is revoked: {error}") from error
        except NoRoomError as error:
            words = "As many revocations are remembered as may be; revoke for a channel, or try again later"
            raise ApiError(503, "too-many-revocations", words, {"Retry-After": "60"}) from error
        except BrokerError as error:
            raise explain_outage(error) from error

    @property
    def _max_body_bytes(self) -> int:
        limits = self._limits
        return max(limits.max_batch_bytes, limits.max_sender_message_bytes + commands.ENVELOPE_BYTES)

    async def _read(self, request: Request) -> bytes | bytearray:
        try:
            return await read_body(request, self._limits.body_timeout_s, lambda: self._max_body_bytes)
        except TooLarge as error:
            raise ApiError(413, "too-large", f"A body may have {self._max_body_bytes} bytes at most") from error
        except TimeoutError as error:
            raise ApiError(408, "timeout", "The body did not come in time") from error

    async def _reload(self, request: Request, holder: KeyHolder) -> bytes:
        api_queries.parse_no_query(request.scope["query_string"])
        await self._read(request)
        if holder.channels is not None:
            raise ApiError(403, "may-not-reload", "This key is for some channels only; the settings are those of all")
        try:
            return api_answers.encode_reloaded(*await self._read_settings_again())
        except ConfigError as error:
            raise ApiError(422, "bad-settings", f"Nothing is changed: {error}") from error

    async def _last(self, request: Request, _: KeyHolder) -> bytes:
        api_queries.parse_no_query(request.scope["query_string"])
        return api_answers.encode_id(self._hub.last_id())

    async def _channels(self, request: Request, holder: KeyHolder) -> bytes:
        query = api_queries.parse_channels_query(request.scope["query_string"])
        may_see = None if holder.channels is None else holder.channels.allows
        found = await self._slices.run(
            select_page(self._hub.channels(), query.prefix, query.after, query.limit + 1, may_see)
        )
        page = found[: query.limit]
        rows = [(name, self._hub.listeners(name), self._hub.newest_id(name)) for name in page]
        return api_answers.encode_channels(rows, page[-1] if len(found) > len(page) else None)

    async def _history(self, request: Request, holder: KeyHolder) -> bytes:
        channel = self._find_readable(request, holder)
        query = api_queries.parse_history_query(request.scope["query_string"])
        since = None if query.since is None else EventId(query.since)
        publications, gap = self._hub.recent(channel, since)
        page: list[bytes] = []
        size = 0
        for publication in publications[: query.limit]:
            page.append(commands.encode_event(publication.id, publication.channel, publication.message))
            size += len(page[-1])
            if size >= _PAGE_BYTES:
                break
        following = publications[len(page) - 1].id if len(page) < len(publications) else None
        return api_answers.encode_history(page, gap, following)

    async def _listeners(self, request: Request, holder: KeyHolder) -> bytes:
        channel, gate = self._find_readable(request, holder), self._context.gate
        query = api_queries.parse_listeners_query(request.scope["query_string"])
        found: list[str] = []
        if gate is not None:
            in_channel = partial(gate.has, channel=channel)
            found = await self._slices.run(select_page(gate.subjects(), "", query.after, query.limit + 1, in_channel))
        page = found[: query.limit]
        return api_answers.encode_listeners(
            self._hub.listeners(channel), page, page[-1] if len(found) > len(page) else None
        )

    def _find_readable(self, request: Request, holder: KeyHolder) -> Channel:
        """Return the channel that a path names. Raises ApiError: it names none, or one that the key is not for."""
        name = api_queries.find_channel(api_queries.parse_path(request.scope["raw_path"])) or ""
        api_queries.check_channel(name, self._limits.max_channel_length)
        if not holder.may_post(name):
            raise ApiError(403, "may-not-read", "This key may not read this channel, since it may not post to it")
        return Channel(name)

    async def _addresses(self, request: Request, holder: KeyHolder) -> bytes:
        query = api_queries.parse_addresses_query(request.scope["query_string"])
        if holder.channels is not None:
            raise ApiError(403, "may-not-read", "This key is for some channels only; visitors are no business of its")
        places = self._places
        top = await self._slices.run(select_top(places.shares.all(), query.sort, query.limit))
        proxies = [ProxyRow(one.address, one.trusted, one.requests) for one in places.hiding_proxies.all()]
        return api_answers.encode_addresses(map(make_row, top), places.enforcement.observed, proxies)

    async def _describe(self, request: Request, _: KeyHolder) -> bytes:
        api_queries.parse_no_query(request.scope["query_string"])
        return document.load(self._limits, self._version)


class _Below(BaseRoute):
    """Every path below the prefix, whatever is in it: the patterns of a Route end at a line break."""

    def __init__(self, endpoint: ApiEndpoint, *, trusted: bool) -> None:
        self._endpoint = endpoint
        self._trusted = trusted

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether a request is one for the API (Starlette's protocol of routes)."""
        path = scope.get("path", "")
        ours = scope["type"] == "http" and (path == PREFIX or path.startswith(PREFIX + "/"))
        return (Match.FULL if ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the endpoint answer a request that `matches`."""
        response = await self._endpoint.answer(Request(scope, receive), trusted=self._trusted)
        await response(scope, receive, send)


def _header_key(request: Request) -> bytes | None:
    lines = request.headers.getlist("Idempotency-Key")
    if not lines:
        return None
    if len(lines) > 1:
        raise ApiError(400, "invalid-idempotency-key", "Idempotency-Key is given twice")
    key = lines[0].encode("latin-1")
    api_requests.check_header_key(key)
    return key


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, {"Cache-Control": "no-store", **(headers or {})}, media_type="application/json")
