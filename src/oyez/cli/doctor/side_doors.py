"""What else a public address shows: event streams, and doors that are the back ends' and the operator's.

Knows these doors' answers. Must not know the pages' own doors.
"""

import time

from oyez.cli.doctor.findings import Finding, Outcome
from oyez.cli.doctor.posting import PostSide
from oyez.cli.doctor.public import Door
from oyez.cli.probe.exchange import ask, asked
from oyez.cli.probe.failures import Kind, NotOpened, Trouble
from oyez.cli.probe.place import Place
from oyez.cli.probe.web_socket import opened
from oyez.errors import OyezError

_STREAM_PATHS = ("/socket.io/sse", "/sse")  # where `event.js` goes, and where a page without it may go
_STREAM_S = 4.0
_SHORT_S = 3.0
_POST_PATH = "/post"
_API_PAGE = "/api/openapi.json"


class StreamDoor(Door):
    """The door of EventSource."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place.without_path(), _STREAM_PATHS[0])

    def deliver(self) -> Outcome:
        """Is each event passed on at once?"""
        offered: list[Outcome] = []
        for self.path in _STREAM_PATHS:
            outcome = self._deliver()
            if outcome.findings:
                return outcome
            offered += [] if outcome.skipped else [outcome]
        return (
            offered[0]
            if offered
            else Outcome(f"not offered at {' nor '.join(map(self.place.url, _STREAM_PATHS))}", skipped=True)
        )

    def _deliver(self) -> Outcome:
        target = f"{self.path}?channel={self.post.channel}&last={self.post.last_id}"
        try:
            with asked(self.place, target, limit_s=_STREAM_S) as request:
                answer, lines = request.stream()
                if answer.status != 200 or "event-stream" not in answer.headers.get("content-type", ""):
                    return Outcome(f"not offered at {self.url}", skipped=True)
                _ = next(line for line in lines if line.startswith("event: status"))
                if not self.post.may_post:
                    return Outcome("it opens")
                with self.posted() as event_id:
                    began = time.monotonic()
                    _ = next(line for line in lines if line.strip() == f"id: {event_id}")
                return self.prompt("by event stream", time.monotonic() - began)
        except StopIteration:
            return self.found("stream-buffered", f"{self.url} opens, but what the daemon writes does not come")
        except Trouble as trouble:
            if trouble.kind is Kind.SILENT:
                return self.found(
                    "stream-buffered", f"{self.url} is passed on, but what the daemon writes does not come"
                )
            return self.failed(trouble)
        except OyezError as error:
            return self.failed(error)


class BackDoors(Door):
    """The doors that browsers have no business at."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place.without_path(), "/")

    def look(self) -> Outcome:
        """Which of them are open to the public?"""
        post = self.post.place
        if self.place.is_local and post is not None and post.port == self.place.port:
            return Outcome("browsers connect to the daemon itself, as in development", skipped=True)
        findings: list[Finding] = []
        for check in (self._look_at_api, self._look_at_metrics, self._look_at_post):
            try:
                findings += check()
            except (Trouble, NotOpened):
                continue  # nothing is there
        if not findings:
            return Outcome("neither /api/ nor /metrics nor /post is public")
        return Outcome(" and ".join(finding.seen for finding in findings), tuple(findings))

    def _look_at_api(self) -> tuple[Finding, ...]:
        # The one page that wants no key: a request without one would count as a try to guess it.
        parsed = ask(self.place, _API_PAGE, limit_s=_SHORT_S).parsed
        return self._public("api-exposed", "/api/") if isinstance(parsed, dict) and "openapi" in parsed else ()

    def _look_at_metrics(self) -> tuple[Finding, ...]:
        answer = ask(self.place, "/metrics", limit_s=_SHORT_S)
        return self._public("metrics-exposed", "/metrics") if "\noyez_" in answer.body else ()

    def _look_at_post(self) -> tuple[Finding, ...]:
        with opened(self.place, _POST_PATH, limit_s=_SHORT_S):
            return self._public("post-exposed", _POST_PATH)

    def _public(self, code: str, path: str) -> tuple[Finding, ...]:
        return self.found(code, f"{self.place.url(path)} is public", path=path).findings
