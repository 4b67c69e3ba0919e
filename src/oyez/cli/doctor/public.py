"""What all public doors have in common: their name and address, and why an answer is not the daemon's.

Knows HTTP statuses and what proxies mean by them. Must not know what is said at a door.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urljoin

from oyez.cli.doctor.findings import Finding, Outcome, Reach, found
from oyez.cli.doctor.posting import PostSide
from oyez.cli.probe.answer import Answer
from oyez.cli.probe.failures import NotConnected, NotOpened, Rejected, Trouble, Unexpected
from oyez.cli.probe.place import Place, parse_place
from oyez.errors import ConfigError, OyezError

PROMPT_S = 1.0
"""How long an event may take from the post to the browser."""


class NotPosted(OyezError):  # noqa: N818 - what happened
    """The post that a step needs failed this time, though one was taken before."""


class Door:
    """One way in for browsers: the setting that names it, its address, and the `path` that a proxy has to pass."""

    def __init__(self, post: PostSide, name: str, place: Place, path: str) -> None:
        self.post = post
        self.name = name
        self.place = place
        self.path = path
        self.is_open = False

    @property
    def url(self) -> str:
        """The address, for people."""
        return self.place.url(self.path)

    @property
    def upstream(self) -> str:
        """What a proxy has to pass requests on to."""
        return f"the daemon, which is the same as in {self.post.name}"

    # Outcomes

    def found(self, code: str, seen: str, *, setting: str = "", **words: object) -> Outcome:
        """Report what is wrong; with a setting other than the one that names the door, that one is to blame."""
        post = self.post
        words = {
            "example": self.post.site.dialect.public_example,
            "path": self.path,
            "post_setting": post.name,
            "upstream": self.upstream,
            **words,
        }
        finding: Finding = found(code, setting or self.name, seen, **words)
        return Outcome(seen, (finding,))

    def prompt(self, how: str, seconds: float) -> Outcome:
        """Report an event that came, and was perhaps late."""
        reach = Reach.MACHINE if self.place.is_local else Reach.PUBLIC
        if seconds > PROMPT_S:
            outcome = self.found("event-late", f"an event {how} came after {seconds:.1f} s")
            return replace(outcome, reach=reach)
        when = f"after {seconds * 1000:.0f} ms" if seconds >= 0.001 else "at once"
        return Outcome(f"an event came {when}", reach=reach)

    def failed(self, error: OyezError) -> Outcome:
        """Report what a step was ended by."""
        if isinstance(error, Trouble):
            return self.found(f"public-{error.kind}", str(error))
        if isinstance(error, NotOpened | Unexpected):
            return self.explain(error.answer)
        if isinstance(error, NotConnected | Rejected):
            return self.found("listener-refused", f"{self.url}: {error}")
        return Outcome(str(error), skipped=True)

    def full(self, seen: str) -> Outcome:
        """Report that there is no room."""
        return self.found(
            "at-capacity", f"{seen}: the daemon has no room for one more", setting="limits.max_connections"
        )

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
        scheme = "ws" if self.post.site.dialect.schemes == ("ws", "wss") else "http"
        return self.found("public-redirect", seen, example=there.url(self.place.path, scheme=scheme))

    # Helps

    @contextmanager
    def posted(self) -> Iterator[int]:
        """Post, and lend the id of the event. Raises NotPosted."""
        try:
            event_id = self.post.post()
        except OyezError as error:
            raise NotPosted(f"the post failed this time: {error}") from error
        yield event_id
