"""The doors for browsers at a public address: does an event come through that is posted while a browser listens?

Knows each door's conversation, HTTP statuses, and what proxies mean by them. Must not know the order of the steps.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from urllib.parse import urljoin

from oyez.cli.doctor.findings import Outcome, Reach, failure, found
from oyez.cli.doctor.posting import PostSide
from oyez.client.failures import read_object
from oyez.errors import ConfigError, OyezError
from oyez.probe.answer import Answer
from oyez.probe.exchange import ask, asked
from oyez.probe.failures import Kind, NotConnected, NotOpened, Rejected, Trouble
from oyez.probe.http_doors import read_records, stream_asked
from oyez.probe.place import Place, parse_place
from oyez.probe.raw import RawSession
from oyez.probe.socketio import PATH, Dial, Polling, by_polling, by_websocket
from oyez.probe.websocket import opened

_PROMPT_S = 1.0  # how long an event may take from the post to the browser
_STREAM_S = 4.0
_STREAM_PATHS = ("/socket.io/sse", "/sse")  # where `event.js` goes, and where a page without it may go

_NOT_ALLOWED = "not-allowed"  # the daemon's word for a channel that a rule closes

_CLOSED = Outcome("the address above does not work", skipped=True)
_NOTHING_POSTED = Outcome("nothing could be posted", skipped=True)

Follow = Callable[[], Iterator[Mapping[str, object]]]
"""Subscribes the doctor's channel, from behind its newest event; returns what comes then, events among it."""


