"""The way of a post from the site to the daemon: does one answer, does it take the key, does it give an id?

Knows both dialects' posters. Must not know the public side.
"""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.cli.doctor.findings import Finding, Outcome, failure, found
from oyez.cli.doctor.site import Site
from oyez.errors import OyezError
from oyez.probe.answer import Answer
from oyez.probe.dialer import STEP_S
from oyez.probe.exchange import ask
from oyez.probe.failures import NotConnected, NotOpened, Rejected, Trouble
from oyez.probe.place import Place
from oyez.probe.raw import RawSession
from oyez.probe.socketio import PATH, Polling, by_polling
from oyez.probe.websocket import opened

_DEFAULT_PORT = "15100 if not set otherwise"
_DEFAULT_RAW_PORT = "that of [post_listener], 15101 if not set otherwise"

_Members = Mapping[str, object]

# Where container engines leave their mark.
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")


class PostSide:
    """The site's poster, as far as it got.

    Attributes:
        step_s: how long one question may take.
        name: the setting with the address.
        channel: the doctor's own, so that nobody hears what it posts.
        last_id: of the doctor's newest event, 0 before the first.
        answers: a daemon does.
        may_post: it takes the key.
    """

    def __init__(self, site: Site, step_s: float = STEP_S) -> None:
        self.site = site
        self.step_s = step_s
        self.place = site.post
        self.name = site.dialect.post
        self.channel = f"oyez-doctor-{secrets.token_hex(8)}"
        self.last_id = 0
        self.answers = False
        self.may_post = False

    def reach(self) -> Outcome:
        """Ask whether a daemon answers at the address that the site posts to."""
        if self.place is None:
            return Outcome(f"{self.name} holds no address", skipped=True)
        began = time.monotonic()
        try:
            finding = self._reach_raw(self.place) if self.site.dialect.is_raw else self._reach_socketio(self.place)
        except Trouble as trouble:
            return failure(self._unreachable(self.place, trouble))
        except NotOpened as error:
            return failure(self._not_opened(self.place, error.answer))
        self.answers = finding is None or finding.code == "other-daemon"
        return failure(finding) if finding else Outcome(f"it answers at {self._url} ({_ms(began)})")

    def try_key(self) -> Outcome:
        """Ask for the newest id with the site's key, and post one event."""
        if not self.answers:
            return Outcome("no daemon answers", skipped=True)
        began = time.monotonic()
        try:
            last_id = self._call("last-msg")
            event_id = self.post()
        except OyezError as error:
            return failure(self._not_posted(error))
        self.may_post = True
        if not last_id:
            return failure(found("last-id-zero", self.name, "the newest id is 0"))
        return Outcome(f"event {event_id} was taken ({_ms(began)})")

    def post(self) -> int:
        """Post to the doctor's channel as the site would; returns the id. Raises OyezError."""
        self.last_id = self._call("post", channel=self.channel, message="oyez doctor was here")
        return self.last_id

    def _call(self, command: str, **members: object) -> int:
        """Send one command as the site's poster would; returns the id in its answer, 0 if there is none."""
        assert self.place is not None
        call = self._call_raw if self.site.dialect.is_raw else self._call_socketio
        answer = call(self.place, command, members)
        event_id = answer.get("id")
        return event_id if isinstance(event_id, int) else 0

    def _call_raw(self, place: Place, command: str, members: _Members) -> _Members:
        with opened(place, place.path or "/", limit_s=self.step_s) as link:
            session = RawSession(link)
            if self.site.values.get(self.site.dialect.key) is not None:  # as the sites' posters do, even if it is empty
                session.call("auth", key=self.site.key or "")
            return session.call(command, **members)

    def _call_socketio(self, place: Place, command: str, members: _Members) -> _Members:
        # Over polling: where the upgrade fails, the site's poster stays there and works.
        with by_polling(place.without_path(), limit_s=self.step_s) as session:
            session.enter({"role": "sender", "token": self.site.key})
            return session.call(command, *([members] if members else []))

    @property
    def has_own_key(self) -> bool:
        """Whether the daemon takes the site's key, and it is a secret."""
        return self.may_post and self.site.key is not None and self.site.key not in WELL_KNOWN_KEYS

    # What answers

    def _reach_socketio(self, place: Place) -> Finding | None:
        place = place.without_path()  # as the poster does
        url = place.url()
        health = ask(place, "/healthz", limit_s=self.step_s)
        if health.members.get("status") in ("ok", "stopping"):
            return None
        Polling(place, limit_s=self.step_s)
        seen = f"{url} speaks Socket.IO, but its /healthz is not Oyez's ({health})"
        return found("other-daemon", self.name, seen)

    def _reach_raw(self, place: Place) -> Finding | None:
        with opened(place, place.path or "/", limit_s=self.step_s):
            return None

    def _not_opened(self, place: Place, answer: Answer) -> Finding:
        example = self.site.dialect.post_example
        if answer.status >= 500:
            return found("daemon-http-status", self.name, f"{self._url} answers {answer}", example=example)
        if self.site.dialect.is_raw:
            seen = f"{self._url} makes no WebSocket of it: {answer}"
            return found("post-not-websocket", self.name, seen, example=example)
        # As the poster does, whatever the path in the setting is.
        seen = f"{place.without_path().url()} answers {answer} at {PATH}" + _guess(answer)
        return found("not-a-daemon", self.name, seen, port_hint=_DEFAULT_PORT)

    def _unreachable(self, place: Place, trouble: Trouble) -> Finding:
        port = _DEFAULT_RAW_PORT if self.site.dialect.is_raw else _DEFAULT_PORT
        return found(f"daemon-{trouble.kind}", self.name, str(trouble), port_hint=port, host_hint=_host_hint(place))

    def _not_posted(self, error: OyezError) -> Finding:
        dialect = self.site.dialect
        match error:
            case NotConnected() | Rejected(code="auth-failed"):
                well_known = " (the key is a well-known one)" if self.site.key in WELL_KNOWN_KEYS else ""
                return found("key-refused", dialect.key, f"the daemon refuses the key: {error}{well_known}")
            case Rejected(code="may-not-post"):
                seen = f"the daemon knows the key, which is not for the doctor's channel ({self.channel})"
                return found("key-for-some-channels", dialect.key, seen)
            case Rejected(code="unauthorized"):
                return found("key-wanted", dialect.key, f"the daemon wants a key, and {dialect.key} is not set")
            case Rejected(code="bad-command", command="auth"):
                return found("auth-unknown", dialect.key, f"{self._url} knows no keys: {error}")
            case Rejected(code="bad-command"):
                return found("post-wrong-door", self.name, f"{self._url}: {error}", example=dialect.post_example)
            case NotOpened() if not dialect.is_raw:
                return found("post-failed", self.name, f"{self._url} answers {error.answer}")
        return found("post-failed", self.name, str(error))

    @property
    def _url(self) -> str:
        return self.place.url(scheme=self.site.dialect.scheme) if self.place else self.name


def _guess(answer: Answer) -> str:
    if answer.status == 426:  # what a server answers that speaks nothing but WebSocket
        return "; a daemon of raw WebSockets, as DMOJ has it, answers like that"
    return "; the proxy of a site or the site itself answers like that" if answer.is_page else ""


def _host_hint(place: Place) -> str:
    if not place.is_local:
        return "The daemon itself listens on 127.0.0.1 only, unless its setting host says otherwise."
    if any(Path(mark).exists() for mark in _CONTAINER_MARKS):
        return (
            "This is a container, and 127.0.0.1 is the container itself: name the daemon's service or host instead, "
            "and let the daemon listen on 0.0.0.0 (its setting host)."
        )
    return "127.0.0.1 is right only if site and daemon share a machine, or a container."


def _ms(began: float) -> str:
    return f"{(time.monotonic() - began) * 1000:.0f} ms"
