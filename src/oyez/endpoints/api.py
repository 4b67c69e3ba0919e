"""The plain HTTP door for back ends: publish, and the newest id.

Knows requests and the hub. Must not know listeners.
"""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oyez import auth
from oyez.address import Network, find_peer
from oyez.auth import PostPolicy, Verdict
from oyez.errors import BrokerError, ProtocolError
from oyez.hub.hub import Hub
from oyez.hub.publication import Channel, EventId, Post
from oyez.limits import FailedAttempts, Notes
from oyez.net.body import TooLarge, read_body
from oyez.wire import commands, json_text

# Room for the JSON around a message that is as long as a message may be.
_ENVELOPE_BYTES = 4096

_REQUESTS_AT_FAULT = (400, 408, 413)


class ApiEndpoint:
    """``POST /api/publish`` and ``GET /api/last``, for whoever shows the key."""

    def __init__(
        self,
        hub: Hub,
        policy: PostPolicy,
        failures: FailedAttempts,
        notes: Notes,
        *,
        trusted_proxies: tuple[Network, ...],
        max_message_bytes: int,
        max_channel_length: int,
        body_timeout_s: float,
    ) -> None:
        self._hub = hub
        self._policy = policy
        self._failures = failures
        self._note = notes
        self._trusted = trusted_proxies
        self._max_message_bytes = max_message_bytes
        self._max_body_bytes = max_message_bytes + _ENVELOPE_BYTES
        self._max_channel_length = max_channel_length
        self._body_timeout_s = body_timeout_s
        self.posts = 0

    def routes(self) -> list[Route]:
        """Give the paths."""
        return [
            Route("/api/publish", self._publish, methods=["POST"]),
            Route("/api/last", self._last, methods=["GET"]),
        ]

    async def _publish(self, request: Request) -> Response:
        response = await self._try_publish(request)
        if response.status_code in _REQUESTS_AT_FAULT:
            self._note("bad-request", f"POST /api/publish was answered {response.status_code}")
        return response

    async def _try_publish(self, request: Request) -> Response:
        refusal = self._authorize(request)
        if refusal is not None:
            return refusal
        try:
            body = await read_body(request, self._body_timeout_s, lambda: self._max_body_bytes)
            command = commands.parse_post(msgspec.Raw(_checked(body)))
        except TooLarge:
            return _error(413, "too-large", f"A request may have {self._max_body_bytes} bytes at most")
        except TimeoutError:
            return _error(408, "timeout", "The request's body did not come in time")
        except ProtocolError as error:
            return _error(400, "bad-json", str(error))
        if command is None or not commands.is_channel(command.channel, self._max_channel_length):
            wanted = f"'channel' must be a string of 1 to {self._max_channel_length} characters"
            return _error(400, "invalid-channel", wanted)
        if command.message is not None and len(command.message) > self._max_message_bytes:
            return _error(413, "too-large", f"A message may have {self._max_message_bytes} bytes at most")
        outcome = await self._settled(Post(Channel(command.channel), command.message))
        if isinstance(outcome, BrokerError):
            return _error(503, "unavailable", str(outcome), {"Retry-After": "1"})
        self.posts += 1
        return _answer({"id": outcome[0]})

    async def _settled(self, post: Post) -> list[EventId] | BrokerError:
        settled: asyncio.Future[list[EventId] | BrokerError] = asyncio.get_running_loop().create_future()

        def settle(outcome: list[EventId] | BrokerError) -> None:
            if not settled.done():  # the request may have been given up
                settled.set_result(outcome)

        self._hub.publish((post,), settle)
        return await settled

    async def _last(self, request: Request) -> Response:
        refusal = self._authorize(request)
        return refusal if refusal is not None else _answer({"id": self._hub.last_id()})

    def _authorize(self, request: Request) -> Response | None:
        # HTTP gives bytes; Starlette reads them as Latin-1, posters write keys in UTF-8.
        header = request.headers.get("Authorization", "").encode("latin-1").decode("utf-8", "replace")
        scheme, _, token = header.partition(" ")
        forwarded = request.headers.getlist("X-Forwarded-For")
        client = request.client.host if request.client is not None else ""
        peer = find_peer(client, ",".join(forwarded) if forwarded else None, self._trusted)
        verdict = auth.judge_poster(self._policy, token.strip() if scheme.lower() == "bearer" else None, peer)
        if verdict is Verdict.ALLOWED:
            return None
        self._note("auth-failed", f"a poster from {peer.address or 'a Unix socket'}: {verdict.value}")
        if self._failures.add(peer.address):
            return _error(429, "too-many-failures", "Too many requests with a wrong key", {"Retry-After": "60"})
        return _error(401, "unauthorized", "The key is missing or wrong", {"WWW-Authenticate": "Bearer"})


def _checked(body: bytes) -> bytes:
    """Require valid JSON in UTF-8; an object, so that what is wrong with it can be named."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("the body is not UTF-8") from error
    json_text.split_object(body)
    return body


def _answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return _answer({"code": code, "message": message}, status, headers)