class _Ended(OyezError):  # noqa: N818 - what happened
    """A step is over, in the middle of a conversation."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.note)
        self.outcome = outcome


class PublicDoor:
    """One way in for browsers: the setting that names it, its address, and the `path` that a proxy has to pass.

    Without a path of its own, a door is that of Socket.IO or beside it: these take no notice of the address' path.
    """

    def __init__(self, post: PostSide, name: str, place: Place, path: str = "") -> None:
        self.post = post
        self.name = name
        self.place = place if path else place.without_path()
        self.path = path or PATH
        self.upstream = f"the daemon, which is the same as in {post.name}"
        self._is_closed = False  # as a first request has shown

    @property
    def url(self) -> str:
        """The address with the path, as people read it."""
        return self.place.url(self.path)

    # Listening

    def follow_event(
        self, listening: AbstractContextManager[Follow], how: str, refused: Callable[[Answer], Outcome], opens: str = ""
    ) -> Outcome:
        """Post an event while somebody listens.

        Args:
            listening: opens the door.
            how: the event comes, in words.
            refused: explains an answer of whoever does not open.
            opens: what is known if nothing can be posted; empty if then nothing is tried.
        """
        if self._is_closed:
            return _CLOSED
        if not self.post.may_post and not opens:
            return _NOTHING_POSTED
        event_id = 0
        try:
            with listening as follow:
                if not self.post.may_post:
                    return Outcome(opens)
                coming = follow()
                event_id = self._post()
                began = time.monotonic()
                if any(self._is_event(event, event_id) for event in coming):
                    return self.prompt(how, time.monotonic() - began)
                return self.missed(event_id)
        except NotOpened as error:
            return refused(error.answer)
        except Trouble as trouble:
            return self.silence(trouble, event_id, how) if trouble.kind is Kind.SILENT else self.failed(trouble)
        except OyezError as error:
            return self.failed(error)

    def _is_event(self, frame: Mapping[str, object], event_id: int) -> bool:
        if frame.get("code") == _NOT_ALLOWED:
            raise _Ended(self.closed())
        return str(frame.get("id")) == str(event_id)

    def _post(self) -> int:
        try:
            return self.post.post()
        except OyezError as error:
            raise _Ended(Outcome(f"the post failed this time: {error}", skipped=True)) from error

    def silence(self, trouble: Trouble, event_id: int, how: str) -> Outcome:
        """Report that time ran out: for the event, or before there was one (0)."""
        if not event_id:
            return self.failed(trouble)
        return self.found("event-lost", f"event {event_id} did not come {how}")

    def missed(self, event_id: int) -> Outcome:
        """Report that something else came, and nothing more will."""
        return self.found("event-lost", f"a poll at {self.url} got another event than {event_id}")

    # Outcomes

    def found(self, code: str, seen: str, *, setting: str = "", **words: object) -> Outcome:
        """Report what is wrong; with a setting other than the one that names the door, that one is to blame."""
        dialect = self.post.site.dialect
        known = {
            "example": dialect.public_example,
            "path": self.path,
            "post_setting": self.post.name,
            "post_key": dialect.key,
            "upstream": self.upstream,
        }
        return failure(found(code, setting or self.name, seen, **known | words))

    def prompt(self, how: str, seconds: float) -> Outcome:
        """Report an event that came, and was perhaps late."""
        reach = Reach.MACHINE if self.place.is_local else Reach.PUBLIC
        if seconds > _PROMPT_S:
            return replace(self.found("event-late", f"an event {how} came after {seconds:.1f} s"), reach=reach)
        when = f"after {seconds * 1000:.0f} ms" if seconds >= 0.001 else "at once"
        return Outcome(f"an event came {when}", reach=reach)

    def failed(self, error: OyezError) -> Outcome:
        """Report what a step was ended by."""
        match error:
            case _Ended():
                return error.outcome
            case Trouble():
                return self.found(f"public-{error.kind}", str(error))
            case NotOpened():
                return self.explain(error.answer)
            case NotConnected() | Rejected():
                return self.found("listener-refused", f"{self.url}: {error}")
        return Outcome(str(error), skipped=True)

    def full(self, seen: str) -> Outcome:
        """Report that there is no room."""
        return self.found(
            "at-capacity", f"{seen}: the daemon has no room for one more", setting="limits.max_connections"
        )

    def closed(self) -> Outcome:
        """Report that a rule of the daemon's settings lets nobody follow the doctor's channel."""
        return self.found(
            "channel-closed", f"{self.url}: the daemon lets nobody follow {self.post.channel}", setting="channels"
        )

    def not_upgraded(self, answer: Answer, before: str = "") -> Outcome:
        """Report an answer to a WebSocket's handshake."""
        is_door = answer.status in {400, 404, 426} and not answer.is_page  # something of the daemon's is there
        if is_door and (before or answer.code != "not-found"):
            return self.found(
                "upgrade-lost", f"{before}the daemon is not asked for a WebSocket: {self.url} answers {answer}"
            )
        return self.explain(answer)

    def explain(self, answer: Answer) -> Outcome:
        """Report an answer that is not the one of the daemon at this door."""
        seen = f"{self.url} answers {answer}"
        if 300 <= answer.status < 400 and "location" in answer.headers:
            return self._explain_redirect(answer, seen)
        if answer.status in {502, 504}:
            return self.found("proxy-bad-gateway", f"{seen}: a proxy is there, but no daemon behind it")
        if answer.status == 404 and answer.is_page:
            return self.found("proxy-no-location", f"{seen}, with a page that is not the daemon's")
        if answer.status == 404:
            return self.found("path-stripped", f"{seen}, which the daemon says of paths that it does not know")
        if answer.status == 503 and answer.code == "server-capacity":
            return self.full(seen)
        if answer.status == 403 and answer.code == _NOT_ALLOWED:
            return self.closed()
        if answer.status == 200:
            return self.found("public-not-daemon", f"{seen}, but not as the daemon does")
        return self.found("public-http-status", seen)

    def _explain_redirect(self, answer: Answer, seen: str) -> Outcome:
        location = answer.headers["location"]
        seen = f"{seen} and sends us to {location.partition('?')[0]}"
        try:
            there = parse_place(urljoin(self.url, location))
        except (ConfigError, ValueError):
            return self.found("public-not-daemon", seen)
        if there.without_path() == self.place.without_path():
            return self.found("public-not-daemon", seen)  # to a form for a password, or the like
        example = there.url(self.place.path, scheme=self.post.site.dialect.scheme)
        return self.found("public-redirect", seen, example=example)


class SocketIODoor(PublicDoor):
    """The door of LQDOJ's pages."""

    def reach(self) -> Outcome:
        """Does the first request of a browser get its answer?"""
        try:
            Polling(self.place, limit_s=self.post.step_s)
        except OyezError as error:
            self._is_closed = True
            return self.failed(error)
        return Outcome(f"{self.url} answers")

    def deliver_by_websocket(self) -> Outcome:
        """Is the connection upgraded, and does an event come through?"""
        refused = partial(self.not_upgraded, before="polling works, but ")
        return self.follow_event(self._listening(by_websocket), "by WebSocket", refused, "it opens")

    def deliver_by_polling(self) -> Outcome:
        """Does an event come through to a browser that has no WebSocket?"""
        return self.follow_event(self._listening(by_polling), "by polling", self.explain)

    @contextmanager
    def _listening(self, dial: Dial) -> Iterator[Follow]:
        with dial(self.place, limit_s=self.post.step_s) as session:
            session.enter({"role": "client"})

            def follow() -> Iterator[Mapping[str, object]]:
                session.subscribe([self.post.channel], self.post.last_id)
                for _ in range(2):
                    while (event := session.event())[0] != "status":
                        if event[0] == "error" and event[1].get("code") == "server-capacity":
                            raise _Ended(self.full(self.url))
                        if event[0] == "error" and event[1].get("code") == _NOT_ALLOWED:
                            raise _Ended(self.closed())
                        if event[0] == "error":
                            raise NotConnected(str(event[1].get("message")))
                return (body for _, body in iter(session.event, None))

            yield follow


