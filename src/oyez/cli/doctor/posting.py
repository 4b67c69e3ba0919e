"""The way of a post from the site to the daemon: does one answer, does it take the key, does it give an id?

Knows both dialects' posters. Must not know the public side.
"""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.cli.doctor import raw, socketio
from oyez.cli.doctor.findings import Finding, Outcome, found
from oyez.cli.doctor.site import Site
from oyez.cli.probe.answer import Answer
from oyez.cli.probe.exchange import ask
from oyez.cli.probe.failures import NotConnected, NotOpened, Rejected, Trouble, Unexpected
from oyez.cli.probe.place import Place
from oyez.cli.probe.web_socket import opened
from oyez.errors import OyezError

_DEFAULT_PORT = "15100 if not set otherwise"
_DEFAULT_RAW_PORT = "that of [post_listener], 15101 if not set otherwise"

# Where container engines leave their mark.
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")


class PostSide:
    """The site's poster, as far as it got. `channel` is the doctor's own, so nobody hears what it posts."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.place = site.post
        self.channel = f"oyez-doctor-{secrets.token_hex(8)}"
        self.last_id = 0
        self.answers = False
        self.may_post = False

    @property
    def name(self) -> str:
        """The setting with the address."""
        return self.site.dialect.post

    # Steps

    def reach(self) -> Outcome:
        """Does a daemon answer?"""
        if self.place is None:
            return Outcome(f"{self.name} holds no address", skipped=True)
        began = time.monotonic()
        try:
            finding = self._reach_raw(self.place) if self.site.dialect.is_raw else self._reach_socketio(self.place)
        except Trouble as trouble:
            return self._failed(self._unreachable(self.place, trouble))
        self.answers = finding is None or finding.code == "other-daemon"
        if finding is not None:
            return self._failed(finding)
        return Outcome(f"it answers at {self._url(self.place)} ({_ms(began)})")

    def try_key(self) -> Outcome:
        """Does it take the key, and a post, and does it name its newest id?"""
        if self.place is None or not self.answers:
            return Outcome("no daemon answers", skipped=True)
        began = time.monotonic()
        try:
            last_id = self._call("last-msg", None)
            event_id = self.post()
        except OyezError as error:
            return self._failed(self._not_posted(error))
        self.may_post = True
        if not last_id:
            return self._failed(found("last-id-zero", self.name, "the newest id is 0"))
        return Outcome(f"event {event_id} was taken ({_ms(began)})")

    # Posting

    def post(self) -> int:
        """Post to the doctor's channel as the site would; returns the id. Raises OyezError."""
        self.last_id = self._call("post", {"channel": self.channel, "message": "oyez doctor was here"})
        return self.last_id

    def _call(self, command: str, argument: Mapping[str, object] | None) -> int:
        assert self.place is not None
        call = self._call_raw if self.site.dialect.is_raw else self._call_socketio
        event_id = call(self.place, command, argument).get("id")
        return event_id if isinstance(event_id, int) else 0

    def _call_socketio(self, place: Place, command: str, argument: Mapping[str, object] | None) -> Mapping[str, object]:
        # Over polling: where the upgrade fails, the site's poster stays there and works.
        with socketio.by_polling(place, {"role": "sender", "token": self.site.key}) as session:
            answer = session.call(command, *([] if argument is None else [argument]))
        if answer.get("status") != "success":
            raise Rejected(command, str(answer.get("code", "")), str(answer.get("message", "")))
        return answer

    def _call_raw(self, place: Place, command: str, argument: Mapping[str, object] | None) -> Mapping[str, object]:
        with opened(place, place.path or "/") as link:
            if (
                self.site.values.get(self.site.dialect.key) is not None
            ):  # as the sites' posters do: an empty key is shown as well
                raw.call(link, "auth", key=self.site.key or "")
            return raw.call(link, command, **(argument or {}))

    # What answers

    def _reach_socketio(self, place: Place) -> Finding | None:
        place = place.without_path()  # as the poster does
        health = ask(place, "/healthz")
        if _is_oyez(health):
            return None
        answer = ask(place, socketio.POLLING)
        if answer.status == 200 and socketio.read_handshake(answer) is not None:
            seen = f"{self._url(place)} speaks Socket.IO, but its /healthz is not Oyez's ({health})"
            return found("other-daemon", self.name, seen)
        if answer.status >= 500:
            return self._bad_status(answer)
        seen = f"{self._url(place)} answers {answer} at {socketio.PATH}" + _guess(answer)
        return found("not-a-daemon", self.name, seen, port_hint=_DEFAULT_PORT)

    def _reach_raw(self, place: Place) -> Finding | None:
        try:
            with opened(place, place.path or "/"):
                return None
        except NotOpened as error:
            if error.answer.status >= 500:
                return self._bad_status(error.answer)
            seen = f"{self._url(place)} makes no WebSocket of it: {error.answer}"
            return found("post-not-websocket", self.name, seen, example=self._example())

    def _bad_status(self, answer: Answer) -> Finding:
        return found(
            "daemon-http-status",
            self.name,
            f"{self._url(self.place)} answers {answer}",
            example=self._example(),
        )

    def _unreachable(self, place: Place, trouble: Trouble) -> Finding:
        port = _DEFAULT_RAW_PORT if self.site.dialect.is_raw else _DEFAULT_PORT
        words = {"port_hint": port, "host_hint": _host_hint(place)}
        return found(f"daemon-{trouble.kind}", self.name, str(trouble), **words)

    def _not_posted(self, error: OyezError) -> Finding:
        key = self.site.dialect.key
        if isinstance(error, NotConnected) or (isinstance(error, Rejected) and error.code == "auth-failed"):
            well_known = " (the key is a well-known one)" if self.site.key in WELL_KNOWN_KEYS else ""
            return found("key-refused", key, f"the daemon refuses the key: {error}{well_known}")
        if isinstance(error, Rejected) and error.code == "unauthorized":
            return found("key-wanted", key, f"the daemon wants a key, and {key} is not set")
        if isinstance(error, Rejected) and error.code == "bad-command":
            if error.command == "auth":
                return found("auth-unknown", key, f"{self._url(self.place)} knows no keys: {error}")
            return found("post-wrong-door", self.name, f"{self._url(self.place)}: {error}", example=self._example())
        if isinstance(error, Unexpected):
            return found("post-failed", self.name, f"{self._url(self.place)} answers {error.answer}")
        return found("post-failed", self.name, str(error))

    def _example(self) -> str:
        return self.site.dialect.post_example

    def _url(self, place: Place | None) -> str:
        return place.url(scheme="ws" if self.site.dialect.is_raw else "http") if place else self.name

    def _failed(self, finding: Finding) -> Outcome:
        return Outcome(finding.seen, (finding,))


def _is_oyez(answer: Answer) -> bool:
    return isinstance(answer.parsed, dict) and answer.parsed.get("status") in ("ok", "stopping")


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
