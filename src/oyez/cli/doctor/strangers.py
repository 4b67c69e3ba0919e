"""What a public address shows to those who are no browsers: may they post, and what else is there?

Knows the doors that take a key, the keys that everyone knows, and the operator's pages. Must not know what pages do.
"""

from oyez.access.keys import WELL_KNOWN_KEYS
from oyez.cli.doctor.doors import PublicDoor
from oyez.cli.doctor.findings import Finding, Outcome, failure
from oyez.contract.clients import may_post
from oyez.contract.findings import Door
from oyez.contract.run import Run
from oyez.errors import OyezError
from oyez.probe.exchange import ask
from oyez.probe.failures import NotOpened, Trouble
from oyez.probe.socketio import PATH
from oyez.probe.websocket import opened

_SHORT_S = 3.0
_POST_PATH = "/post"
_API_PAGE = "/api/openapi.json"

# The path that a proxy passes on, and how one posts there, in words.
_WAYS = {
    Door.POLLING: (PATH, ", by polling"),
    Door.SOCKETIO: (PATH, ", by WebSocket"),
    Door.API: ("/api/", ""),
    Door.POST: (_POST_PATH, ""),
}


class Stranger(PublicDoor):
    """Somebody outside, who knows what stands in public places. Asks for the newest id only: nothing is posted."""

    def try_to_post(self) -> Outcome:
        """May anybody post who reaches the address, with a key that everyone knows, or none?"""
        for key in ["", *self._known_keys()]:
            words = f"one may post with the key {key!r}" if key else "one needs no key"
            for door, (path, how) in _WAYS.items():
                self.path = path
                if (key or door is Door.POST) and self._may_post(door, key):
                    return self.found("stranger-posts", f"{self.url}: {words}{how}")
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

    def _known_keys(self) -> list[str]:
        """Name as few wrong keys as can be: they count. A key of the site's own that works is the daemon's only one."""
        if self.post.has_own_key:
            return []
        site_key = self.post.site.key
        return [site_key] if site_key in WELL_KNOWN_KEYS else sorted(WELL_KNOWN_KEYS)

    def _may_post(self, door: Door, key: str) -> bool:
        try:
            return may_post(Run(self.place.url(), key, step_s=_SHORT_S), door)
        except OyezError:  # nobody answers any more
            return False

    # Back doors

    def _shows_api(self) -> bool:
        # The one page that wants no key: a request without one would count as a try to guess it.
        return "openapi" in ask(self.place, _API_PAGE, limit_s=_SHORT_S).members

    def _shows_metrics(self) -> bool:
        return "\noyez_" in ask(self.place, "/metrics", limit_s=_SHORT_S).body

    def _opens_for_posters(self) -> bool:
        with opened(self.place, _POST_PATH, limit_s=_SHORT_S):
            return True