class RawDoor(PublicDoor):
    """The door of DMOJ's pages."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place, place.path or "/")
        self.upstream = "the daemon's main port (15100 if not set otherwise)"

    def deliver(self) -> Outcome:
        """Does a WebSocket open, and does an event come through?"""
        opens = f"{self.place.url(scheme='ws')} opens"
        return self.follow_event(self._listening(), "by WebSocket", self.not_upgraded, opens)

    @contextmanager
    def _listening(self) -> Iterator[Follow]:
        with opened(self.place, self.path, limit_s=self.post.step_s) as link:
            session = RawSession(link)

            def follow() -> Iterator[Mapping[str, object]]:
                session.subscribe([self.post.channel], self.post.last_id)
                return iter(session.receive, None)

            yield follow


class PollDoor(PublicDoor):
    """The door of DMOJ's pages when WebSockets fail."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place, f"{place.path.rstrip('/')}/")
        self.upstream = (
            "the daemon's port for long polls ([poll_listener], 15102 if not set otherwise) or of its main port"
        )

    def reach(self) -> Outcome:
        """Is the path passed on? Without a channel, the daemon calls the request a bad one."""
        try:
            answer = ask(self.place, self.path, limit_s=self.post.step_s)
            if answer.status != 400 or answer.is_page:
                raise NotOpened(answer)
        except OyezError as error:
            self._is_closed = True
            return self.failed(error)
        return Outcome(f"{self.url} answers")

    def deliver(self) -> Outcome:
        """Does a poll that waits get the event?"""
        return self.follow_event(self._listening(), "by long poll", self.explain)

    def silence(self, trouble: Trouble, event_id: int, how: str) -> Outcome:
        """Report a poll without an answer."""
        return self.found("event-lost", f"a poll of two channels at {self.url} got no event")

    @contextmanager
    def _listening(self) -> Iterator[Follow]:
        channel = self.post.channel  # browsers escape what separates channels
        target = f"{self.path}{channel}-2%7C{channel}?last={self.post.last_id}"
        with asked(self.place, target, limit_s=self.post.step_s) as poll:

            def answers() -> Iterator[Mapping[str, object]]:
                answer = poll.answer()
                if answer.status != 200 or not answer.members:
                    raise NotOpened(answer)
                yield answer.members

            yield answers


class StreamDoor(PublicDoor):
    """The door of pages that listen by EventSource."""

    def deliver(self) -> Outcome:
        """Is each event passed on at once?"""
        offered: list[Outcome] = []
        for self.path in _STREAM_PATHS:
            outcome = self.follow_event(self._listening(), "by event stream", self.explain, "it opens")
            if outcome.findings:
                return outcome
            offered += [] if outcome.skipped else [outcome]
        nowhere = f"not offered at {' nor '.join(map(self.place.url, _STREAM_PATHS))}"
        return offered[0] if offered else Outcome(nowhere, skipped=True)

    def silence(self, trouble: Trouble, event_id: int, how: str) -> Outcome:
        """Report a proxy that keeps to itself what the daemon writes."""
        return self.found("stream-buffered", f"{self.url} is passed on, but what the daemon writes does not come")

    def missed(self, event_id: int) -> Outcome:
        """Report a stream that ended before."""
        return self.found("stream-buffered", f"{self.url} opens, but what the daemon writes does not come")

    @contextmanager
    def _listening(self) -> Iterator[Follow]:
        limit_s = min(_STREAM_S, self.post.step_s)
        post = self.post
        with stream_asked(self.place, self.path, [post.channel], post.last_id, limit_s=limit_s) as request:
            answer, lines = request.stream()
            if answer.status != 200 or "event-stream" not in answer.headers.get("content-type", ""):
                raise _Ended(Outcome(f"not offered at {self.url}", skipped=True))
            records = read_records(lines)
            status = next((record for record in records if record.get("event") == "status"), None)
            if status is None:
                raise _Ended(self.missed(0))
            if read_object(status.get("data", "")).get("code") == _NOT_ALLOWED:
                raise _Ended(self.closed())
            yield lambda: records
