"""What a public address shows to those who are no browsers: may they post, and what else is there?

Knows the doors that take a key, the keys that everyone knows, and the operator's pages. Must not know what pages do.
"""

from collections.abc import Callable, Iterator
from functools import partial

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.cli.doctor.calls import call_by_socketio, call_by_websocket
from oyez.cli.doctor.doors import PublicDoor
from oyez.cli.doctor.findings import Finding, Outcome, failure
from oyez.cli.doctor.posting import PostSide
from oyez.errors import OyezError
from oyez.probe.exchange import ask
from oyez.probe.failures import NotOpened, Trouble
from oyez.probe.http_doors import call_api
from oyez.probe.place import Place
from oyez.probe.socketio import PATH, by_polling, by_websocket
from oyez.probe.websocket import opened

_SHORT_S = 3.0
_POST_PATH = "/post"
_API_PAGE = "/api/openapi.json"

Way = tuple[str, str, Callable[[], object]]
"""A way to post: in words, the path that a proxy passes on, and the attempt, which raises OyezError when refused."""


class Stranger(PublicDoor):
    """Somebody outside, who knows what stands in public places. Asks for the newest id only: nothing is posted."""

    def __init__(self, post: PostSide, name: str, place: Place) -> None:
        super().__init__(post, name, place.without_path(), PATH)

    def try_to_post(self) -> Outcome:
        """May anybody post who reaches the address, with a key that everyone knows, or none?"""
        for words, path, attempt in self._ways_to_post():
            self.path = path
            try:
                attempt()
            except OyezError:
                continue
            return self.found("stranger-posts", f"{self.url}: {words}")
        return Outcome("with no key, or one that everyone knows, nobody may post")

    def look_at_back_doors(self) -> Outcome:
        """Which doors are public that browsers have no business at?"""
        findings: list[Finding] = []
        for path, code, is_public in (
            ("/api/", "api-exposed", self._shows_api),
            ("/metrics", "metrics-exposed", self._shows_metrics),
            (_POST_PATH, "post-exposed", self._opens_for_posters),
        ):
            try:
                if is_public():
                    findings += self.found(code, f"{self.place.url(path)} is public", path=path).findings
            except (Trouble, NotOpened):
                continue  # nothing is there
        return failure(*findings) if findings else Outcome("neither /api/ nor /metrics nor /post is public")

    # Ways to post

    def _ways_to_post(self) -> Iterator[Way]:
        """Try as few wrong keys as can be: they count. A key of the site's own that works is the daemon's only one."""
        yield "one needs no key", _POST_PATH, partial(self._ask_raw, None)
        site_key = self.post.site.key
        if self.post.has_own_key:
            return
        for key in [site_key] if site_key in WELL_KNOWN_KEYS else sorted(WELL_KNOWN_KEYS):
            words = f"one may post with the key {key!r}"
            for dial, how in ((by_polling, "by polling"), (by_websocket, "by WebSocket")):
                yield f"{words}, {how}", PATH, partial(call_by_socketio, dial, self.place, key, "last-msg", {})
            yield words, "/api/", partial(self._ask_api, key)
            yield words, _POST_PATH, partial(self._ask_raw, key)

    def _ask_api(self, key: str) -> None:
        answer = call_api(self.place, key, "/last", limit_s=_SHORT_S)
        if answer.status != 200 or "id" not in answer.members:
            raise NotOpened(answer)

    def _ask_raw(self, key: str | None) -> None:
        call_by_websocket(self.place, _POST_PATH, key, "last-msg", {}, limit_s=_SHORT_S)

    # Back doors

    def _shows_api(self) -> bool:
        # The one page that wants no key: a request without one would count as a try to guess it.
        return "openapi" in ask(self.place, _API_PAGE, limit_s=_SHORT_S).members

    def _shows_metrics(self) -> bool:
        return "\noyez_" in ask(self.place, "/metrics", limit_s=_SHORT_S).body

    def _opens_for_posters(self) -> bool:
        with opened(self.place, _POST_PATH, limit_s=_SHORT_S):
            return True
