"""Plain requests to publish, answered without a task.

Knows what is plain. Must not know the rules: those of keys, bodies and posts stand elsewhere, and whoever breaks one is
left to `routes`, which tells what is wrong.
"""

import logging
from functools import partial

from oyez.endpoints.api.authorization import Authorization, Caller
from oyez.endpoints.api.idempotency import content_of_body
from oyez.endpoints.api.publish import Publisher, explain_outage
from oyez.errors import BrokerError
from oyez.hub.publication import EventId
from oyez.limits import LimitSettings
from oyez.net.http.direct import INTERNAL_ERROR, SHORT_PATIENCE_S, AnswerBody, DirectRequest, Respond
from oyez.wire import api_requests
from oyez.wire.api_answers import ApiError
from oyez.wire.api_requests import Publish
from oyez.wire.json_text import run_through

logger = logging.getLogger(__name__)

# What is read and posted in one go: a millisecond at most. More is done in slices, with rests for others.
_MAX_BYTES = 32 * 1024
_MAX_POSTS = 200

_JSON_LINES = b"cache-control: no-store\r\ncontent-type: application/json\r\n"


class DirectPublish:
    """Answers a short request to publish of whoever shows the right key and has to wait for nothing.

    Args:
        authorization: finds out who asks.
        publisher: publishes.
        limits: how much one request may ask for.
        trusted: whether only this machine reaches the address: then requests from it need no key.
    """

    max_bytes = _MAX_BYTES
    patience_s = SHORT_PATIENCE_S

    def __init__(
        self, authorization: Authorization, publisher: Publisher, limits: LimitSettings, *, trusted: bool
    ) -> None:
        self._authorization = authorization
        self._publisher = publisher
        self._limits = limits
        self._trusted = trusted

    def judge(self, request: DirectRequest) -> AnswerBody | None:
        """Return what answers a request of whoever is known by its head; None: it has to be judged."""
        caller = self._authorization.recognize(request, trusted=self._trusted)
        key = request.fields.get(b"idempotency-key")
        if caller is None or not (key is None or api_requests.is_key(key)):
            return None
        return partial(self._answer, caller, key, request.wants_gzip)

    def _answer(
        self,
        caller: Caller,
        key: bytes | None,
        wants_gzip: bool,
        body: bytes,
        respond: Respond,
    ) -> bool:
        if not caller.is_let_in():
            return False
        holder = caller.holder
        try:
            wanted = run_through(api_requests.parse_publish(body, self._limits))
            if len(wanted.posts) > _MAX_POSTS or (wanted.many and wants_gzip):
                return False
            if holder.channels is not None and not all(holder.may_post(post.channel) for post in wanted.posts):
                return False
            header = None if key is None else (key, content_of_body(body))
            return self._publisher.begin(wanted, header, holder, partial(self._settle, wanted, respond)) is None
        except ApiError:
            return False

    def _settle(self, wanted: Publish, respond: Respond, outcome: list[EventId] | Exception) -> None:
        """Write the answer."""
        if isinstance(outcome, list):
            respond(200, _JSON_LINES, self._publisher.encode_answer(wanted, outcome))
        elif isinstance(outcome, BrokerError):
            error = explain_outage(outcome)
            lines = "".join([f"{name.lower()}: {value}\r\n" for name, value in error.headers.items()])
            respond(error.status, _JSON_LINES + lines.encode(), error.encode())
        else:
            words = "a request to publish was answered with the status 500 after an error of ours"
            logger.error(words, exc_info=outcome)
            respond(*INTERNAL_ERROR)
